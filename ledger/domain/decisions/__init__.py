"""Decisions: pure functions from a command and what was read for it to events, or to a refusal."""

from ledger.domain.decisions.base import Command, CommandActor, CommandSpec, Decision, Reads, Refusal
from ledger.domain.decisions.registry import COMMANDS, check_role, counted_stream, decide, subject_of

__all__ = [
    "COMMANDS",
    "Command",
    "CommandActor",
    "CommandSpec",
    "Decision",
    "Reads",
    "Refusal",
    "check_role",
    "counted_stream",
    "decide",
    "subject_of",
]
