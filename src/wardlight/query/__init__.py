"""LogQL: text to tokens, to a typed tree, through passes, to SQL with bound parameters, to an answer."""

from wardlight.query.service import QueryService, Range, Reader

__all__ = ["QueryService", "Range", "Reader"]
