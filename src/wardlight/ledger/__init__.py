"""The ledger: the audit trail as an append-only log whose files other people's tools verify. `Ledger` is its front."""

from wardlight.ledger.log import Ledger

__all__ = ["Ledger"]
