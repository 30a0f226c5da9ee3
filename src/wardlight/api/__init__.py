"""What programs call: Loki, FHIR, JSON, Alertmanager's webhook."""
