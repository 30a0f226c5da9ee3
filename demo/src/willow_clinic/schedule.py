"""Appointments: the day's list, booking, and what becomes of them."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

import wardlight_sdk as wardlight
from willow_clinic.database import Connection, one, rows
from willow_clinic.people import Member, may

router = APIRouter()
_log = logging.getLogger(__name__)


class NewAppointment(BaseModel):
    """An appointment to book."""

    mrn: str
    doctor: str
    starts_at: datetime
    reason: str


class Change(BaseModel):
    """What became of an appointment."""

    status: Literal["arrived", "completed", "cancelled"]


@router.get("/appointments", dependencies=[may("schedule.read")])
async def today(connection: Connection, doctor: str = "") -> list[dict[str, Any]]:
    """List the open appointments of the hours around now; of one doctor, if named."""
    found = await rows(
        connection,
        """SELECT id, mrn, family, given, doctor, starts_at, reason, status FROM appointments JOIN patients USING (mrn)
           WHERE starts_at BETWEEN now() - interval '12 hours' AND now() + interval '12 hours'
             AND status IN ('booked', 'arrived') AND %(doctor)s IN ('', doctor)
           ORDER BY starts_at LIMIT 30""",
        doctor=doctor,
    )
    wardlight.feature_use("schedule")
    return found


@router.post("/appointments", status_code=201)
async def book(
    appointment: NewAppointment, connection: Connection, member: Annotated[Member, may("schedule.write")]
) -> dict[str, int]:
    """Book an appointment."""
    made = await one(
        connection,
        """INSERT INTO appointments (mrn, doctor, starts_at, reason)
           SELECT mrn, username, %(starts_at)s, %(reason)s FROM patients, staff
           WHERE mrn = %(mrn)s AND username = %(doctor)s AND role = 'doctor' RETURNING id""",
        **appointment.model_dump(),
    )
    if not made:
        raise HTTPException(404, "no such patient or doctor")
    wardlight.feature_use("booking")
    wardlight.record_access("Appointment", str(made["id"]), patient=appointment.mrn, action="C", purpose=member.purpose)
    _log.info("appointment %s booked", made["id"])
    return {"id": made["id"]}


@router.patch("/appointments/{appointment}")
async def change(
    appointment: int,
    wanted: Change,
    connection: Connection,
    member: Annotated[Member, may("schedule.write")],
) -> dict[str, str]:
    """Say what became of an appointment."""
    changed = await one(
        connection,
        "UPDATE appointments SET status = %(status)s WHERE id = %(id)s RETURNING mrn",
        id=appointment,
        status=wanted.status,
    )
    if not changed:
        raise HTTPException(404, "no such appointment")
    wardlight.feature_use("check-in" if wanted.status == "arrived" else "schedule")
    wardlight.record_access("Appointment", str(appointment), patient=changed["mrn"], action="U", purpose=member.purpose)
    _log.info("appointment %s %s", appointment, wanted.status)
    return {"status": wanted.status}
