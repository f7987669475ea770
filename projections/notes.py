"""What stands beside a view's rows, as lines for people: one line a statement, in the order of this file.

The JSON has all of it; here is what somebody who reads the table needs beside it. A member that a view does not have,
or that says nothing, makes no line.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

_Note: TypeAlias = Callable[[Any, Sequence[str]], Iterator[str]]


def notes_of(extra: Mapping[str, Any]) -> list[str]:
    """The lines for the members beside a view's rows."""
    arms = [f"{arm['arm']} (n={arm['n']})" for arm in extra.get("arms", ())]
    lines = ["arms: " + "; ".join(arms)] if arms else []
    labels = [arm["arm"] for arm in extra.get("arms", ())]
    for member, note in _NOTES.items():
        if extra.get(member) not in (None, [], {}, 0):
            lines += note(extra[member], labels)
    return lines


def _cells(cells: Sequence[Mapping[str, int]], labels: Sequence[str]) -> str:
    """Cells in words: `Control 3 (5 events); Treatment 2 (2 events)`."""
    parts = []
    for label, cell in zip(labels, cells, strict=True):
        events = f" ({_count(cell['events'], 'event')})" if "events" in cell else ""
        parts.append(f"{label} {cell['subjects']}{events}")
    return "; ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _pairs(values: Mapping[str, int]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in values.items())


def _number(what: str) -> _Note:
    def note(value: Any, _: Sequence[str]) -> Iterator[str]:
        yield f"{what}: {value}"

    return note


def _listed(what: str) -> _Note:
    def note(value: Mapping[str, int], _: Sequence[str]) -> Iterator[str]:
        yield f"{what}: {_pairs(value)}"

    return note


def _entries(what: str) -> _Note:
    def note(value: Sequence[int], _: Sequence[str]) -> Iterator[str]:
        yield f"{what}: entries {', '.join(map(str, value))}"

    return note


def _any(value: Any, labels: Sequence[str]) -> Iterator[str]:
    yield f"subjects with any event: {_cells(value['cells'], labels)}"


def _by(value: Any, labels: Sequence[str]) -> Iterator[str]:
    for name, rows in value.items():
        for row in rows:
            yield f"by {name}, {row['value']}: {_cells(row['cells'], labels)}"


def _early_termination(value: Any, labels: Sequence[str]) -> Iterator[str]:
    yield f"completed {value['visit']}: {_cells(value['completed'], labels)}"
    yield f"ended before {value['visit']}: {_cells(value['ended'], labels)}"
    for row in value["reasons"]:
        wording = "" if row["verbatim"] is None else f", as written: {row['verbatim']}"
        yield f"ended before {value['visit']}, {row['term']}{wording}: {_cells(row['cells'], labels)}"


def _completers(value: Any, _: Sequence[str]) -> Iterator[str]:
    if value["visit"] is None:
        yield f"completers: who had {value['rule']}"
    else:
        yield f"completers: who {value['rule']} {value['visit']}"


def _rounding(value: Any, _: Sequence[str]) -> Iterator[str]:
    for measure, how in value.items():
        yield f"rounding: {measure} of {how['of']} to {how['to']}, {how['mode']}, before it is summarised"


def _imputed(value: Any, _: Sequence[str]) -> Iterator[str]:
    for row in value:
        yield f"imputed: {row['subject']}, dose {row['dose_number']} ends {row['end']} (from {row['from']})"


def _left_out(value: Any, _: Sequence[str]) -> Iterator[str]:
    if isinstance(value, int):
        if value:
            yield f"left out: {_count(value, 'subject')} without a usable time"
        return
    for row in value:
        yield f"left out: {row['subject']}: {row['reason']}"


def _at_horizon(value: Any, _: Sequence[str]) -> Iterator[str]:
    for row in value:
        interval = "" if row["low"] is None else f" (95 % {row['low']} to {row['high']})"
        estimate = "not estimable" if row["survival"] is None else f"survival {row['survival']}{interval}"
        followed = f"{_count(row['subjects'], 'subject')}, {_count(row['deaths'], 'death')}"
        median = "not reached" if row["median"] is None else f"{row['median']} days"
        limits = _interval(row, "median_low", "median_high")
        yield f"at the horizon, {row['group']}: {estimate}; {followed}; median {median}{limits}"


