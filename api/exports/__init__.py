"""Data of a ledger in the formats that statisticians, regulators and archives use: one module a kind.

A kind is one entry of `kinds.py` and one module with `write(source, folder)`. What it may read is `Source`
(`source.py`); what surrounds it, the record of it and its manifest, is `making.py`.
"""
