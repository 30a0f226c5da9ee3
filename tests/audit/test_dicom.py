"""DICOM audit messages and RFC 3881's are read into the model; what strays is read as far as it goes and said."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wardlight.audit import codes, dicom
from wardlight.audit.event import DCM, PURPOSE, AuditEvent, Entry, decode, encode, patients, users
from wardlight.problems import BadInput, Problem

FOLDER = (
    Path(os.environ.get("WARDLIGHT_CONFORMANCE", Path(__file__).parents[3] / "shared/conformance"))
    / "audit/atna-syslog"
)
real = pytest.mark.skipif(not FOLDER.exists(), reason="the conformance data isn't here: set WARDLIGHT_CONFORMANCE")


def datagram(number: int) -> str:
    """The message of a real datagram, without the syslog header."""
    return (FOLDER / f"msg{number}.syslog").read_text().partition(" - ")[2]


def code(name: str, value: str, display: str = "", system: str = "DCM") -> str:
    return f'<{name} csd-code="{value}" originalText="{display}" codeSystemName="{system}"/>'


ALL = f"""<?xml version="1.0" encoding="UTF-8"?>
<AuditMessage>
  <EventIdentification EventActionCode="R" EventDateTime="2026-01-01T12:00:00.123456789+01:00" EventOutcomeIndicator="4">
    {code("EventID", "110112", "Query")}
    {code("EventTypeCode", "ITI-18", "Registry Stored Query", "IHE Transactions")}
    <EventOutcomeDescription>nothing found</EventOutcomeDescription>
    {code("PurposeOfUse", "ETREAT", "Emergency Treatment", "2.16.840.1.113883.5.8")}
  </EventIdentification>
  <ActiveParticipant UserID="consumer" AlternativeUserID="4711" UserName="Ward desk" UserIsRequestor="true"
      NetworkAccessPointID="192.0.2.7" NetworkAccessPointTypeCode="2">
    {code("RoleIDCode", "110153", "Source Role ID")}{code("RoleIDCode", "nurse", "Nurse", "1.2.3.4")}
    <MediaIdentifier>{code("MediaType", "110030", "USB Disk Emulation")}</MediaIdentifier>
  </ActiveParticipant>
  <ActiveParticipant UserID="registry" UserIsRequestor="false">
    {code("RoleIDCode", "110152", "Destination Role ID")}
  </ActiveParticipant>
  <AuditSourceIdentification AuditEnterpriseSiteID="Willow" AuditSourceID="pacs" code="4">
    <AuditSourceTypeCode>9</AuditSourceTypeCode>
  </AuditSourceIdentification>
  <ParticipantObjectIdentification ParticipantObjectID="17^^^WARD&amp;1.2.3&amp;ISO" ParticipantObjectTypeCode="1"
      ParticipantObjectTypeCodeRole="1" ParticipantObjectDataLifeCycle="6" ParticipantObjectSensitivity="VIP">
    {code("ParticipantObjectIDTypeCode", "2", "Patient Number", "RFC-3881")}
    <ParticipantObjectName>Roe^Jane</ParticipantObjectName>
  </ParticipantObjectIdentification>
  <ParticipantObjectIdentification ParticipantObjectID="1.2.840.99" ParticipantObjectTypeCode="2"
      ParticipantObjectTypeCodeRole="24">
    {code("ParticipantObjectIDTypeCode", "110180", "Study Instance UID")}
    <ParticipantObjectQuery>PHE+
    </ParticipantObjectQuery>
    <ParticipantObjectDetail type="QueryEncoding" value="VVRGLTg="/>
    <ParticipantObjectDescription>a study<SOPClass UID="1.2.840.5" NumberOfInstances="3"/></ParticipantObjectDescription>
    <Accession Number="A1"/>
  </ParticipantObjectIdentification>
