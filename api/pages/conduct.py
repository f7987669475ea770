"""`sites`, `deviations`, `unblinding` and `duties`: how the trial is conducted."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from api.pages.languages import when
from api.pages.looking import Look, look
from api.pages.rendering import reading
from api.pages.tables import Column, Columns, table
from api.pages.views import Section, choice, filtered, view_page, words_of
from api.server.state import Ask
from projections.views import VIEWS

ROUTER: Final = APIRouter()
_SITE_STAGES: Final = {
    "CONSENTED": "consented",
    "SCREENED": "screened",
    "SCREEN_FAILURE": "screen_failure",
    "RANDOMIZED": "randomized",
    "DISCONTINUED": "discontinued",
    "DIED": "died",
}


@reading(ROUTER, "/t/{trial}/sites")
def sites(request: Request, ask: Ask) -> Response:
    """The sites, and what was recorded of each."""
    looked, words = look(request, ask), words_of(request)
    follow_up = looked.show("follow-up")
    rows = list(_sites(looked))
    caption = words.say("sites.table")
    columns: Columns = (
        ("site", "text"),
        ("name", "text"),
        ("status", "term"),
        Column("activated", words.say("sites.activated"), "when"),
        *((name, "number") for name in _SITE_STAGES.values()),
        ("deviations", "number"),
        ("open_adverse_events", "number"),
        ("open_serious", "number"),
        ("overdue", "number"),
    )
    day = follow_up.table.extra.get("day")
    return view_page(
        request,
        looked,
        words.say("sites.title"),
        [Section(caption, table(request, "sites", caption, columns, rows, sortable=True))],
        views=["enrolment", "deviations", "follow-up", "open-adverse-events"],
        intro=[words.say("sites.intro", n=len(rows))],
        notes=[words.say("sites.day", day=when(day, words.language))] if day else (),
    )


def _sites(looked: Look) -> Iterable[dict[str, Any]]:
    """A row a site: those of the protocol, and others of which something was recorded."""
    overdue = Counter(row["site"] for row in looked.rows("follow-up") if row["state"] == "OVERDUE")
    opened = looked.rows("open-adverse-events")
    events = Counter(row["site"] for row in opened)
    serious = Counter(row["site"] for row in opened if row["serious"])
    deviations = Counter(row["site"] for row in looked.rows("deviations"))
    stages: dict[str, dict[str, int]] = {}
    for row in looked.rows("enrolment"):
        if row["site"] is not None and row["stage"] in _SITE_STAGES:
            stages.setdefault(row["site"], {})[_SITE_STAGES[row["stage"]]] = row["subjects"]
    state = looked.whole().state
    planned = {site.id: site for site in (state.protocol.sites if state.protocol is not None else ())}
    audit = f"/t/{looked.ask.served.name}"
    known = {*planned, *state.sites, *stages, *(site for site in deviations if site is not None)}
    for site in sorted(known):
        now = state.sites.get(site)
        yield {
            "site": site,
            "name": planned[site].name if site in planned else None,
            "status": "NOT_ACTIVATED" if now is None else "ACTIVE" if now.active else "CLOSED",
            "activated": None if now is None else now.activated_at,
            **{name: stages.get(site, {}).get(name, 0) for name in _SITE_STAGES.values()},
            "deviations": deviations[site],
            "open_adverse_events": events[site],
            "open_serious": serious[site],
            "overdue": overdue[site],
            "links": {
                "consented": looked.link(f"{audit}/subjects", site=site),
                "deviations": looked.link(f"{audit}/deviations", site=site),
            },
        }


@reading(ROUTER, "/t/{trial}/deviations")
def deviations(request: Request, ask: Ask) -> Response:
    """Protocol deviations."""
    looked, words = look(request, ask), words_of(request)
    rows = [_with_entry(row) for row in looked.rows("deviations")]
    filters = [choice(request, "site", rows), choice(request, "category", rows, terms=True)]
    shown = filtered(rows, filters)
    caption, summary = words.say("deviations.table"), words.say("deviations.summary")
    by = Counter(row["category"] for row in shown)
    important = Counter(row["category"] for row in shown if row["important"])
    counts = [{"category": one, "deviations": by[one], "important": important[one]} for one in sorted(by, key=str)]
    columns: Columns = (
        Column("open", words.say("column.seq"), "entries", "sealed"),
        ("occurred_at", "when"),
        ("subject", "subject"),
        ("site", "text"),
        ("category", "term"),
        ("important", "yes"),
        ("rule", "text"),
        ("detail", "text"),
        *((("after_unblinding", "yes"),) if ask.session.sight.arms else ()),
    )
    in_all: Columns = (("category", "term"), ("deviations", "number"), ("important", "number"))
    return view_page(
        request,
        looked,
        words.say("deviations.title"),
        [
            Section(summary, table(request, "summary", summary, in_all, counts)),
            Section(caption, table(request, "deviations", caption, columns, shown, sortable=True)),
        ],
        views=["deviations"],
        intro=[words.say("deviations.intro", n=len(shown), all=len(rows))],
        filters=filters,
    )


def _with_entry(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with its entry as a list, by book."""
    return {
        **row,
        "open": [row["seq"]] if row["book"] == "open" else [],
        "sealed": [row["seq"]] if row["book"] == "sealed" else [],
    }


