"""`docs/duties.md`, made from the table of rules and the closed lists that rules choose from."""

from ledger.domain.duties import DutyRule, Jurisdiction, Shown, Status, Trigger, Window, default_rules
from ledger.domain.duties.words import Kind, Recipient, RunsFrom

_HEAD = """# Duties

Made from `ledger/domain/duties` by `python -m tests.docs_check --write`; do not edit.

`trial-ledger show duties LEDGER` says what has to be done after something has happened in a trial, by when, and which
entry shows it done. It helps people who know the law, and is no advice: each rule names its source, and that counts.

- **Which rules hold** follows from the countries of the protocol's sites (the European Economic Area: EU; the United
  States, or a drug that the FDA regulates: US; anything else: ELSEWHERE), from the day on which the trial began
  (the protocol's `start`, else its registration), and from the day of the trigger. National law beside that of the
  Union is not in the table: a sponsor adds it.
- **A trial under Directive 2001/20/EC** (begun before 2023-01-31) comes under Regulation (EU) No 536/2014 with the end
  of the transition, on 2025-01-31. One begun under the Regulation in the year before, by choice, says so in rules of
  its own. Of a halt from before, the two years of Article 37(7) count in full, but no trial counts as ended by them
  before 2025-01-31.
- **Days** are calendar days: those of what occurred as they were stated, in the time zone of whoever stated them (a
  partial date counts as its first day); those of when something was known, and the day of the question, by UTC. The
  first day does not count; months and years end on the day of the same number, or on the last of a shorter month. No
  weekend or holiday moves a day.
- **Done** is a duty when the record says so: `record-notification` (sponsor) for what is told to somebody (with the
  command in the column `about` as its `about`, where a rule has been raised more than once: else it counts for the
  first), a restart, or, in the sealed book, `report-unexpected-reaction`. The ledger knows of no letter that nobody
  recorded. Who was told by name (`name`) lies in the section of names, and in no view or export.
- **Whoever knows an arm** notifies in the sealed book, note and all, and names nobody: who sees arms is shown the duty
  as done, everybody else as due until somebody masked records it.
- **Why a trial was halted** is a text here: whether Article 37 or 38 holds is for people to say. The clock of
  the halt is the same; but after a halt under Article 38 there is a restart only by a substantial modification that
  was authorised before (38(2)), and of that there is no row.
- **Unexpected reactions** are sealed: whoever is masked gets no row of one, and no count. Known is one since the first
  record that says that the event was serious (or fatal, or life-threatening), not since it was assessed.

## Rules of a protocol's own

A protocol has an optional list `duties`. A rule there whose `id` is in the table takes its place; others come after it.
It is checked when the protocol is read (`init`, `amend-protocol`), and is in force, whatever happened before, from then
on. A protocol without the list has the same bytes as before there was one.

```json
{example}
```

"""


def document() -> str:
    """The document."""
    text = _HEAD.replace("{example}", _example().model_dump_json(indent=2, exclude_defaults=True))
    lists = {
        "trigger": Trigger,
        "kind": Kind,
        "shown_by": Shown,
        "clock.runs_from": RunsFrom,
        "to": Recipient,
        "jurisdiction": Jurisdiction,
        "status (of a row)": Status,
    }
    lines = ["| field | words |", "|---|---|"]
    lines += [f"| `{name}` | {', '.join(f'`{word}`' for word in words)} |" for name, words in lists.items()]
    meanings = [line.strip() for line in (Trigger.__doc__ or "").splitlines() if line.strip()]
    lines += ["", *(f"- {_bold(line)}" for line in meanings if line.split()[0].isupper()), "", meanings[-1]]
    for jurisdiction in Jurisdiction:
        lines += ["", f"## {jurisdiction}", "", "| rule | what | source | in force | after | clock | to | shown by |"]
        lines += ["|---|---|---|---|---|---|---|---|"]
        lines += [_line(rule) for rule in default_rules() if rule.jurisdiction is jurisdiction]
    return text + "\n".join(lines) + "\n"


def _example() -> DutyRule:
    rule = next(rule for rule in default_rules() if rule.id == "EU-CTR-37-5")
    return rule.model_copy(update={"id": "OWN-BOARD", "title": "Tell the board", "source": "contract of 2020, 4.2"})


def _bold(line: str) -> str:
    word, _, meaning = line.partition(" ")
    return f"`{word}`: {meaning.strip()}"


def _line(rule: DutyRule) -> str:
    if rule.clock is None:
        clock = "promptly"
    else:
        clock = str(rule.clock) + (" from when it was known" if rule.clock.runs_from is RunsFrom.KNOWN else "")
    told = ", ".join(rule.to) or "nobody"
    window = "; or ".join(_window(one) for one in rule.in_force)
    kind = "" if rule.kind is Kind.NOTIFY else f" ({rule.kind})"
    return (
        f"| `{rule.id}` | {rule.title}{kind} | {rule.source} | {window} | {rule.trigger} | {clock} | {told} "
        f"| {rule.shown_by} |"
    )


def _window(window: Window) -> str:
    parts = [
        f"{what} {word} {day}"
        for what, word, day in (
            ("trials begun", "from", window.trials_from),
            ("trials begun", "before", window.trials_before),
            ("triggers", "from", window.triggers_from),
            ("triggers", "before", window.triggers_before),
        )
        if day is not None
    ]
    return " and ".join(parts) or "always"
