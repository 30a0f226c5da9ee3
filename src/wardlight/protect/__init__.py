"""Identifiers and secrets out of log records, before anything is written."""
