"""The write side: the entry format and its verifier, the domain, the recorders, the keys, the commands."""
