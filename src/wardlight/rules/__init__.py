"""Rules on logs: Prometheus's rule files with LogQL, evaluated on schedule; alerts go to Alertmanager.

`files` reads rule files, `life` is the state machine of an alert, `schedule` says when a group is due, `memory` keeps
what must outlive a restart, `outbox` tells Alertmanager, `Ruler` (`ruler`) does it all for as long as the server runs.
"""
