"""`survival`, `adverse-events` and `serious-events`: the two outcomes, and what is serious.

Groups are arms only for who has arms in sight: the views are made so, and these pages show what they give.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.pages import charts
from api.pages.looking import look
from api.pages.rendering import reading
from api.pages.tables import Column, Columns, Table, table
from api.pages.views import Section, choice, filtered, view_page, words_of
from api.pages.words import Words
from api.server.state import Ask

ROUTER: Final = APIRouter()
_EVENT: Final[Columns] = (
    ("subject", "subject"),
    ("site", "text"),
    ("ae", "text"),
    ("term", "text"),
    ("pt", "text"),
    ("onset", "when"),
    ("days_open", "number"),
    ("severity", "term"),
    ("causality", "term"),
    ("outcome", "term"),
)


@reading(ROUTER, "/t/{trial}/survival")
def survival(request: Request, ask: Ask) -> Response:
    """Survival curves with the number at risk."""
    looked, words = look(request, ask), words_of(request)
    result = looked.show("survival")
    extra, horizon = result.table.extra, result.table.extra["horizon_days"]
    curves = charts.curves_of(result.rows, extra["at_horizon"])
    drawn = [curve for curve in curves if len(curves) == 1 or curve.style != "st"]
    title = words.say("survival.picture")
    risk = words.say("survival.risk-caption")
    outcome = words.say("survival.outcome", days=horizon)
    points = words.say("survival.points")
    estimate: Columns = (("survival", "decimal"), ("low", "decimal"), ("high", "decimal"))
    ends: Columns = (("group", "group"), ("subjects", "number"), ("deaths", "number"), ("at_risk", "number"), *estimate)
    days: Columns = (("group", "group"), ("time", "number"), ("at_risk", "number"))
    sections = [
        Section(words.say("survival.risk"), _at_risk(request, words, curves, horizon, risk)),
        Section(
            outcome,
            table(request, "horizon", outcome, (*ends, ("median", "decimal")), extra["at_horizon"]),
            tuple(_log_rank(words, extra.get("log_rank"))),
        ),
    ]
    if extra.get("risk_difference"):
        said = words.say("survival.differences", days=horizon)
        differences = [
            {**row, "comparison": words.say("survival.less", group=row["group"], reference=row["reference"])}
            for row in extra["risk_difference"]
        ]
        columns: Columns = (
            Column("comparison", words.say("survival.comparison")),
            Column("method", words.say("survival.method"), "term"),
            Column("difference", words.say("survival.difference"), "decimal"),
            ("low", "decimal"),
            ("high", "decimal"),
        )
        sections.append(Section(said, table(request, "differences", said, columns, differences)))
    shown = (*days, Column("events", words.say("column.deaths"), "number"), ("censored", "number"), *estimate)
    sections.append(Section(points, table(request, "points", points, shown, result.rows)))
    return view_page(
        request,
        looked,
        words.say("survival.title"),
        sections,
        views=["survival"],
        intro=[words.say("survival.intro", days=horizon)],
        notes=_left_out(words, extra),
        picture=partial(charts.survival, curves, horizon, words, title)
        if any(curve.rows for curve in curves)
        else None,
        picture_title=title,
        key=[(charts.key_line(one.style), _group(words, one.group)) for one in drawn],
    )


def _at_risk(request: Request, words: Words, curves: Iterable[charts.Curve], horizon: int, caption: str) -> Table:
    days = charts.days_of(horizon)
    columns = [Column(f"day{day}", words.say("survival.day", day=day), "number") for day in days]
    rows = [{"group": curve.group, **{f"day{day}": curve.at_risk(day) for day in days}} for curve in curves]
    return table(request, "at-risk", caption, (("group", "group"), *columns), rows)


def _log_rank(words: Words, found: Mapping[str, Any] | None) -> Iterable[str]:
    if found is None:
        return
    if found["df"] is None:
        yield words.say("survival.no-log-rank")
        return
    p = found["p"] if found["p"].startswith("<") else f"= {found['p']}"
    yield words.say("survival.log-rank", chi=found["chi_square"], n=found["df"], p=p)


def _left_out(words: Words, extra: Mapping[str, Any]) -> Iterable[str]:
    if extra["left_out"]:
        yield words.say("survival.left-out", n=extra["left_out"])
    if extra["deaths_without_day"]:
        yield words.say("survival.no-day", n=extra["deaths_without_day"])
    without = extra["deaths_without_record"]
    if without:
        yield words.say("survival.no-record", n=len(without), subjects=", ".join(one["subject"] for one in without))


@reading(ROUTER, "/t/{trial}/adverse-events")
def adverse_events(request: Request, ask: Ask) -> Response:
    """Adverse events by system organ class and preferred term."""
    looked, words = look(request, ask), words_of(request)
    opened = looked.show("open-adverse-events")
    result = looked.show("adverse-events")
    extra, arms = result.table.extra, ask.session.sight.arms
    columns = _cell_columns(words, extra["arms"])
    head = [{"label": words.say("ae.any"), "part": True, **_cells(extra["any"]["cells"])}]
    rows = [
        {
            "label": row["pt"] or words.term(row["soc"]),
            "nested": row["pt"] is not None,
            "part": row["pt"] is None,
            **_cells(row["cells"]),
        }
        for row in result.rows
    ]
    caption = words.say("ae.table")
    label = Column("label", words.say("ae.class-term"))
    sections = [Section(caption, table(request, "terms", caption, (label, *columns), head + rows))]
    for name, listed in extra["by"].items():
        said = words.say("ae.by", what=words.say(f"ae.{name}"))
        sections.append(Section(said, _breakdown(request, words, f"by-{name}", said, listed, columns)))
    sections.append(_rates(request, looked.show("ae-rate"), words))
    said = words.say("ae.open")
    sealed = Column("events", words.say("column.events"), "entries", "sealed_events" if arms else None)
    shown: Columns = (*_EVENT, ("serious", "yes"), sealed)
    sections.append(Section(said, table(request, "open", said, shown, opened.rows)))
    not_counted = "ae.not-counted" if arms else "ae.not-counted-masked"
    notes = [words.say(not_counted, **extra["not_counted"])]
    if extra.get("after_unblinding"):
        notes.append(words.say("ae.after-unblinding", n=len(extra["after_unblinding"])))
    return view_page(
        request,
        looked,
        words.say("ae.title"),
        sections,
        views=["adverse-events", "ae-rate", "open-adverse-events"],
        intro=[words.say("ae.unmasked" if arms else "ae.masked")],
        notes=notes,
    )


def _rates(request: Request, result: Any, words: Words) -> Section:
    said = words.say("ae.rates", days=result.table.extra["window_days"])
    columns: Columns = (
        ("group", "group"),
        ("category", "term"),
        ("n", "number"),
        Column("subjects", words.say("sae.with"), "number"),
        ("incidence", "decimal"),
        Column("events", words.say("column.events_n"), "number"),
        Column("rate_per_100_person_years", words.say("column.rate"), "decimal"),
        ("low", "decimal"),
        ("high", "decimal"),
    )
    return Section(said, table(request, "rates", said, columns, result.rows))


@reading(ROUTER, "/t/{trial}/serious-events")
def serious_events(request: Request, ask: Ask) -> Response:
    """Serious events, one by one and by criterion."""
    looked, words = look(request, ask), words_of(request)
    result = looked.show("serious-events")
    extra, arms = looked.show("adverse-events").table.extra, ask.session.sight.arms
    columns = _cell_columns(words, extra["arms"])
    filters = [choice(request, "site", result.rows), choice(request, "soc", result.rows)]
    listed = filtered(result.rows, filters)
    said = words.say("sae.table")
    sealed = Column("events", words.say("column.events"), "entries", "sealed_events" if arms else None)
    shown: Columns = (
        *_EVENT[:6],
        Column("ended", words.say("sae.ended"), "when"),
        Column("open", words.say("sae.open"), "yes"),
        ("criteria", "terms"),
        *_EVENT[7:],
        sealed,
    )
    by = words.say("sae.criteria")
    return view_page(
        request,
        looked,
        words.say("sae.title"),
        [
            Section(said, table(request, "serious", said, shown, listed, sortable=True)),
            Section(by, _breakdown(request, words, "criteria", by, extra["by"]["criteria"], columns)),
        ],
        views=["serious-events"],
        intro=[words.say("sae.intro", n=len(listed), all=len(result.rows), open=sum(row["open"] for row in listed))],
        notes=[words.say("ae.unmasked" if arms else "ae.masked")],
        filters=filters,
    )


def _breakdown(
    request: Request, words: Words, id: str, caption: str, rows: Iterable[Mapping[str, Any]], columns: Sequence[Column]
) -> Table:
    listed = [{"value": row["value"], **_cells(row["cells"])} for row in rows]
    return table(request, id, caption, (Column("value", words.say("column.value"), "term"), *columns), listed)


def _cell_columns(words: Words, arms: Iterable[Mapping[str, Any]]) -> list[Column]:
    columns = []
    for number, arm in enumerate(arms):
        group = _group(words, arm["arm"])
        columns.append(Column(f"subjects{number}", words.say("ae.subjects", group=group, n=arm["n"]), "number"))
        columns.append(Column(f"events{number}", words.say("ae.events", group=group), "number"))
    return columns


def _cells(cells: Iterable[Mapping[str, int]]) -> dict[str, int]:
    return {f"{name}{number}": cell[name] for number, cell in enumerate(cells) for name in ("subjects", "events")}


def _group(words: Words, group: str) -> str:
    return words.say(f"group.{group}") if group in ("Total", "NOT ASSIGNED") else group
