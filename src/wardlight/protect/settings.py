"""What an administrator may say about protection."""

from __future__ import annotations

from wardlight.config import Section


class Protect(Section, frozen=True):
    """Identifiers and secrets out of log records, before anything is written."""

    enabled: bool = True
    """Protect records; `false` is for test systems without patients only."""
    mrn_patterns: tuple[str, ...] = ()
    """Further forms of medical record numbers, as RE2 patterns like `\\bKH-\\d{8}\\b`."""
    actions: tuple[str, ...] = ()
    """What happens to a kind of identifier, as `email=pseudonym`: `drop`, `mask` or `pseudonym`."""
    attributes: tuple[str, ...] = ()
    """Further attributes that always carry an identifier, as `next_of_kin=name`; `=keep` takes one off the list."""
    columns: tuple[str, ...] = ()
    """`user_id` or `patient_id`, to be pseudonymised; the audit trail needs both in clear."""
