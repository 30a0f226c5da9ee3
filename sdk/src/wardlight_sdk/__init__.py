"""Send logs, audit events and metrics of a healthcare application to Wardlight."""
