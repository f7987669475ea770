"""Positions in words: what was recorded together is taken in together."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ledger.domain.events.base import ANCHOR_STREAM
from ledger.domain.vocabulary import Book
from ledger.keys.file import load_keys
from ledger.proof.sealed import half_of
from ledger.recording.reader import AsOfError, LedgerReader
from tests.projections.whole_trial import protocol_masking, whole_trial

MASKABLE = ("PARTICIPANT", "CARE_PROVIDER", "INVESTIGATOR", "OUTCOMES_ASSESSOR")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    masked = protocol_masking("QUADRUPLE", MASKABLE)
    settings = masked.model_dump(mode="json")["settings"] | {"anchor_every": 2}
    return whole_trial(tmp_path_factory.mktemp("trial"), masked.amended({"settings": settings})).path


@pytest.fixture
def reader(ledger: Path) -> Iterator[LedgerReader]:
    with closing(load_keys(ledger)) as keys:
        classes = frozenset({"plain", "arm"})
        opened = LedgerReader(ledger, books=frozenset({Book.OPEN, Book.SEALED}), classes=classes, keys=keys)
        with closing(opened), opened:
            yield opened


def test_a_position_takes_in_the_sealed_half_of_its_command_also_where_an_anchor_follows(reader: LedgerReader) -> None:
    ends, halves, anchors = dict[str, int](), defaultdict[str, list[int]](list), set[int]()
    for fact in reader.facts():
        if fact.book is Book.SEALED:
            halves[fact.command].append(fact.seq)
        elif fact.stream == ANCHOR_STREAM:
            anchors.add(fact.seq)
        else:
            ends[fact.command] = fact.seq
    before_an_anchor = 0
    for command, end in ends.items():
        position = reader.position_at(end)
        assert position.open == end + 1
        if half := halves[command] or halves[half_of(command)]:
            assert position.sealed == half[-1] + 1
            assert reader.position_at(f"{end}/{half[-1]}") == position
            before_an_anchor += end + 1 in anchors
    assert before_an_anchor > 2


def test_what_was_sealed_alone_after_an_anchor_is_taken_in_with_the_anchor_and_not_before(reader: LedgerReader) -> None:
    facts = list(reader.facts())
    opened = {fact.command for fact in facts if fact.book is Book.OPEN}
    positions = [reader.position_at(seq) for seq in range(reader.head().open)]
    alone, before = 0, 0
    for fact in facts:
        if fact.book is Book.OPEN:
            before = fact.seq
        elif fact.command not in opened and fact.command.removeprefix("of ") not in opened:
            alone += 1
            assert (positions[before].sealed or 0) > fact.seq
            assert before == 0 or (positions[before - 1].sealed or 0) <= fact.seq
    assert alone > 2


def test_an_exact_position_still_takes_in_no_sealed_entry_of_a_later_command(reader: LedgerReader) -> None:
    refused = 0
    for seq in range(reader.head().open - 1):
        position = reader.position_at(seq)
        assert position.sealed is not None
        beyond = reader.position_at(seq + 1).sealed or 0
        if beyond > position.sealed:
            refused += 1
            with pytest.raises(AsOfError, match="was recorded after open entry"):
                reader.position_at(f"{seq}/{beyond - 1}")
    assert refused