@reading(ROUTER, "/t/{trial}/unblinding")
def unblinding(request: Request, ask: Ask) -> Response:
    """Who knows an arm, who is masked, and who looked at what."""
    looked, words = look(request, ask), words_of(request)
    arms = ask.session.sight.arms
    rows = looked.rows("unblinding")
    acts, masked, access = (
        words.say(f"unblinding.{one}") for one in ("acts", "masked", "access" if arms else "open-access")
    )
    known: Columns = (
        ("person", "text"),
        ("role", "role"),
        ("status", "term"),
        ("subject", "subject"),
        *((("arm", "text"),) if arms else ()),
        ("how", "term"),
        ("since", "when"),
        ("reason", "text"),
        ("asked_by", "text"),
        ("approved_by", "text"),
        *((("looks", "number"),) if arms else ()),
    )
    still: Columns = (("role", "role"), ("person", "text"), ("but_for", "subjects"))
    sections = [
        Section(acts, table(request, "acts", acts, known, [row for row in rows if row["status"] != "MASKED"])),
        Section(masked, table(request, "masked", masked, still, [row for row in rows if row["status"] == "MASKED"])),
    ]
    notes, shown = [], ["unblinding"]
    if VIEWS["access"].open_to(ask.session.audience, ask.session.sight, ask.session.viewer.role):
        looks: Columns = (
            ("recorded_at", "when"),
            ("who", "text"),
            ("role", "role"),
            ("org", "text"),
            ("what", "term"),
            ("classes", "terms"),
            ("about", "text"),
            ("person", "text"),
            ("until", "when"),
            ("reason", "text"),
            Column("open", words.say("column.seq"), "entries", "sealed"),
        )
        shown.append("access")
        listed = [_with_entry({"book": "open", **row}) for row in looked.rows("access")]
        sections.append(Section(access, table(request, "access", access, looks, listed)))
    else:
        notes.append(words.say("unblinding.no-access"))
    return view_page(
        request,
        looked,
        words.say("unblinding.title"),
        sections,
        views=shown,
        intro=[words.say("unblinding.intro")],
        notes=notes,
    )


@reading(ROUTER, "/t/{trial}/duties")
def duties(request: Request, ask: Ask) -> Response:
    """What is due, by when, and what was done."""
    looked, words = look(request, ask), words_of(request)
    result = looked.show("duties")
    rows, extra = list(result.rows), result.table.extra
    filters = [choice(request, "status", rows, terms=True)]
    shown = [{**row, "due": row["due"] or words.say("duties.promptly")} for row in filtered(rows, filters)]
    caption = words.say("duties.table")
    arms = ask.session.sight.arms
    columns: Columns = (
        ("title", "term"),
        ("status", "term"),
        ("due", "when"),
        ("since", "when"),
        *((("subject", "subject"), ("ae", "text")) if arms else ()),
        ("to", "terms"),
        ("missing", "terms"),
        ("late", "yes"),
        Column("events", words.say("duties.raised"), "entries", "sealed_events" if arms else None),
        Column("done", words.say("column.done"), "entries", "sealed_done" if arms else None),
        ("done_on", "when"),
        ("source", "text"),
        ("jurisdiction", "term"),
    )
    status = Counter(row["status"] for row in rows)
    law = ", ".join(words.term(one) for one in extra["jurisdictions"]) or "-"
    day = extra.get("day")
    intro = [words.say("duties.intro", day="-" if day is None else when(day, words.language), law=law)]
    intro.append(words.say("duties.count", overdue=status["OVERDUE"], due=status["DUE"], done=status["DONE"]))
    if extra["countries_without_rules"]:
        intro.append(words.say("duties.no-law", countries=", ".join(extra["countries_without_rules"])))
    return view_page(
        request,
        looked,
        words.say("duties.title"),
        [Section(caption, table(request, "duties", caption, columns, shown, sortable=True))],
        views=["duties"],
        intro=intro,
        filters=filters,
    )
