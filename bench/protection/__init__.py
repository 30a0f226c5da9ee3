"""Corpora of log lines with labelled identifiers, seeded: one that the patterns were made with, one held out."""
