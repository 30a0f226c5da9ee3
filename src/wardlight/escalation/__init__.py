"""Who is told of an incident, how and after how long, until somebody answers.

policy, policy_file, when      what oncall.toml says
rotation, ical, calendars,
overrides, roster              who is on call
course                         what happens next to an incident: pure decisions
tables, book, steady           what is kept, and the timers' clock
wording, sending               messages, and what became of them
service                        `Escalation`: looks, decides, sends
"""

from wardlight.escalation.course import Delivery
from wardlight.escalation.roster import OnDuty, Roster
from wardlight.escalation.rotation import Duty, Shift
from wardlight.escalation.service import Escalation

__all__ = ["Delivery", "Duty", "Escalation", "OnDuty", "Roster", "Shift"]
