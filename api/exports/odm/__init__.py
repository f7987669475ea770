"""Export of CDISC ODM 1.3.2, and what it shares with ODM 2.0."""
