"""SDTM as CDISC Dataset-JSON 1.1, with its define.xml. What a variable is, `variables.py` says once, for both."""
