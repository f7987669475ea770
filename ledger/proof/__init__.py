"""Pure: the bytes of a ledger and their verification. Imports the standard library and cryptography only."""
