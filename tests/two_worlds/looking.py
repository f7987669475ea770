"""What masked people can see of a world, as labelled bytes; and where two worlds differ in it.

Compared is everything, but for the anchors' commitments and what follows from them: an anchor's ciphertext by its
length alone, hashes of open entries by the seq that they stand for. A label that only one world has is a difference.

People look through sessions, as the product gives them: a look that is refused stands in the open book itself, which is
therefore read last.
"""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import apsw
from typer.testing import CliRunner

from api.access import Session, viewer_of
from api.bootstrap import DeniedError, trial_of
from api.cli.app import app
from api.disclosure import DisclosureError, disclose
from api.outbox import outbox_folder
from ledger.domain.roles import ROLES, Viewer, sight
from ledger.domain.vocabulary import Book
from ledger.domain.when import recorded
from ledger.proof.sections import ENCRYPTED
from ledger.proof.tree import leaf_hash
from ledger.recording.engine import fetch, open_reading
from ledger.recording.reader import AsOfError
from projections.result import Result
from projections.runner import views_folder
from projections.views import VIEWS
from tests.two_worlds.worlds import World

Seen = dict[str, bytes]

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_PREV: Final = re.compile(rb'"prev":"[0-9a-f]{64}"')
_ANCHOR: Final = re.compile(rb'(\{"class":"anchor","commit":)"[0-9a-f]{64}"\}')
# An import's claim of an arm: the keyed digest of all that it says, in a ledger whose key nobody masked holds.
_DIGEST: Final = re.compile(rb'"digest":"[0-9a-f]{64}"')
_COMMAND: Final = re.compile(rb'"command":\{"digest":"[0-9a-f]{64}","id":"([^"]*)"')
_ENTRIES: Final = "SELECT seq, stream, version, command, entry, sections FROM open_entry ORDER BY seq"
_CLAIMS: Final = "claim-randomization"
AS_OF: Final = ("0", "5", "9/0", "999999", "2020-05-06", "2020-05-06T08:09:00Z", "2020-05-06T10:09", "2019", "soon")
_FORMS: Final[tuple[list[str], ...]] = ([], ["--json"], ["--as-of", "3"], ["--csv"], ["--as-of", "never"])
_AUDITORS: Final = ("auditor-2", "auditor-3", "auditor-4", "auditor-5")
"""Whom the scene `grants` grants access."""


def masked_people(world: World) -> list[Viewer]:
    """One person of each role, and the auditors with grants: those who have only the open book in sight now."""
    people = [viewer_of(f"{role}-1", role, "FJD", frozenset({"S01"} if ROLES[role].identity else ())) for role in ROLES]
    people += [viewer_of(auditor, "auditor", "FJD") for auditor in _AUDITORS]
    trial = trial_of(world.path)
    assert trial.protocol is not None
    now = recorded(world.clock())
    seen = {viewer: sight(viewer, trial.protocol, trial, now=now) for viewer in people}
    # Whose grant was revoked has seen arms all the same.
    return [
        viewer
        for viewer, what in seen.items()
        if what.books == {Book.OPEN} and not what.arms and trial.unblinded.of(viewer.id, None) is None
    ]


def look(world: World, *, thorough: bool = True) -> Seen:
    """All that masked people can see; `thorough`: all of it, and through the command line as well."""
    seen: Seen = {}
    found: list[tuple[str, str]] = []
    with world.at_the_desk():
        people = masked_people(world)
        found += _sessions(world, people, thorough=thorough)
        if thorough:
            found += _command_line(world.path, people)
    found += [*_stored_views(world.path), *_outbox(world.path)]
    found += [(f"log, line {number}", line) for number, line in enumerate(world.logged)]
    heads = heads_of(world.path)
    for label, text in found:
        seen[label] = normal(text.replace(str(world.path), "LEDGER"), heads).encode()
    for number, (asked, answer) in enumerate(world.answers):
        seen[f"answer {number} to {asked}"] = json.dumps(answer).encode()
    seen |= _open_book(world)
    return seen


def differences(one: Seen, other: Seen) -> list[str]:
    """The labels under which two worlds differ, in order."""
    return [label for label in [*one, *(other.keys() - one.keys())] if one.get(label) != other.get(label)]


def heads_of(path: Path) -> dict[str, str]:
    """Leaf hash -> which entry it stands for."""
    with closing(open_reading(path)) as connection:
        rows = fetch(connection, "SELECT seq, entry FROM open_entry ORDER BY seq")
    return {leaf_hash(entry).hex(): f"the hash of entry {seq}" for seq, entry in rows}


