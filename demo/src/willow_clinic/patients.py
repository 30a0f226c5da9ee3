"""Patients: searching, registering, opening a chart, prescribing, exporting."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, HTTPException, Query
from pydantic import BaseModel

import wardlight_sdk as wardlight
from willow_clinic.database import Connection, one, rows
from willow_clinic.people import Member, may

router = APIRouter()


class NewPatient(BaseModel):
    """A person to register."""

    family: str
    given: str
    born: date
    sex: Literal["female", "male", "other", "unknown"] = "unknown"
    phone: str = ""
    street: str = ""


class NewPrescription(BaseModel):
    """A medicine to prescribe."""

    medicine: str
    dose: str


@router.get("/patients")
async def search(
    connection: Connection, member: Annotated[Member, may("patients.search")], family: str = ""
) -> list[dict[str, Any]]:
    """Search patients by the beginning of their family name."""
    found = await rows(
        connection,
        """SELECT mrn, family, given, born FROM patients
           WHERE starts_with(lower(family), lower(%(family)s)) ORDER BY family, given LIMIT 50""",
        family=family,
    )
    wardlight.feature_use("patient-search")
    wardlight.record_access("Patient", "", patient="", action="E", purpose=member.purpose)
    return found


@router.post("/patients", status_code=201)
async def register(
    patient: NewPatient, connection: Connection, member: Annotated[Member, may("patients.register")]
) -> dict[str, Any]:
    """Register a patient."""
    made = await one(
        connection,
        """INSERT INTO patients (family, given, born, sex, phone, street)
           VALUES (%(family)s, %(given)s, %(born)s, %(sex)s, %(phone)s, %(street)s) RETURNING mrn""",
        **patient.model_dump(),
    )
    mrn = made["mrn"] if made else ""
    wardlight.feature_use("registration")
    wardlight.record_access("Patient", mrn, patient=mrn, action="C", purpose=member.purpose)
    return {"mrn": mrn}


@router.get("/patients/export")
async def export(
    connection: Connection,
    member: Annotated[Member, may("patients.export")],
    limit: Annotated[int, Query(ge=1, le=5000)] = 25,
) -> list[dict[str, Any]]:
    """Export patients with their addresses, those registered last first."""
    found = await rows(connection, "SELECT * FROM patients ORDER BY mrn DESC LIMIT %(limit)s", limit=limit)
    wardlight.feature_use("export")
    wardlight.record_export("Patient", [patient["mrn"] for patient in found], purpose=member.purpose)
    return found


@router.get("/patients/{mrn}", dependencies=[may("chart.read")])
async def chart(
    mrn: str,
    connection: Connection,
    purpose: Literal["TREAT", "ETREAT"] = "TREAT",
) -> dict[str, Any]:
    """Open a patient's chart; in an emergency with the purpose ETREAT."""
    patient = await one(connection, "SELECT * FROM patients WHERE mrn = %(mrn)s", mrn=mrn)
    outcome: wardlight.Outcome = "success" if patient else "failure"
    wardlight.feature_use("chart")
    wardlight.record_access("Patient", mrn, patient=mrn, purpose=purpose, outcome=outcome)
    if not patient:
        raise HTTPException(404, "no such patient")
    issued = await rows(
        connection,
        """SELECT medicine, dose, doctor, issued_at FROM prescriptions WHERE mrn = %(mrn)s
           ORDER BY issued_at DESC LIMIT 20""",
        mrn=mrn,
    )
    return {**patient, "prescriptions": issued}


@router.post("/patients/{mrn}/prescriptions", status_code=201)
async def prescribe(
    mrn: str,
    prescription: NewPrescription,
    connection: Connection,
    member: Annotated[Member, may("prescriptions.write")],
) -> dict[str, int]:
    """Prescribe a medicine."""
    made = await one(
        connection,
        """INSERT INTO prescriptions (mrn, doctor, medicine, dose)
           SELECT mrn, %(doctor)s, %(medicine)s, %(dose)s FROM patients WHERE mrn = %(mrn)s RETURNING id""",
        mrn=mrn,
        doctor=member.username,
        **prescription.model_dump(),
    )
    if not made:
        raise HTTPException(404, "no such patient")
    wardlight.feature_use("prescribing")
    wardlight.record_access("MedicationRequest", str(made["id"]), patient=mrn, action="C")
    return {"id": made["id"]}
