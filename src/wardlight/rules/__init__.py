"""Rules on logs: Prometheus's rule files with LogQL, evaluated on schedule; alerts go to Alertmanager.

`files` reads rule files, `sources` finds them, `life` is the state machine of an alert, `schedule` says when a group is
due, `memory` keeps what must outlive a restart; `Ruler` does it all while the server runs.
"""

from wardlight.rules.queries import Queries
from wardlight.rules.ruler import Ruler

__all__ = ["Queries", "Ruler"]
