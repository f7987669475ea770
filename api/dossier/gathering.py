"""The sections of a dossier, out of the views as of its position: what they say, and where each number comes from.

1. Numbers are those of views, and of nothing else: a dossier says what `show --as-of` says.
2. Which views a role may have is the view's to say; tables by arm, treatments and who knew an arm are for those alone
   who may see arms.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from api.dossier import words
from api.dossier.behind import DOSE, Behind, behind
from api.dossier.model import Grid, Links, Ref, Section
from api.dossier.state import state_of_trial
from api.dossier.tables import grid_of, head, view_value
from api.exports.source import Source
from projections.base import Context
from projections.groups import TOTAL
from projections.plan import plan_of
from projections.result import Result
from projections.views import VIEWS


def gathered(source: Source) -> Iterator[Section]:
    """The sections up to the duties, in their order."""
    facts = source.trial_facts()
    context = Context(plan_of(facts), source.made_at[:10] or None)
    found = behind(source, context)
    yield state_of_trial(source, facts, found)
    yield _section(source, "flow", ("consort",), flow=True)
    yield _section(source, "subjects", ("subjects",))
    yield _section(source, "safety", ("open-adverse-events", "follow-up"), _safety)
    yield _section(source, "deviations", ("deviations",))
    yield _outcomes(source, found)
    if source.unmasked:
        yield _treatments(source, found)
    if "duties" in VIEWS and VIEWS["duties"].open_to(source.audience, source.session.sight, source.viewer.role):
        yield _section(source, "duties", ("duties",))


def _section(
    source: Source,
    name: str,
    views: Iterable[str],
    said: Callable[[Mapping[str, Result]], Iterable[str]] | None = None,
    *,
    flow: bool = False,
) -> Section:
    results = {view: source.view(view) for view in views}
    return Section(
        name,
        words.TITLES[name],
        list(said(results)) if said else [],
        [grid_of(result) for result in results.values()],
        {view: view_value(result) for view, result in results.items()},
        flow=flow,
    )


def _safety(results: Mapping[str, Result]) -> Iterator[str]:
    events, contacts = results["open-adverse-events"].table.extra, results["follow-up"].table.extra
    yield words.OPEN_EVENTS.format(open=events["open"], serious=events["open_serious"])
    yield words.FOLLOWED.format(
        followed=contacts["followed"],
        due=contacts["due"],
        overdue=contacts["overdue"],
        subjects=contacts["subjects_overdue"],
    )
    if contacts["not_followed"]:
        listed = ", ".join(f"{status} {count}" for status, count in contacts["not_followed"].items())
        yield words.NOT_FOLLOWED.format(listed=listed)


def _outcomes(source: Source, found: Behind) -> Section:
    results = {view: source.view(view) for view in ("survival", "censoring", "ae-rate", "adverse-events")}
    if source.unmasked:
        results["exposure"] = source.view("exposure")
    counts = _numbers(results, found)
    grids = [grid_of(result, counts.get(view)) for view, result in results.items()]
    values = {view: view_value(result) for view, result in results.items()}
    return Section("outcomes", words.TITLES["outcomes"], [], grids, values)


def _numbers(results: Mapping[str, Result], found: Behind) -> dict[str, Links]:
    """Links of the tables whose views name no events, by view."""
    links: dict[str, Links] = {}
    for view, of in (("survival", found.survival), ("ae-rate", found.ae_rate)):
        links[view] = {
            (place, column): [ref for one in refs for ref in one]
            for place, row in enumerate(results[view].rows)
            for column, refs in of(row)
            if refs
        }
    links["adverse-events"] = {
        (place, column): [ref for one in refs for ref in one]
        for place, row in enumerate(results["adverse-events"].rows)
        for column, refs in found.adverse_events(row, cell_column)
        if refs
    }
    if "exposure" in results:
        links["exposure"] = {
            (place, f"{label} n"): [ref for one in found.members(label) for ref in one.given]
            for place, row in enumerate(results["exposure"].rows)
            if row["population"] == "SAFETY"
            for label in found.groups.labels
        }
    return links


def cell_column(label: str, count: str) -> str:
    """The column in which a cell's count stands (`Result.spread`)."""
    if label != TOTAL:
        return f"{label} {count}"
    return "randomized subjects" if count == "subjects" else count


def _treatments(source: Source, found: Behind) -> Section:
    columns = ("subject", "arm", *DOSE)
    rows: list[list[Any]] = []
    links: dict[tuple[int, str], list[Ref]] = {}
    labels = {arm.code: arm.label for arm in found.context.plan.arms}
    treated = 0
    for one in found.subjects:
        treated += bool(one.doses)
        arm = None if one.arm is None else labels.get(one.arm, one.arm)
        for dose, refs in one.doses:
            links[len(rows), "dose_number"] = list(refs)
            rows.append([one.key.removeprefix("subject/"), arm, *(dose[name] for name in columns[2:])])
    grid = Grid("treatments", words.CAPTIONS["treatments"], columns, tuple(map(head, columns)), rows, links)
    known = source.view("unblinding")
    return Section(
        "treatments",
        words.TITLES["treatments"],
        [words.TREATED.format(subjects=treated)],
        [grid, grid_of(known)],
        {"unblinding": view_value(known)},
        {"treatments": [dict(zip(columns, row, strict=True)) for row in rows]},
    )
