"""Who works here: signing in and out, sessions, and what each role may do."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import uuid
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

import wardlight_sdk as wardlight
from willow_clinic.database import Connection, one, rows
from willow_clinic.faults import Faults
from willow_clinic.passwords import hashed, matches

IDLE = "15 minutes"
"""After this long without a request a session ends by itself."""

MAY = {
    "patients.search": {"doctor", "nurse", "front_desk", "billing"},
    "patients.register": {"front_desk"},
    "chart.read": {"doctor", "nurse"},
    "schedule.read": {"doctor", "nurse", "front_desk"},
    "schedule.write": {"doctor", "nurse", "front_desk"},
    "prescriptions.write": {"doctor"},
    "invoices.read": {"billing"},
    "invoices.write": {"billing"},
    "patients.export": {"billing", "administrator"},
    "staff.read": {"administrator"},
    "staff.write": {"administrator"},
}
"""Permission to the roles that have it."""

PURPOSE = {
    "doctor": "TREAT",
    "nurse": "TREAT",
    "front_desk": "HOPERAT",
    "billing": "HPAYMT",
    "administrator": "HOPERAT",
}
"""Why a role opens records, by HL7's purposes of use."""

router = APIRouter()
_bearer = HTTPBearer(auto_error=False)
_nobody = hashed(secrets.token_urlsafe())


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who is signed in."""

    username: str
    role: str
    session: str

    @property
    def purpose(self) -> str:
        """Why they open records."""
        return PURPOSE[self.role]


class Credentials(BaseModel):
    """What a person signs in with."""

    username: str
    password: str


class Role(BaseModel):
    """What somebody is to be."""

    role: Literal["doctor", "nurse", "front_desk", "billing", "administrator"]


async def _member(
    connection: Connection, bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Member:
    """Find who is asking by the session's token."""
    found = bearer and await one(
        connection,
        """UPDATE sessions SET seen_at = now() FROM staff
            WHERE token_hash = %(token)s AND ended_at IS NULL AND seen_at > now() - %(idle)s::interval
              AND staff.username = sessions.username
            RETURNING sessions.id::text AS id, staff.username, role""",
        token=_digest(bearer.credentials),
        idle=IDLE,
    )
    if not found:
        raise HTTPException(401, "sign in first")
    member = Member(found["username"], found["role"], found["id"])
    wardlight.bind(user=member.username, role=member.role, session=member.session)
    return member


SignedIn = Annotated[Member, Depends(_member, scope="function")]


def may(permission: str) -> Any:
    """Depend on a role that has a permission; gives the member of the staff."""
    roles = MAY[permission]

    async def check(request: Request, connection: Connection, member: SignedIn) -> Member:
        if member.role not in roles:
            wardlight.permission_denied(permission)
            raise HTTPException(403, f"a {member.role} may not: {permission}")
        await _strike(request.app.state.faults, connection, permission)
        return member

    return Depends(check, scope="function")


async def _strike(faults: Faults, connection: Connection, permission: str) -> None:
    """Let the faults of the demo happen: here, where every feature passes."""
    if faults.active("records-hidden") and permission == "chart.read":
        await connection.execute("SET LOCAL clinic.hidden = 'on'")
    if faults.active("slow-queries"):
        await connection.execute("SELECT pg_sleep(3)")
    if faults.active("error-burst"):
        await connection.execute("SET LOCAL search_path = pg_catalog")


@router.post("/session", status_code=201)
async def sign_in(credentials: Credentials, connection: Connection) -> dict[str, str]:
    """Sign in: gives the token of a new session."""
    found = await one(
        connection, "SELECT username, role, password FROM staff WHERE username = %(name)s", name=credentials.username
    )
    stored = found["password"] if found else _nobody  # so that a name can't be guessed by the time it takes
    if not await asyncio.to_thread(matches, credentials.password, stored) or not found:
        # An unknown name may be a password typed into the wrong field: it isn't sent.
        wardlight.user_login(
            found["username"] if found else "", outcome="failure", reason="wrong password" if found else "unknown name"
        )
        raise HTTPException(401, "wrong name or password")
    session, token = str(uuid.uuid4()), secrets.token_urlsafe(32)
    await connection.execute(
        "INSERT INTO sessions (id, token_hash, username) VALUES (%s, %s, %s)",
        (session, _digest(token), found["username"]),
    )
    wardlight.bind(user=found["username"], role=found["role"], session=session)
    wardlight.user_login(found["username"], role=found["role"])
    wardlight.session_start(session)
    return {"token": token, "role": found["role"]}


@router.delete("/session", status_code=204)
async def sign_out(connection: Connection, member: SignedIn) -> None:
    """Sign out."""
    await connection.execute("UPDATE sessions SET ended_at = now() WHERE id = %s", (member.session,))
    wardlight.user_logout()
    wardlight.session_end(member.session)


@router.get("/staff", dependencies=[may("staff.read")])
async def staff(connection: Connection) -> list[dict[str, Any]]:
    """List who works here."""
    wardlight.feature_use("staff-list")
    return await rows(connection, "SELECT username, name, role FROM staff ORDER BY role, username")


@router.put("/staff/{username}/role")
async def grant(
    username: str, wanted: Role, connection: Connection, _: Annotated[Member, may("staff.write")]
) -> dict[str, str]:
    """Give somebody another role; it counts from their next request on."""
    changed = await one(
        connection,
        "UPDATE staff SET role = %(role)s WHERE username = %(name)s RETURNING username",
        role=wanted.role,
        name=username,
    )
    if not changed:
        raise HTTPException(404, "no such member of the staff")
    wardlight.role_granted(wanted.role, to=username)
    return {"role": wanted.role}


async def end_idle_sessions(connection: Connection) -> None:
    """Log off those who have been away for too long."""
    ended = await rows(
        connection,
        """UPDATE sessions SET ended_at = now() WHERE ended_at IS NULL AND seen_at < now() - %(idle)s::interval
            RETURNING id::text AS id, username""",
        idle=IDLE,
    )
    for session in ended:
        wardlight.session_end(session["id"], reason="timeout", user=session["username"])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
