"""The audit trail: who did what to whose record, in the field's standards, kept in the ledger and answered from a table.

`event` says what an audit event is; `fhir`, `dicom` and `rows` read and write it; `trail` takes it to the ledger;
`projection` and `table` bring it from there into the engine; `search` answers.
"""
