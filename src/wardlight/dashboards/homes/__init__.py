"""One board to start from for each reader: administrators, support, developers, privacy officers."""
