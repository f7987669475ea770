"""Recorders: where events are appended, durably and chained. The eventsourcing library lives here."""
