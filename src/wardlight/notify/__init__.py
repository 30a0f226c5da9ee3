"""Channels: sends one message to one address of Apprise's many services, and makes the links that acknowledge.

`message` says what is sent, `plain` what may be in it, `channel` how it goes, `links` who may acknowledge by a click.
It knows nothing of incidents.
"""

from wardlight.notify.channel import Failed, Outcome, Sent, refusal, send, service
from wardlight.notify.links import Link, Links
from wardlight.notify.message import Message
from wardlight.notify.plain import plain

__all__ = ["Failed", "Link", "Links", "Message", "Outcome", "Sent", "plain", "refusal", "send", "service"]