def _interval(row: Mapping[str, Any], low: str = "low", high: str = "high") -> str:
    if row[low] is None and row[high] is None:
        return ""
    return f" (95 % {row[low] or 'no limit'} to {row[high] or 'no limit'})"


def _log_rank(value: Any, _: Sequence[str]) -> Iterator[str]:
    deaths = ", ".join(f"{row['group']} {row['observed']} (expected {row['expected']})" for row in value["groups"])
    if value["df"] is None:
        yield f"log-rank test: nothing to compare; deaths {deaths}"
    else:
        p = value["p"] if value["p"].startswith("<") else f"= {value['p']}"
        yield f"log-rank test: chi-square {value['chi_square']}, df {value['df']}, p {p}; deaths {deaths}"


def _risk_difference(value: Any, _: Sequence[str]) -> Iterator[str]:
    for row in value:
        estimate = "not estimable" if row["difference"] is None else f"{row['difference']}{_interval(row)}"
        left_out = f"; {_count(row['left_out'], 'subject')} censored before it left out" if row["left_out"] else ""
        yield f"risk difference, {row['group']} less {row['reference']}, {row['method']}: {estimate}{left_out}"


def _reasons(value: Any, _: Sequence[str]) -> Iterator[str]:
    for row in value:
        yield f"censored, {row['group']}, {row['reason']}: {_count(row['subjects'], 'subject')}"


def _under(value: Any, _: Sequence[str]) -> Iterator[str]:
    yield f"under the law of: {', '.join(value)}"


def _no_law(value: Any, _: Sequence[str]) -> Iterator[str]:
    yield f"countries of which the table has no law: {', '.join(value)}"


def _comparisons(value: Any, _: Sequence[str]) -> Iterator[str]:
    for row in value:
        if row["ratio_low"] is None and row["ratio_high"] is None:
            continue
        ratio = f"ratio {row['ratio'] or 'not estimable'}{_interval(row, 'ratio_low', 'ratio_high')}"
        difference = f"difference {row['difference']}{_interval(row, 'difference_low', 'difference_high')}"
        yield f"incidence rates, {row['category']}, {row['group']} against {row['reference']}: {ratio}; {difference}"


def _deaths_without_record(value: Any, _: Sequence[str]) -> Iterator[str]:
    for row in value:
        yield f"death without a record of its own: {row['subject']}, died {row['died']} (from {row['from']})"


def _allocation(what: str) -> _Note:
    def note(value: Mapping[str, Any], _: Sequence[str]) -> Iterator[str]:
        said = ", ".join(
            f"{name.replace('_', ' ')} {told}"
            for name, told in value.items()
            if told is not None and name not in ("by", "role", "recorded_at", "seq")
        )
        yield f"{what} {value['recorded_at']} by {value['by']} ({value['role']}), entry {value['seq']}: {said}"

    return note


def _exhausted(value: Any, _: Sequence[str]) -> Iterator[str]:
    for row in value:
        yield f"drawn to its end {row['recorded_at']}: list {row['list_name']}, {row['length']} places"


def _after_unblinding(value: Any, _: Sequence[str]) -> Iterator[str]:
    for row in value:
        yield f"entered after unblinding: {row['subject']}, event {row['ae']} ({row['pt']})"


_NOTES: Final[dict[str, _Note]] = {
    "target": _number("target, subjects"),
    "cap": _number("cap, subjects"),
    "flow": _listed("not further"),
    "screen_failure_reasons": _listed("criteria that screen failures did not meet"),
    "any": _any,
    "by": _by,
    "not_counted": _listed("events not counted"),
    "early_termination": _early_termination,
    "completers": _completers,
    "rounding": _rounding,
    "imputed": _imputed,
    "left_out": _left_out,
    "notifications_of_no_duty": _entries("notifications that show no duty done"),
    "horizon_days": _number("horizon, days"),
    "at_horizon": _at_horizon,
    "log_rank": _log_rank,
    "risk_difference": _risk_difference,
    "comparisons": _comparisons,
    "reasons": _reasons,
    "began": _number("the trial began"),
    "jurisdictions": _under,
    "countries_without_rules": _no_law,
    "deaths_without_record": _deaths_without_record,
    "deaths_without_day": _number("deaths without a known day"),
    "after_unblinding": _after_unblinding,
    "committed": _allocation("list committed to"),
    "bound": _allocation("list bound"),
    "opened": _allocation("list opened"),
    "exhausted": _exhausted,
}