</AuditMessage>"""

RFC_3881 = """<13>2026-01-01T12:00:00+00:00 emr.example
<?xml version="1.0" encoding="ASCII"?>
<AuditMessage xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="audit.xsd">
 <EventIdentification EventActionCode="R" EventDateTime="2026-01-01T12:00:00+00:00" EventOutcomeIndicator="0">
  <EventID code="eventIDcode" displayName="Patient Record" codeSystemName="DCM" />
 </EventIdentification>
 <ActiveParticipant UserID="emr.example|EMR" NetworkAccessPointID="192.0.2.1" NetworkAccessPointTypeCode="2" >
  <RoleIDCode code="110153" displayName="Source" codeSystemName="DCM" />
 </ActiveParticipant>
 <AuditSourceIdentification AuditSourceID="emr.example|EMR">
  <AuditSourceTypeCode code="4"/>
 </AuditSourceIdentification>
 <ParticipantObjectIdentification ParticipantObjectID="123" ParticipantObjectTypeCode="1"
   ParticipantObjectTypeCodeRole="1">
  <ParticipantObjectIDTypeCode code="2" displayName="Patient Number" codeSystemName="RFC-3881" />
 </ParticipantObjectIdentification>
</AuditMessage>"""
"""As OpenEMR sends it: a placeholder for the event's code, RFC 3881's attributes, no RFC 5424."""

ARCHIVE = f"""<AuditMessage>
 <EventIdentification EventActionCode="E" EventDateTime="2026-01-01T12:00:00.000Z" EventOutcomeIndicator="0">
  {code("EventID", "110122", "Login")}
 </EventIdentification>
 <ActiveParticipant UserID="moor" UserIsRequestor="true" NetworkAccessPointID="192.0.2.9"
   NetworkAccessPointTypeCode="2"/>
 <AuditSourceIdentification AuditEnterpriseSiteID="archive" AuditSourceID="dcm"/>
