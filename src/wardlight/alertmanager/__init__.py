"""Speaking to Alertmanager: `outbox` tells it of alerts until it has taken them, `silences` keeps silences there.

Both its names and ours for an alert are `labels`; a silence is found again by its `mark`.
"""

from wardlight.alertmanager.outbox import Notice, Outbox
from wardlight.alertmanager.silences import Matcher, Silences

__all__ = ["Matcher", "Notice", "Outbox", "Silences"]
