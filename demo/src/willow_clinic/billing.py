"""Billing: what is unpaid, invoices and payments."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, Field

import wardlight_sdk as wardlight
from willow_clinic.database import Connection, one, rows
from willow_clinic.people import Member, may

router = APIRouter()
_log = logging.getLogger(__name__)


class NewInvoice(BaseModel):
    """An invoice to write."""

    mrn: str
    cents: int = Field(gt=0)


@router.get("/invoices", dependencies=[may("invoices.read")])
async def unpaid(connection: Connection) -> list[dict[str, Any]]:
    """List the invoices that are longest unpaid."""
    found = await rows(
        connection, "SELECT id, mrn, cents, issued_at FROM invoices WHERE paid_at IS NULL ORDER BY issued_at LIMIT 30"
    )
    wardlight.feature_use("invoicing")
    return found


@router.post("/invoices", status_code=201)
async def write(
    invoice: NewInvoice, connection: Connection, member: Annotated[Member, may("invoices.write")]
) -> dict[str, int]:
    """Write an invoice."""
    made = await one(
        connection,
        """INSERT INTO invoices (mrn, cents) SELECT mrn, %(cents)s FROM patients WHERE mrn = %(mrn)s RETURNING id""",
        **invoice.model_dump(),
    )
    if not made:
        raise HTTPException(404, "no such patient")
    wardlight.feature_use("invoicing")
    wardlight.record_access("Invoice", str(made["id"]), patient=invoice.mrn, action="C", purpose=member.purpose)
    return {"id": made["id"]}


@router.post("/invoices/{invoice}/payment")
async def pay(invoice: int, connection: Connection, member: Annotated[Member, may("invoices.write")]) -> dict[str, str]:
    """Note that an invoice was paid."""
    paid = await one(
        connection,
        "UPDATE invoices SET paid_at = now() WHERE id = %(id)s AND paid_at IS NULL RETURNING mrn",
        id=invoice,
    )
    if not paid:
        raise HTTPException(409, "no such unpaid invoice")
    wardlight.feature_use("payments")
    wardlight.record_access("Invoice", str(invoice), patient=paid["mrn"], action="U", purpose=member.purpose)
    _log.info("invoice %s paid", invoice)
    return {"status": "paid"}
