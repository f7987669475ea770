"""The texts of the dossier, in British English. Terms of the field stay as the views have them.

A second language is a second module of the same names. `{}` are filled in by who says the text.
"""

from typing import Final

LANGUAGE: Final = "en-GB"
TITLE: Final = "Dossier of {trial}"
SUBTITLE: Final = "as known at entry {seq} of the open book, recorded {at}; for the role {role}"
FOOTER: Final = "{trial}, dossier at entry {seq}, for the role {role}"
NOBODY_NAMED: Final = "Nobody's name is in this dossier: people are shown by their pseudonyms."
MASKED: Final = (
    "It was made of the open book alone: nothing in it depends on which arm anybody is in. Treatments, tables by arm "
    "and who knew an arm are left out for this role."
)
UNMASKED: Final = "It shows arms, and is not for people who are masked."
HOW_TO_READ: Final = (
    "A number leads to the events that it was counted from, which stand at the end; tables/audit.csv has the whole "
    "trail up to this point, and dossier.json every link."
)
NOT_RECORDED: Final = (
    "It was made of an evidence bundle, in which nothing can be recorded: that it was made stands in no ledger."
)
NOT_RECORDED_HERE: Final = (
    "It was made of a ledger that was restored for reading, in which nothing can be recorded: that it was made stands "
    "in no ledger."
)
PROVENANCE: Final = "The trial was registered with this provenance: {told}."
CONTENTS: Final = "Contents"
ABOUT: Final = "About this dossier"

TITLES: Final = {
    "trial": "State of the trial, and why",
    "flow": "Participant flow (CONSORT 2025)",
    "subjects": "Status of every subject",
    "safety": "Open adverse events and follow-up",
    "deviations": "Protocol deviations",
    "outcomes": "Outcomes",
    "treatments": "Treatments given, and who knew an arm",
    "signatures": "Signatures",
    "duties": "Duties",
    "changes": "What changed before, from entry {since} on",
    "known_later": "Known later: what was recorded after this point",
    "integrity": "Integrity",
    "events": "Events that are referred to",
}
"""Titles of the sections by their names."""

CAPTIONS: Final = {
    "identifiers": "What the trial is called, and who answers for it.",
    "milestones": "What brought the trial into this state, in the order of recording.",
    "sites": "Sites of the protocol and of the record.",
    "enrolment": "Subjects by stage: all of them, by site, and by the month in which they reached it.",
    "consort": "The flow in numbers.",
    "subjects": "Subjects, each with status and last contact.",
    "open-adverse-events": "Adverse events without an end, serious ones first.",
    "follow-up": "Planned contacts that are due or overdue, of subjects who are alive and followed.",
    "deviations": "Deviations in the order of recording.",
    "survival": "Survival from randomisation by Kaplan and Meier (95 % interval, log-log).",
    "censoring": "Who is censored, on which day of the clock, and why.",
    "ae-rate": "Adverse events within the time frame of the safety outcome.",
    "adverse-events": "Adverse events by system organ class and preferred term.",
    "exposure": "Exposure to the product.",
    "treatments": "The product as it was given, by subject.",
    "unblinding": "Who knew an arm, since when and how; and who was still masked.",
    "signatures": "Electronic signatures in the order of signing, and whether what was signed still stood.",
    "checkpoints": "Checkpoints of the open book up to this point, and the first that covers it.",
    "duties": "Duties raised by then, and whether the record shows them done.",
    "changes": "Recorded from entry {since} on, up to this point.",
    "known_later": "Recorded after this point, up to entry {until}.",
    "events": "Each event as it was recorded.",
}
"""Captions of the tables by their names."""

HEADS: Final = {
    "ae": "event",
    "ae-rate": "adverse event rate",
    "at_risk": "at risk",
    "days_overdue": "days overdue",
    "last_contact": "last contact",
    "open_adverse_events": "open adverse events",
    "pt": "preferred term",
    "randomized": "randomised",
    "soc": "system organ class",
    "rate_per_100_person_years": "per 100 person-years",
}
"""What a column is called where its name does not say it; else its name with blanks."""

STAGES: Final = {
    "AWAITING_SCREENING": "Consented, not screened yet",
    "ASSESSED": "Assessed for eligibility",
    "EXCLUDED": "Excluded before randomisation",
    "NOT_MEETING_CRITERIA": "Not meeting the criteria",
    "DECLINED": "Declined or withdrew",
    "OTHER_REASON": "Other reasons",
    "NOT_YET_RANDOMIZED": "In screening, not randomised yet",
    "RANDOMIZED": "Randomised",
    "RECEIVED": "Received what they were allocated to",
    "ALL_DOSES": "Received all planned doses",
    "NOT_RECEIVED": "Did not receive what they were allocated to",
    "LOST_TO_FOLLOW_UP": "Lost to follow-up",
    "DISCONTINUED": "Discontinued or withdrew",
    "DIED": "Died",
    "COMPLETED": "Completed",
    "FOLLOWED": "Still in follow-up",
    "ANALYSED": "Analysed",
}
"""The stages of the flow, as the diagram calls them."""
FLOW_CAPTION: Final = "The flow of participants; the numbers stand in the table below too."

