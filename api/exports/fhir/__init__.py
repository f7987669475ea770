"""HL7 FHIR R5: the trial, its subjects, consents and adverse events, the audit trail, and where each comes from."""
