"""A scan of the files of a running system: beyond the protocol's own list of arms, no word of a sealed section.

Scanned are the ledger, its log, and the masked views with theirs, byte by byte, while the ledger is open and after it
is closed. The unmasked views are the control: the same scan finds the words there.
"""

import base64
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from api.bootstrap import open_trial, protocol_of, rebuild_all, viewing
from ledger.domain.vocabulary import Book
from ledger.keys.file import load_keys
from ledger.proof.sections import ARM, HEADER, IDENTITY, PLAIN
from ledger.recording.engine import fetch, open_reading
from ledger.recording.reader import LedgerReader
from projections.runner import views_folder
from projections.views import VIEWS
from tests.projections.whole_trial import (
    CODES,
    ENTERED,
    GIVEN,
    LOTS,
    MASKABLE_TERMS,
    NAMES,
    protocol_masking,
    whole_trial,
)

SEALED_WORDS = (*LOTS, GIVEN, ENTERED, "view exposure", "arm.accessed/1", "treatment.recorded/1", "pharmacist-1")
"""Values of class `arm`, and of the headers of the sealed book."""
ARMS = tuple(CODES.values())


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A ledger that is open, as that of a running system, and whose views everybody has looked at."""
    trial = whole_trial(tmp_path_factory.mktemp("trial"), protocol_masking("QUADRUPLE", MASKABLE_TERMS))
    with closing(open_trial(trial.path)):
        for role in ("sponsor", "statistician"):
            seen = viewing(trial.path, role)
            for view in VIEWS.values():
                if view.open_to(seen.audience, seen.sight, role):
                    seen.show(view.name, None)
        yield trial.path


def files_of(path: Path) -> dict[str, bytes]:
    """What masked people, or whoever gets hold of the disk but not of the keys, can read: name -> bytes."""
    found = [*path.parent.glob(f"{path.name}*"), *views_folder(path).glob("open.db*")]
    return {file.name: file.read_bytes() for file in found if file.is_file() and not file.name.endswith("-shm")}


def forms_of(word: str) -> list[bytes]:
    """The bytes by which a word could lie in a file: as it is, and as simple codings write it."""
    raw = word.encode()
    return [raw, word.encode("utf-16-le"), raw.hex().encode(), base64.b64encode(raw).rstrip(b"=")[:-1], raw[::-1]]


def found_in(content: bytes, words: tuple[str, ...]) -> set[str]:
    return {word for word in words if any(form in content for form in forms_of(word))}


@pytest.mark.in_a_file
def test_the_scan_reads_the_logs_too(path: Path) -> None:
    names = set(files_of(path))
    assert {path.name, f"{path.name}-wal", "open.db"} <= names
    assert sum(len(content) for content in files_of(path).values()) > 100_000


def test_no_word_of_a_sealed_section_lies_in_the_clear(path: Path) -> None:
    for name, content in files_of(path).items():
        assert found_in(content, SEALED_WORDS) == set(), name


def test_no_name_of_a_person_lies_in_the_clear_anywhere(path: Path) -> None:
    for name, content in files_of(path).items():
        assert found_in(content, NAMES) == set(), name
    for file in views_folder(path).iterdir():
        assert found_in(file.read_bytes(), NAMES) == set(), file.name


def test_arms_stand_nowhere_but_in_the_protocols_own_list(path: Path) -> None:
    rows = []
    with closing(open_reading(path)) as connection:
        for book in ("open", "sealed"):
            stored = fetch(connection, f"SELECT seq, entry, sections FROM {book}_entry ORDER BY seq")
            rows += [(book, seq) for seq, entry, sections in stored if found_in(entry + sections, ARMS)]
    assert rows == [("open", 0)], "the registration has the protocol, and nothing else has an arm"
    assert all(word in protocol_of(path).to_json().decode() for word in ARMS)
    for name, content in files_of(path).items():
        if name.startswith("open.db"):
            assert found_in(content, ARMS) == set(), name


def test_the_same_scan_finds_the_words_in_the_unmasked_views(path: Path) -> None:
    content = b"".join(file.read_bytes() for file in views_folder(path).glob("unmasked.db*"))
    assert found_in(content, SEALED_WORDS) == set(SEALED_WORDS)
    assert found_in(content, ARMS) == set(ARMS)


def test_the_words_are_in_the_sections_for_who_has_the_keys(path: Path) -> None:
    with closing(load_keys(path)) as keys:
        classes = frozenset({PLAIN, IDENTITY, ARM, HEADER})
        with closing(LedgerReader(path, books=frozenset(Book), classes=classes, keys=keys)) as reader, reader:
            told = str(list(reader.facts()))
    assert all(word in told for word in (*SEALED_WORDS, *NAMES))


@pytest.mark.parametrize("word", [*SEALED_WORDS[:3], NAMES[0]])
def test_a_planted_word_is_found(path: Path, tmp_path: Path, word: str) -> None:
    leaking = tmp_path / path.name
    leaking.write_bytes(path.read_bytes() + b"\0" + word.encode() + b"\0")
    assert found_in(b"".join(files_of(leaking).values()), (word,)) == {word}


def test_after_closing_and_rebuilding_there_is_no_word_either(path: Path) -> None:
    rebuild_all(path)
    for name, content in files_of(path).items():
        assert found_in(content, (*SEALED_WORDS, *NAMES)) == set(), name
    assert (views_folder(path) / "unmasked.db").stat().st_mode & 0o077 == 0