STATE: Final = "The trial is {status}{since}."
SINCE: Final = " since {since}"
WHY: Final = "Reason given: {reason}."
WHO: Final = "Stated by {who} ({role}, {org}), recorded {at}, entry {seq}."
NO_REASON: Final = "No event has changed that state."
ENROLLED: Final = "{enrolled} subjects were enrolled and {randomized} randomised, of {target} planned{cap}."
CAP: Final = " (cap {cap})"
PROTOCOL: Final = "Protocol in force: {version}; consent document version {document}."
AS_REGISTERED: Final = "as registered"
AMENDED: Final = "amendment {amendment}"
OPEN_EVENTS: Final = "{open} adverse events were open, {serious} of them serious."
FOLLOWED: Final = (
    "{followed} randomised subjects were followed: {due} contacts were due, {overdue} overdue, of {subjects} subjects."
)
NOT_FOLLOWED: Final = "Not followed any more: {listed}."
NONE: Final = "None."
NO_SIGNATURES: Final = "Nobody had signed anything of what this role may see; what else is signed are checkpoints."
SIGNATURES: Final = (
    "{count} electronic signatures of persons: who signed (by the pseudonym), when, what, and what was meant by it. "
    "Each is bound to an entry by that entry's hash, which the verification compares. Checkpoints are signed beside."
)
SIGNATURES_CHANGED: Final = "Changed after they were signed: {changed}. A subject's record went on after: {added}."
PRINTED_NAMES: Final = "The printed names stand in the ledger, for who may see names."
NO_CHECKPOINTS: Final = "No checkpoint of this ledger was at hand."
CHECKPOINTS: Final = (
    "A checkpoint of N entries covers entries 0 to N - 1. It was signed no earlier than the last of them was recorded. "
    "Names of keys are as the notes have them; which of them verify, and for whom, is said under Integrity."
)
CUT_CHECKPOINTS: Final = "The last {shown:,} of {total:,} checkpoints; tables/checkpoints.csv has all of them."
COVERED: Final = "The first checkpoint that covers this point is that of {size} entries."
NOT_COVERED: Final = "No checkpoint covers this point: the last is that of {size} entries."
WHOLE_FILE: Final = "The whole file was verified as it was when this dossier was made: {size} entries of the open book."
OPEN_BOOK: Final = "The open book was verified as it was when this dossier was made: {size} entries."
OPEN_VERIFIED: Final = (
    "Verified ({level}): what this role may read of every entry of the open book is as chain and tree have it. Of the "
    "sealed book nothing is said."
)
OPEN_ALONE: Final = "This is about the open book alone: of the sealed one nothing is said to this role."
VERIFIED: Final = "Verified ({level}): what is readable of every entry is as chain and tree have it."
NOT_VERIFIED: Final = "NOT verified: integrity.json names every finding."
NOT_TO_BE_TRUSTED: Final = (
    "THIS LEDGER DOES NOT VERIFY: what stands below may have been altered, and must not be relied upon. Found:"
)
MORE_FINDINGS: Final = "and {count} more; integrity.json names every finding."
POLICY_MISSING: Final = "No policy of trusted keys was given: nothing can be said of who signed."
HASHES: Final = "Roots, heads and findings are in integrity.html and integrity.json."
INTEGRITY_TITLE: Final = "Integrity of {trial}"
INTEGRITY_WORDS: Final = "The verification in words"
INTEGRITY_HEADS: Final = "Heads and roots"
INTEGRITY_ROOTS: Final = "Roots of the checkpoints"
HEADS_CAPTION: Final = "The leaf hash of the last entry within, by book."
ROOTS_CAPTION: Final = "The root of the tree over so many entries of the open book, as the checkpoint says it."
ENDS_HERE: Final = "The ledger ends here: nothing was recorded later."
CHANGED: Final = "{total} events of the trial and its subjects: {counts}."
UNLISTED: Final = (
    "{count} further entries are of the ledger's own running (anchors, allocation log, looks, exports, evidence), or "
    "signatures, and are not listed."
)
KINDS: Final = {
    "CORRECTION": "corrections",
    "VOID": "voids",
    "AFTER_UNBLINDING": "entered after unblinding",
    "LATE": "late entries",
    "OTHER": "others",
}
"""Kinds of changes, in the order in which the first that fits is taken."""
LATER: Final = "after this point"
CUT_ROWS: Final = "The first {shown:,} of {total:,} rows; {file} has all of them."
CUT_EVENTS: Final = (
    "More events are referred to: those beyond the first {shown:,} are not listed here, and have no links. "
    "tables/audit.csv has them, and dossier.json the links."
)
MORE_LINKS: Final = "and {count:,} more"
TREATED: Final = "{subjects} subjects were given the product."
PDF_MISSING: Final = (
    "dossier.pdf is not written: it needs fpdf2, the extra `exports` (pip install 'trial-ledger[exports]')."
)
PDF_LINKS: Final = "On paper numbers have no links: index.html and dossier.json have them."
