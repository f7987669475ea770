"""A witness that is killed and restarted never cosigns two histories: `python -m tests.witness_soak --rounds 1000`."""
