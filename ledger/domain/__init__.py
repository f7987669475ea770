"""The domain: protocol, events, decisions and roles. Pure: time, ids and randomness come in as arguments."""
