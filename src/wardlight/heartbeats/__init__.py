"""Heartbeats: jobs that say that they ran; silence is the alarm.

`plan` says what is expected of one, `life` what its pings make of it, `tables` where it is kept, `files` reads those
that are defined in a file; `Heartbeats` is the service, `Watch` looks at the clock and tells Alertmanager.
"""

from wardlight.heartbeats.life import Action, Stand
from wardlight.heartbeats.plan import Definition, Plan
from wardlight.heartbeats.service import Heartbeat, HeartbeatFile, Heartbeats
from wardlight.heartbeats.watch import Watch

__all__ = ["Action", "Definition", "Heartbeat", "HeartbeatFile", "Heartbeats", "Plan", "Stand", "Watch"]
