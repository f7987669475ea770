"""What can be done to a ledger file behind its back, one module an attack; each is found, at its place."""
