"""From wire bytes to records: one pure decoder a protocol, one sink for all of them."""
