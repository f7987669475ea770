"""A witness: it cosigns checkpoints of logs that only ever grow, and never two histories of one log.

The server (`serving.py`) speaks C2SP tlog-witness; what it answers is decided in `core.py`, which knows no network and
no disk. The client (`asking.py`, `gathering.py`) asks the witnesses of a policy for cosignatures on a checkpoint.
"""
