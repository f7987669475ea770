"""The read side over real ledger files: what the recorder wrote comes out the same by every way of reading it."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain.events import CATALOGUE, Event
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.proof.sections import ARM, HEADER, IDENTITY, PLAIN
from ledger.recording.books import Books
from ledger.recording.drafts import Append
from ledger.recording.mapper import open_drafts, sealed_drafts
from ledger.recording.reader import AsOfError, LedgerReader
from projections.base import Audience
from projections.runner import catch_up, rebuild, show, views_folder
from projections.views import VIEWS
from tests.projections.building import MemoryLedger, consented, randomize, registered, visit
from tests.projections.stories import Step, steps, told
from tests.projections.test_runner import tables
from tests.recording.ledgers import KEYS, mark, new_ledger, open_books, ticking

MASKED, UNMASKED = Audience.MASKED, Audience.UNMASKED


@contextmanager
def reader(path: Path, audience: Audience) -> Iterator[LedgerReader]:
    """What the composition root hands to a person of that audience."""
    if audience is UNMASKED:
        found = LedgerReader(path, books=frozenset(Book), classes=frozenset({PLAIN, ARM, HEADER}), keys=KEYS)
    else:
        found = LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset({PLAIN, IDENTITY}))
    with closing(found):
        yield found


class Recorder:
    """Writes the facts of a ledger in memory into a file, each as a command of its own."""

    def __init__(self, books: Books) -> None:
        self.books = books
        self.versions: dict[str, int] = {}
        self.seqs: dict[tuple[Book, int], int] = {}

    def record(self, fact: Fact) -> None:
        data = dict(fact.data)
        if "target_seq" in data:  # anchors have moved the seqs of the open book
            data["target_seq"] = self.seqs[fact.book, data["target_seq"]]
        cls = CATALOGUE.get(fact.type)
        assert cls is not None
        event: Event = cls.read(data)
        command = mark(fact.command)
        if fact.book is Book.OPEN:
            drafts = open_drafts(
                [event],
                self.versions,
                origin=self.books.origin,
                actor=fact.actor,
                command=command,
                random=self.books.randomness.open,
                keys=KEYS,
            )
            self.seqs[fact.book, fact.seq] = self.books.append(Append(command, drafts)).open_seq
        else:
            recorded = self.books.append(Append(command, (), sealed_drafts([event], {}, actor=fact.actor)))
            self.seqs[fact.book, fact.seq] = recorded.sealed_seq


def answers(path: Path, audience: Audience, *, folder: Path | None = None, as_of: int | None = None) -> list[str]:
    with reader(path, audience) as found:
        return [
            show(found, view.name, audience, as_of=as_of, folder=folder).to_json()
            for view in VIEWS.values()
            if view.open_to(audience)
        ]


def rows_but_positions(ledger: MemoryLedger, path: Path, view: str, audience: Audience) -> tuple[Any, Any]:
    with reader(path, audience) as found:
        return ledger.show(view, audience).rows, show(found, view, audience).rows


@settings(max_examples=25)
@given(story=steps, data=st.data(), audience=st.sampled_from(Audience))
@pytest.mark.in_a_file
def test_a_file_caught_up_while_it_grows_says_what_a_rebuild_says_and_keeps_its_past(
    story: list[Step], data: st.DataObject, audience: Audience
) -> None:
    ledger = told(story)
    pauses = data.draw(st.sets(st.integers(1, len(ledger.facts)), min_size=1, max_size=3))
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = new_ledger(folder)
        cuts: list[Path] = []
        with closing(open_books(path, every=4, seed=1, clock=ticking())) as books:
            recorder = Recorder(books)
            for number, fact in enumerate(ledger.facts, start=1):
                recorder.record(fact)
                if number in pauses:
                    with reader(path, audience) as found:
                        catch_up(found, audience, folder / "caught")
                    cuts.append(folder / f"cut{number}.db")
                    shutil.copy(path, cuts[-1])
                    shutil.copy(f"{path}-wal", f"{cuts[-1]}-wal")
        with reader(path, audience) as found:
            catch_up(found, audience, folder / "caught")
            rebuild(found, audience, folder / "rebuilt")
        assert tables(folder / "caught", audience) == tables(folder / "rebuilt", audience)
        assert answers(path, audience, folder=folder / "caught") == answers(path, audience)
        for cut in cuts:
            then = answers(cut, audience)
            seq = json.loads(then[0])["as_of"]["seq"]
            if audience is MASKED:  # the sealed book may have gone on at the same open position
                assert answers(path, audience, as_of=seq) == then


@pytest.mark.parametrize("audience", Audience)
def test_the_file_and_the_ledger_in_memory_say_the_same(tmp_path: Path, audience: Audience) -> None:
    ledger = registered()
    for number, arm in enumerate(("CONTROL", "TREATMENT"), start=1):
        randomize(ledger, f"S{number}", arm, index=number)
    path = new_ledger(tmp_path)
    with closing(open_books(path, every=0)) as books:
        recorder = Recorder(books)
        for fact in ledger.facts:
            recorder.record(fact)
    for view in ("subjects", "enrolment", "disposition", "adverse-events", "deviations"):
        expected, found = rows_but_positions(ledger, path, view, audience)
        assert found == expected


def test_readers_with_and_without_identity_make_the_same_masked_tables(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    ledger = registered()
    ledger.append(consented("S1", subject_name="Ada Byron"))
    with closing(open_books(path)) as books:
        recorder = Recorder(books)
        for fact in ledger.facts:
            recorder.record(fact)
    for folder, classes in (("with", {PLAIN, IDENTITY}), ("without", {PLAIN})):
        with closing(LedgerReader(path, books=frozenset({Book.OPEN}), classes=frozenset(classes))) as found:
            catch_up(found, MASKED, tmp_path / folder)
    assert tables(tmp_path / "with", MASKED) == tables(tmp_path / "without", MASKED)
    assert b"Byron" not in (tmp_path / "with" / "open.db").read_bytes()


def test_anchors_are_rows_of_the_system_without_content(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    ledger = registered()
    randomize(ledger, "S1", "TREATMENT")
    ledger.append(visit("S1", "DAY 3", "2020-05-15"))
    with closing(open_books(path, every=4)) as books:
        recorder = Recorder(books)
        for fact in ledger.facts:
            recorder.record(fact)
    with reader(path, UNMASKED) as found:
        trail = show(found, "audit", UNMASKED).rows
    anchors = [row for row in trail if row["type"] == "sealed-book.anchored/1"]
    assert anchors
    for row in anchors:
        assert (row["role"], row["what"]) == ("system", "Sealed book anchored")
        assert {row[name] for name in ("occurred_at", "subject", "why", "before", "after", "provenance")} == {None}


def test_an_as_of_beyond_the_end_is_refused_with_the_end(tmp_path: Path) -> None:
    path = new_ledger(tmp_path)
    with closing(open_books(path)) as books:
        Recorder(books).record(registered().facts[0])
    with reader(path, MASKED) as found, pytest.raises(AsOfError, match="ends at position 0"):
        show(found, "subjects", MASKED, as_of=7, folder=views_folder(path))
