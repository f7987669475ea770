"""Regulatory clocks: what has to be done after something has happened in a trial, by when, and whether it was.

Rules of this package
- The rules are data (`rules.json`, and what a protocol adds or changes): typed, effective-dated, by jurisdiction. Data
  names what a rule is triggered by and what shows it done from the closed lists of `words.py`; it never holds code.
- Everything here is pure: facts come in as `Happening`s, the day of the question as an argument. Nothing reads a
  protocol, so that a protocol may hold rules.
- A rule that is about an unexpected reaction is about sealed facts: who has only the open book hands none of them in,
  and gets no row, nor count, nor gap. Such a duty is shown done by what the sealed book has, never by an open event.
"""

from ledger.domain.duties.evaluate import Duty, Happening, duties_of
from ledger.domain.duties.jurisdictions import countries_without_rules, jurisdictions_of
from ledger.domain.duties.model import Clock, DutyRule, Window
from ledger.domain.duties.table import default_rules, rules_with
from ledger.domain.duties.words import Jurisdiction, Kind, Recipient, RunsFrom, Shown, Status, Trigger

__all__ = [
    "Clock",
    "Duty",
    "DutyRule",
    "Happening",
    "Jurisdiction",
    "Kind",
    "Recipient",
    "RunsFrom",
    "Shown",
    "Status",
    "Trigger",
    "Window",
    "countries_without_rules",
    "default_rules",
    "duties_of",
    "jurisdictions_of",
    "rules_with",
]
