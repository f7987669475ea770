"""`consort` and `enrolment`: how subjects came into the trial, and what became of them."""

from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.pages import charts, flow
from api.pages.looking import look
from api.pages.rendering import reading
from api.pages.tables import Column, Columns, table
from api.pages.views import Section, view_page, words_of
from api.server.state import Ask

ROUTER: Final = APIRouter()


@reading(ROUTER, "/t/{trial}/consort")
def consort(request: Request, ask: Ask) -> Response:
    """The participant flow."""
    looked, words = look(request, ask), words_of(request)
    rows = looked.rows("consort")
    boxes = flow.boxes_of(rows, words)
    title = words.say("consort.picture")
    shown = [{**row, "label": row["detail"] or row["stage"], "nested": row["detail"] is not None} for row in rows]
    sealed = "sealed_events" if ask.session.sight.arms else None
    columns: Columns = (
        Column("label", words.say("column.stage"), "term"),
        ("group", "group"),
        ("subjects", "number"),
        Column("events", words.say("column.events"), "entries", sealed),
    )
    return view_page(
        request,
        looked,
        words.say("consort.title"),
        [Section(words.say("consort.table"), table(request, "stages", words.say("consort.table"), columns, shown))],
        views=["consort"],
        template="consort.html",
        intro=[words.say("consort.intro")],
        picture=partial(flow.picture, boxes, words, title),
        picture_title=title,
        more={"flow": boxes, "parts_of": flow.parts_of},
    )


@reading(ROUTER, "/t/{trial}/enrolment")
def enrolment(request: Request, ask: Ask) -> Response:
    """Enrolment against the target."""
    looked, words = look(request, ask), words_of(request)
    result = looked.show("enrolment")
    rows, extra = list(result.rows), result.table.extra
    months = charts.months_of(rows)
    randomized = months[-1]["randomized_in_all"] if months else 0
    target, title = extra["target"], words.say("enrolment.picture")
    intro = [
        words.say("enrolment.intro", n=randomized, target=target)
        if target
        else words.say("enrolment.no-target", n=randomized)
    ]
    if extra["cap"]:
        intro.append(words.say("enrolment.cap", n=extra["cap"]))
    stages = [_stage(row, extra["arms"]) for row in rows if row["month"] is None]
    by_arm = ask.session.sight.arms
    arms = [Column(f"arm{number}", arm["arm"], "number") for number, arm in enumerate(extra["arms"]) if by_arm]
    reasons = [{"value": criterion, "n": count} for criterion, count in extra["screen_failure_reasons"].items()]
    by_month: Columns = (("month", "when"), ("randomized", "number"), ("randomized_in_all", "number"))
    by_stage: Columns = (("stage", "term"), ("site", "text"), ("subjects", "number"), *arms)
    by_reason: Columns = (Column("value", words.say("enrolment.criterion"), "term"), ("n", "number"))
    parts = (
        ("months", "enrolment.months", by_month, months),
        ("stages", "enrolment.stages", by_stage, stages),
        ("reasons", "enrolment.reasons", by_reason, reasons),
    )
    return view_page(
        request,
        looked,
        words.say("enrolment.title"),
        [
            Section(words.say(said), table(request, id, words.say(said), columns, held))
            for id, said, columns, held in parts
        ],
        views=["enrolment"],
        intro=intro,
        picture=partial(charts.enrolment, months, target, words, title) if months else None,
        picture_title=title,
    )


def _stage(row: dict[str, Any], arms: list[dict[str, Any]]) -> dict[str, Any]:
    by_arm = {f"arm{number}": cell["subjects"] for number, (_, cell) in enumerate(zip(arms, row["cells"], strict=True))}
    return {**row, **by_arm, "nested": row["site"] is not None}
