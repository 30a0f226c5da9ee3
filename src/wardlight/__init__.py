"""Wardlight: monitoring, logging and audit for healthcare platforms."""

__version__ = "0.1.0"