def normal(text: str, heads: dict[str, str]) -> str:
    """A text in which hashes of open entries stand for the entries."""
    return _HASH.sub(lambda found: heads.get(found[0], found[0]), text)


def _open_book(world: World) -> Iterator[tuple[str, bytes]]:
    claims = {asked.split()[1].encode() for asked, _ in world.answers if asked.startswith(_CLAIMS)}
    with closing(open_reading(world.path)) as connection:
        entries = fetch(connection, _ENTRIES)
        streams = fetch(connection, "SELECT id, name FROM open_stream ORDER BY id")
        heads = fetch(connection, "SELECT size, origin, length(hash), length(frontier) FROM head WHERE book = 'open'")
    yield "open book, head", repr(heads).encode()
    yield "open book, streams", repr(streams).encode()
    for seq, stream, version, command, entry, sections in entries:
        anchor = _ANCHOR.search(entry) is not None
        told = _ANCHOR.sub(rb'\1"ANCHOR"}', _PREV.sub(b'"prev":"PREV"', entry))
        given = _COMMAND.search(entry)
        if given is not None and given[1] in claims:
            told = _DIGEST.sub(b'"digest":"OF AN ARM"', told)
        yield f"open book, entry {seq}", told
        yield f"open book, columns of {seq}", repr((stream, version, command, len(entry), len(sections))).encode()
        yield f"open book, sections of {seq}", b"" if anchor else sections


def _sessions(world: World, people: list[Viewer], *, thorough: bool) -> Iterator[tuple[str, str]]:
    """Every view as everybody sees it now, and at earlier points as one of them does; `thorough`: or else a part."""
    for index, viewer in enumerate(people):
        session = Session(world.path, viewer, clock=world.clock)
        for number, view in enumerate(VIEWS):
            now = [None] if thorough or (index + number) % 4 == 0 else []
            points = AS_OF if thorough else AS_OF[number % len(AS_OF) :][:1]
            for as_of in (*now, *(points if number % len(people) == index else ())):
                label = f"view {view} as {viewer.id} as of {as_of or 'now'}"
                try:
                    result = session.show(view, as_of)
                except (DeniedError, AsOfError) as error:
                    yield f"{label}, refused", str(error)
                    continue
                yield from _forms(label, result)
        classes = sorted(ENCRYPTED)
        for section_class in classes if thorough else (classes[index % len(classes)],):
            file = world.path.with_name(f"{viewer.id}.{section_class}.keys")
            label = f"disclosure of {section_class} to {viewer.id}"
            try:
                done = disclose(session, file, frozenset({section_class}))
            except (DeniedError, DisclosureError) as error:
                yield f"{label}, refused", str(error)
            else:
                yield label, repr((done.keys, file.read_bytes()))


def _forms(label: str, result: Result) -> Iterator[tuple[str, str]]:
    yield f"{label}, json", result.to_json()
    yield f"{label}, csv", result.to_csv()
    yield f"{label}, table", repr((result.title, result.grid(), result.caption(), result.notes()))


def _command_line(path: Path, people: list[Viewer]) -> Iterator[tuple[str, str]]:
    runner = CliRunner()
    for index, view in enumerate(VIEWS):
        viewer = people[index % len(people)]
        who = ["--role", viewer.role, "--actor", viewer.id, *(f"--site={site}" for site in viewer.sites)]
        for form in (_FORMS[index % len(_FORMS)], _FORMS[(index + 1) % len(_FORMS)]):
            done = runner.invoke(app, ["show", view, str(path), *who, *form])
            label = f"command line: show {' '.join([view, *who, *form])}"
            yield label, f"{done.exit_code}\n{done.stdout}\n{done.stderr}"


def _stored_views(path: Path) -> Iterator[tuple[str, str]]:
    """The masked projections as they lie on the disk."""
    stored = views_folder(path) / "open.db"
    if not stored.exists():  # nobody is masked any more
        return
    with closing(apsw.Connection(str(stored), flags=apsw.SQLITE_OPEN_READONLY)) as connection:
        tables = fetch(connection, "SELECT name, sql FROM sqlite_schema ORDER BY name")
        for name, sql in tables:
            yield f"stored views, {name}", str(sql)
            if sql is not None and sql.startswith("CREATE TABLE"):
                yield f"stored views, rows of {name}", repr(fetch(connection, f'SELECT * FROM "{name}"'))


def _outbox(path: Path) -> Iterator[tuple[str, str]]:
    """The alerts, which a sender takes out of the house."""
    folder = outbox_folder(path)
    for file in sorted(folder.iterdir()) if folder.exists() else ():
        yield f"outbox, {file.name}", file.read_text()
