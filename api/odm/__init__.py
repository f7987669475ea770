"""Imports of CDISC ODM: the audit trail of an electronic data capture system."""

from api.odm.fault import OdmError

__all__ = ["OdmError"]
