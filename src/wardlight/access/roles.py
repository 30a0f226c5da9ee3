"""Roles, what each may do, and what of the logs each sees: the one table; docs and tests are derived from it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from wardlight.records import KINDS, Sight


class Right(StrEnum):
    """Something one may do."""

    LOOK = "look"
    """See how the platform is: overview, metrics, incidents, who is on call, heartbeats, deployments."""
    LOGS = "logs"
    """Ask the logs, of the kinds that the role sees."""
    ACT = "act"
    """Work on incidents: acknowledge, note, resolve, document, silence; stand in for somebody on call."""
    TELL = "tell"
    """Announce maintenance and deployments."""
    TRAIL = "trail"
    """Read the audit trail in clear: searches, exports, FHIR, the ledger's entries."""
    MANAGE = "manage"
    """Settings, heartbeats, the projection of the audit trail."""
    ADMIT = "admit"
    """Let people and machines in: accounts, roles, tokens."""
    SEND = "send"
    """Send records: for machines."""
    PING = "ping"
    """Report to a heartbeat, send alerts: for machines."""
    OWN = "own"
    """What the owner of the data directory may, and no role: backups to anywhere, dead letters, replays, legal holds."""


class Role(StrEnum):
    """What somebody is in the house."""

    ADMINISTRATOR = "administrator"
    SUPPORT = "support"
    DEVELOPER = "developer"
    PRIVACY = "privacy-officer"
    AUDITOR = "auditor"


RIGHTS = {
    Role.ADMINISTRATOR: frozenset({Right.LOOK, Right.LOGS, Right.ACT, Right.TELL, Right.MANAGE, Right.ADMIT}),
    Role.SUPPORT: frozenset({Right.LOOK, Right.LOGS, Right.ACT}),
    Role.DEVELOPER: frozenset({Right.LOOK, Right.LOGS, Right.ACT, Right.TELL}),
    Role.PRIVACY: frozenset({Right.LOOK, Right.LOGS, Right.ACT, Right.TRAIL}),
    Role.AUDITOR: frozenset({Right.LOOK, Right.LOGS, Right.TRAIL}),
}

SIGHTS = {
    Role.ADMINISTRATOR: Sight(masked=True),
    Role.SUPPORT: Sight(frozenset({"application", "error", "security"}), masked=True),
    Role.DEVELOPER: Sight(frozenset({"application", "error"}), masked=True, finds=False),
    Role.PRIVACY: Sight(),
    Role.AUDITOR: Sight(),
}

NOTHING = Sight(frozenset(), masked=True, finds=False)


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    """Sum up the rights of several roles."""
    return frozenset().union(*(RIGHTS[role] for role in roles))


def sight_of(roles: Iterable[Role]) -> Sight:
    """Sum up what several roles see.

    Kinds add up; in clear only if a role that sees in clear sees all that the others see.

    >>> sight_of([Role.DEVELOPER, Role.AUDITOR]) == SIGHTS[Role.AUDITOR]
    True
    """
    sights = [SIGHTS[role] for role in roles] or [NOTHING]
    kinds = frozenset().union(*(one.kinds for one in sights))
    clear = any(not one.masked and one.kinds == frozenset(KINDS) for one in sights)
    return Sight(kinds, masked=not clear, finds=any(one.finds for one in sights))