</AuditMessage>"""
"""As a sample of dcm4chee has it: a login as the event itself."""


@pytest.fixture(scope="module")
def event() -> AuditEvent:
    found, deviations, form = dicom.read(ALL)
    assert (deviations, form) == ([], "dicom+xml")
    return found


def test_it_reads_what_happened(event: AuditEvent) -> None:
    assert event.recorded == 1_767_265_200_123_456_789
    assert [(one.system, one.code, one.display) for one in event.type[0].coding] == [(DCM, "110112", "Query")]
    assert (event.subtype[0].coding[0].system, event.subtype[0].coding[0].code) == (codes.IHE_TRANSACTIONS, "ITI-18")
    assert (event.action, event.outcome, event.outcome_text) == ("R", "4", "nothing found")
    assert (event.purpose[0].coding[0].system, event.purpose[0].coding[0].code) == (PURPOSE, "ETREAT")


def test_it_reads_who_took_part(event: AuditEvent) -> None:
    consumer, registry = event.agent
    assert users(event) == ["consumer", "registry"]
    assert (consumer.alt_id, consumer.name, consumer.requestor) == ("4711", "Ward desk", True)
    assert (consumer.network, consumer.network_type, registry.requestor) == ("192.0.2.7", "2", False)
    assert consumer.type
    assert consumer.type.coding[0].code == "110153"
    assert [(role.coding[0].system, role.coding[0].code) for role in consumer.role] == [("urn:oid:1.2.3.4", "nurse")]
    assert consumer.media
    assert consumer.media.code == "110030"


def test_it_reads_who_reported(event: AuditEvent) -> None:
    assert event.source
    assert event.source.observer
    assert event.source.observer.identifier
    assert (event.source.site, event.source.observer.identifier.value) == ("Willow", "pacs")
    kinds = [(kind.coding[0].system, kind.coding[0].code) for kind in event.source.type]
    assert kinds == [(codes.SOURCE_TYPE, "4"), (codes.SOURCE_TYPE, "9")]


def test_it_reads_the_patient_with_the_assigning_authority(event: AuditEvent) -> None:
    patient = event.entity[0]
    assert patients(event) == ["17"]
    assert patient.what
    assert patient.what.identifier
    assert patient.what.identifier.type
    assert (patient.what.identifier.system, patient.what.display) == ("urn:oid:1.2.3", "17^^^WARD&1.2.3&ISO")
    assert patient.what.identifier.type.coding[0].system == codes.RFC_3881
    assert (patient.name, patient.lifecycle and patient.lifecycle.code) == ("Roe^Jane", "6")
    assert patient.security_label[0].text == "VIP"


def test_it_reads_what_was_asked_and_found(event: AuditEvent) -> None:
    study = event.entity[1]
    assert study.what
    assert study.what.identifier
    assert study.what.identifier.value == "1.2.840.99"
    assert (study.role and study.role.code, base64.b64decode(study.query)) == ("24", b"<q>")
    assert study.description == "a study"
    assert [(detail.type, detail.value, detail.binary) for detail in study.detail] == [
        ("QueryEncoding", "VVRGLTg=", True),
        ("SOPClass", "1.2.840.5", False),
        ("NumberOfInstances", "3", False),
        ("Accession", "A1", False),
    ]


@pytest.mark.parametrize(
    ("sent", "system", "value"),
    [
        ("17", "", "17"),
        ("17^^^WARD", "", "17"),
        ("17^^^&1.2.3&ISO", "urn:oid:1.2.3", "17"),
        ("17^^^&no oid&ISO", "", "17"),
        ("^^^", "", "^^^"),
    ],
)
def test_a_patients_identifier_may_be_hl7s(sent: str, system: str, value: str) -> None:
    event, _, _ = dicom.read(ALL.replace("17^^^WARD&amp;1.2.3&amp;ISO", sent.replace("&", "&amp;")))
    what = event.entity[0].what
    assert what
    assert what.identifier
    assert (what.identifier.system, what.identifier.value) == (system, value)


def test_a_namespace_and_a_mark_before_it_do_not_matter(event: AuditEvent) -> None:
    marked = "\ufeff  " + ALL.replace("<AuditMessage>", '<AuditMessage xmlns="http://www.dicom.example/">')
    assert dicom.read(marked) == (event, [], "dicom+xml")


def test_rfc_3881_is_read_and_said() -> None:
    event, deviations, form = dicom.read(RFC_3881)
    assert (form, deviations) == ("rfc3881+xml", ["rfc3881", "event_id"])
    assert (event.type[0].coding[0].code, event.type[0].coding[0].display) == ("110110", "Patient Record")
    assert (patients(event), users(event), event.agent[0].requestor) == (["123"], ["emr.example|EMR"], True)
    assert event.source
    assert event.source.type[0].coding[0].code == "4"


def test_a_login_in_place_of_the_event_is_kept_as_sent() -> None:
    event, deviations, form = dicom.read(ARCHIVE)
    assert (form, deviations, event.type[0].coding[0].code) == ("dicom+xml", ["event_type"], "110122")


@pytest.mark.parametrize(
    ("this", "that", "deviation"),
    [
        (code("EventID", "110112", "Query"), "", "event_id"),
        ('csd-code="110112"', 'csd-code=""', "event_id"),
        ('EventActionCode="R"', 'EventActionCode="read"', "action"),
        ("2026-01-01T12:00:00.123456789+01:00", "yesterday", "timestamp"),
        ('EventDateTime="2026-01-01T12:00:00.123456789+01:00"', "", "timestamp"),
        ("12:00:00.123456789+01:00", "12:00:00", "timezone"),
        ('EventOutcomeIndicator="4"', 'EventOutcomeIndicator=""', "outcome"),
        ('EventOutcomeIndicator="4"', 'EventOutcomeIndicator="5"', "outcome"),
        ('UserID="registry"', "", "participant"),
        ('AuditSourceID="pacs"', "", "source"),
        ('csd-code="ITI-18"', 'code="ITI-18"', "rfc3881"),
        ("PHE+\n", "what?", "base64"),
        ('value="VVRGLTg="', 'value="UTF-8"', "base64"),
        ("</AuditMessage>", "<More/></AuditMessage>", "unknown_element"),
        ("17^^^WARD&amp;1.2.3&amp;ISO", "17^^^WARD&1.2.3&ISO", "malformed"),
        ("</AuditMessage>", "</AuditMessage> and more", "malformed"),
        ("</AuditMessage>", "", "truncated"),
    ],
)
def test_what_strays_is_read_and_says_how(event: AuditEvent, this: str, that: str, deviation: str) -> None:
    assert ALL.count(this) == 1
    found, deviations, _ = dicom.read(ALL.replace(this, that))
    assert deviations == [deviation]
    assert deviation in dicom.DEVIATIONS
    assert (users(found)[0], patients(found)) == (users(event)[0], patients(event))


def test_a_message_that_is_cut_is_read_up_to_the_cut() -> None:
    cut = ALL[: ALL.index('ParticipantObjectTypeCodeRole="24"')]
    event, deviations, _ = dicom.read(cut)
    assert (deviations, users(event), patients(event)) == (["truncated"], ["consumer", "registry"], ["17"])
    assert event.source
    assert event.source.site == "Willow"
    assert len(event.entity) == 1


def test_half_a_name_is_no_name() -> None:
    event, _, _ = dicom.read(ALL[: ALL.index("^Jane")])
    assert (patients(event), event.entity[0].name) == (["17"], "")


@pytest.mark.parametrize(
    "text",
    [
        "", "no XML", "<", "<AuditEvent/>", "<?xml version='1.0'?>",
        '<!DOCTYPE a [<!ENTITY x "y">]><AuditMessage>&x;</AuditMessage>', "\udcff<AuditMessage/>\udcff",
        "<AuditMessage>" + "<a>" * 100,
    ],
)  # fmt: skip
def test_what_is_no_audit_message_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        dicom.read(text)


@real
def test_real_datagrams_are_read() -> None:
    login, deviations, form = dicom.read(datagram(1))
    assert (deviations, form) == (["outcome"], "dicom+xml")
    assert [concept.coding[0].code for concept in login.type + login.subtype] == ["110114", "110122"]
    assert (users(login), login.outcome) == (["nurse1", "clinic-app"], "")
    start, deviations, _ = dicom.read(datagram(2))
    assert (deviations, start.subtype[0].coding[0].display, start.outcome) == ([], "Application Start", "0")
    look, deviations, _ = dicom.read(datagram(3))
    assert (deviations, look.entity[0].name) == (["outcome"], "Security Audit Log")
    assert look.entity[0].what
    assert look.entity[0].what.identifier
    assert look.entity[0].what.identifier.value == "http://127.0.0.1/audits"


def only_problems(text: str) -> None:
    try:
        event, deviations, form = dicom.read(text)
    except Problem:
        return
    entry = Entry(received=1, format=form, event=event, deviation=deviations)
    assert decode(encode(entry)) == entry
    assert set(deviations) <= set(dicom.DEVIATIONS)


@given(st.sampled_from([ALL, RFC_3881, ARCHIVE]), st.integers(min_value=0, max_value=len(ALL)))
def test_wherever_it_is_cut_it_is_read_or_refused(text: str, at: int) -> None:
    only_problems(text[:at])


@given(
    st.sampled_from([ALL, RFC_3881, ARCHIVE]),
    st.lists(
        st.tuples(st.integers(min_value=0, max_value=len(ALL)), st.integers(0, 8), st.text(max_size=4)), max_size=6
    ),
)
def test_however_it_is_changed_it_is_read_or_refused(text: str, changes: list[tuple[int, int, str]]) -> None:
    for at, length, new in changes:
        text = text[:at] + new + text[at + length :]
    only_problems(text)
