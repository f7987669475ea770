"""Export of CDISC ODM 2.0."""
