"""Who forges an entry, and makes all whole that follows from it, is found by what the entry says; by both verifiers.

And the control: a check taken out of the fast verifier lets at least one of these through.
"""

import re
import shutil
from itertools import product
from pathlib import Path
from typing import Any, Final

import pytest

from ledger.proof.verify import verify_ledger
from ledger.verifying import blocks, common_rows
from ledger.verifying import run as run_module
from ledger.verifying.blocks import COMPILED
from ledger.verifying.fast import try_fast
from ledger.verifying.plain_rows import PlainRows
from ledger.verifying.run import Run
from tests.thorough import THOROUGH
from tests.verifying.both import BLOCKS, WALKS, judged
from tests.verifying.kernels import compiled_with
from tests.verifying.ledgers import ALONE, CHANGED, EVENTS, Forgery, common_ledger, forge, sub

HEX: Final = "0" * 64
FORGERIES: Final = [
    Forgery("an id that is not hex", sub(rb'(?<=\},"id":").', b"G")),
    Forgery("an id in capitals", sub(rb'(?<=\},"id":")..', b"AB")),
    Forgery("an id too short", sub(rb'(?<=\},"id":")..', b"a")),
    Forgery("an actor with another member", sub(rb'"role":"', b'"rank":1,"role":"')),
    Forgery("an actor with a control character", sub(rb"investigator", b"investi\x01gator")),
    Forgery("an actor that is not UTF-8", sub(rb"investigator", b"investi\xffgator")),
    Forgery("an actor with a longer escape than needed", sub(rb"investigator", b"investi\\u0067ator")),
    Forgery("a time that is none", sub(rb"T12:", b"T24:")),
    Forgery("a time of nowhere", sub(rb'Z(?=","command")', b"z")),
    Forgery("a time before", sub(rb"2020-05-06", b"2020-05-05")),
    Forgery("a time after", sub(rb"2020-05-06", b"2020-05-07")),
    Forgery("another command's digest", sub(rb'(?<="digest":").', b"f")),
    Forgery("a digest that is not hex", sub(rb'(?<="digest":").', b"x")),
    Forgery("another command's id", sub(rb"cmd-0000", b"cmd-1000")),
    Forgery("another place in its command", sub(rb'"n":[0-9]', b'"n":4')),
    Forgery("a place written with a zero before it", sub(rb'"n":', b'"n":0')),
    Forgery("a command of more events", sub(rb'"of":', b'"of":1')),
    Forgery("another origin", sub(rb"NCT00000000", b"NCT00000001")),
    Forgery("another seq", sub(rb'"seq":', b'"seq":1')),
    Forgery("another stream", sub(rb"subject/ES-", b"subject/EX-")),
    Forgery("a type with a control character", sub(rb"\.done/1", b".done\x1f/1")),
    Forgery("another format", sub(rb"1/sha-256", b"2/sha-256")),
    Forgery("another version in the entry", sub(rb'"version":', b'"version":1')),
    Forgery("another version", sub(rb'"version":', b'"version":1'), columns="version = version + 10"),
    Forgery("a version written with a zero before it", sub(rb'"version":', b'"version":0')),
    Forgery("a version of nothing", sub(rb'"version":[0-9]+', b'"version":0'), columns="version = 0"),
    Forgery(
        "a version beyond 2^53 - 1", sub(rb'"version":[0-9]+', b'"version":%d' % 2**53), columns=f"version = {2**53}"
    ),
    Forgery("another version in the column", columns="version = version + 100"),
    Forgery("another stream in the column", columns="stream = 2, version = 100"),
    Forgery("a command in the column", columns="command = 'cmd-000099'"),
    Forgery("a member after all others", sub(rb"\}\Z", b',"w":0}')),
    Forgery("a byte after the entry", sub(rb"\}\Z", b"}\n")),
    Forgery("a commitment to something else", sub(rb'(?<="commit":").', b"x")),
    Forgery("a payload with a blank", payload=sub(rb'\A\{"items":', b'{"items": ')),
    Forgery("a payload with its keys in another order", payload=lambda _: b'{"b":1,"a":2}'),
    Forgery("a payload with a key twice", payload=lambda _: b'{"a":1,"a":1}'),
    Forgery("a payload with a fraction", payload=lambda _: b'{"a":1.5}'),
    Forgery("a payload with a whole number as a fraction", payload=lambda _: b'{"a":1.0}'),
    Forgery("a payload with an exponent", payload=lambda _: b'{"a":1e3}'),
    Forgery("a payload with a number too large", payload=lambda _: b'{"a":9007199254740992}'),
    Forgery("a payload with a number too small", payload=lambda _: b'{"a":-9007199254740992}'),
    Forgery("a payload with minus nothing", payload=lambda _: b'{"a":-0}'),
    Forgery("a payload with a key beyond ASCII", payload=lambda _: '{"ä":1}'.encode()),
    Forgery("a payload with such a key within", payload=lambda _: '{"a":[{"ä":1}]}'.encode()),
    Forgery("a payload with half a pair", payload=lambda _: b'{"a":"\\ud800"}'),
    Forgery("a payload that is not UTF-8", payload=lambda _: b'{"a":"\xff"}'),
    Forgery("a payload with a longer escape than needed", payload=lambda _: b'{"a":"\\u0041"}'),
    Forgery("a payload with a mark of byte order", payload=lambda _: b'\xef\xbb\xbf{"a":1}'),
    Forgery("a payload that is a list", payload=lambda _: b"[1]"),
    Forgery("a payload that is nothing", payload=lambda _: b""),
    Forgery("a payload nested too deep", payload=lambda _: b'{"a":' * 33 + b"1" + b"}" * 33),
]  # fmt: skip
HARMLESS: Final = [
    Forgery("another id", sub(rb'(?<=\},"id":").', b"0")),
    Forgery("another actor within a command", sub(rb"investigator", b"pharmacist")),
    Forgery("an actor beyond ASCII", sub(rb"investigator", "Prüferin".encode())),
    Forgery("an actor with an escape", sub(rb"investigator", b'the \\"investigator\\"')),
    Forgery("another type", sub(rb"visit-.\.done/1", b"some-thing-else/2")),
    Forgery("a type beyond ASCII", sub(rb"visit-.\.done/1", "Visite-größer/2".encode())),
    Forgery("a payload as deep as may be", payload=lambda _: b'{"a":' * 32 + b"1" + b"}" * 32),
    Forgery("a payload with the largest number", payload=lambda _: b'{"a":9007199254740991,"b":-9007199254740991}'),
    Forgery("a payload of nothing", payload=lambda _: b"{}"),
    Forgery("a payload of every escape", payload=lambda _: b'{"a":"\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\x7f"}'),
]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return common_ledger(tmp_path_factory.mktemp("common") / "trial.db")


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_a_forged_member_is_found_by_both(ledger: Path, tmp_path: Path, forgery: Forgery) -> None:
    copy = Path(shutil.copy(ledger, tmp_path / "forged.db"))
    forge(copy, forgery)
    assert not judged(copy).ok


@pytest.mark.parametrize("forgery", HARMLESS, ids=lambda forgery: forgery.name)
def test_what_the_format_allows_is_allowed_by_both(ledger: Path, tmp_path: Path, forgery: Forgery) -> None:
    copy = Path(shutil.copy(ledger, tmp_path / "other.db"))
    forge(copy, forgery)
    assert judged(copy).ok


def _nothing(*_: object, **__: object) -> None:
    """A check that is not made."""


def _true(*_: object) -> bool:
    return True


def _all_versions(run: Run, after: Run) -> tuple[dict[int, int], dict[int, int]]:
    return after.first | run.first, run.last | after.last


OMISSIONS: Final[list[tuple[str, Any, str, Any]]] = [
    ("ids, digests and times", common_rows.CommonRows, "_look_at", _nothing),
    ("actors", common_rows.CommonRows, "_knows_actor", _true),
    ("types", common_rows, "_TAIL", re.compile(r'((.*?)"),.*"version":([0-9]+).*', re.DOTALL)),
    ("payloads", common_rows, "is_canonical_object", _true),
    ("places in a command", PlainRows, "_command", _nothing),
    ("versions from block to block", Run, "_join_versions", _all_versions),
    ("what else goes on from block to block", run_module, "give_up", _nothing),
]
BESIDE_THE_KERNEL: Final = OMISSIONS[4:]
_ANY_ORIGIN: Final = (
    """literal(clean(literal(at, end, b'","origin":"'), end), end, b'","parts":[{"class":"plain","commit":"')"""
)
_ANY_NAME: Final = (
    """literal(string(literal(number(literal(at, end, b'","seq":'), end, &seq), end, b',"stream":"'), end), end, """
    """b',"type":"')"""
)
IN_THE_KERNEL: Final = [
    ("ids", """hexadecimal(literal(at, end, b'},"id":"'), end, ID)""", """clean(literal(at, end, b'},"id":"'), end)"""),
    ("digests", "hexadecimal(at, end, 2 * HASH)", "clean(at, end)"),
    ("control characters, and what is beyond ASCII", "0x20 <= <unsigned char>at[0] <= 0x7F and at[0]", "at[0]"),
    ("the form of times", "else at[i] != TIME[i]:", "else False:"),
    ("times before", "return at + AT if compared == 0 else NULL", "return at + AT"),
    ("the place in its command", "if n != row.n or (of != row.of if row.n else of < 1):", "if False:"),
    ("that only a first event has its command", " or row.command.start != NULL:", ":"),
    ("the column command", "at = literal(at if at == begin else NULL, end,", "at = literal(at, end,"),
    ("the origin", "piece(at, end, row.between)", _ANY_ORIGIN),
    ("the commitment", "digest_in_hex(piece(at, end, row.between), end, row.commit)",
     "clean(piece(at, end, row.between), end)"),
    ("seq", " and seq == row.seq", ""),
    ("the name of the stream", """piece(number(literal(at, end, b'","seq":'), end, &seq), end, row.name)""", _ANY_NAME),
    ("the version of the column", " and version == row.version", ""),
    ("versions one after another", " and row.version == last_version + 1", ""),
    ("the end", "return at == end and", "return at != NULL and"),
    ("zeros before a number", "NULL if begin[0] == c'0' and at - begin > 1 else at", "at"),
    ("how large a number is", "MOST_DIGITS = 15", "MOST_DIGITS = 18"),
    ("minus nothing", "return at if ignored else NULL", "return at"),
    ("the order of keys", "if compared > 0 or (compared == 0 and last.length >= key.length):", "if compared > 0:"),
    ("that a key is there once", "if compared > 0 or (compared == 0 and last.length >= key.length):",
     "if compared > 0 and last.length:"),
    ("UTF-8", "at = clean(character(at, end), end)", "at = clean(at + 1, end)"),
    ("that a payload is an object", "at < end and at[0] == c'{' and value", "at < end and value"),
    ("payloads", "return is_canonical_object(stored[SALTED:])", "return True"),
]  # fmt: skip
_TRIED: Final = IN_THE_KERNEL if THOROUGH else IN_THE_KERNEL[::4]
"""Each takes a compilation."""


@pytest.fixture(scope="module")
def forged(ledger: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    """Each forgery, at some entries, where the reference finds it."""
    folder, made = tmp_path_factory.mktemp("forged"), []
    for number, forgery in enumerate(FORGERIES):
        for seq in (CHANGED - 1, CHANGED, ALONE, EVENTS - 4, EVENTS - 1):
            copy = Path(shutil.copy(ledger, folder / f"{number}-{seq}.db"))
            try:
                forge(copy, Forgery(forgery.name, forgery.entry, forgery.payload, forgery.columns, seq))
            except AssertionError:
                continue  # there is no such place in this entry
            if not verify_ledger(copy).ok:
                made.append((forgery.name, copy))
    return made


def _through(forged: list[tuple[str, Path]], *, compiled: bool) -> str | None:
    """The first forgery that comes through."""
    for (name, path), block in product(forged, BLOCKS):
        if try_fast(path, block=block, compiled=compiled) is not None:
            return name
    return None


@pytest.mark.parametrize("compiled", WALKS)
def test_no_forgery_comes_through_in_blocks_of_any_size(forged: list[tuple[str, Path]], compiled: bool) -> None:
    assert len(forged) > 150
    assert _through(forged, compiled=compiled) is None


@pytest.mark.parametrize(("what", "owner", "name", "instead"), OMISSIONS, ids=[each[0] for each in OMISSIONS])
def test_a_check_left_out_would_be_noticed_here(
    forged: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch, what: str, owner: Any, name: str, instead: Any
) -> None:
    """Some forgery, at some entry, comes through then; and none does without the omission."""
    monkeypatch.setattr(owner, name, instead)
    assert _through(forged, compiled=False), f"nothing notices that {what} are not checked"


@pytest.mark.skipif(not COMPILED, reason="the kernel was not compiled")
@pytest.mark.parametrize(
    ("what", "owner", "name", "instead"), BESIDE_THE_KERNEL, ids=[each[0] for each in BESIDE_THE_KERNEL]
)
def test_a_check_left_out_beside_the_kernel_would_be_noticed_here(
    forged: list[tuple[str, Path]], monkeypatch: pytest.MonkeyPatch, what: str, owner: Any, name: str, instead: Any
) -> None:
    monkeypatch.setattr(owner, name, instead)
    assert _through(forged, compiled=True), f"nothing notices that {what} are not checked"


@pytest.mark.skipif(not COMPILED, reason="the kernel was not compiled")
@pytest.mark.parametrize(("what", "check", "instead"), _TRIED, ids=[each[0] for each in _TRIED])
def test_a_check_left_out_of_the_kernel_would_be_noticed_here(
    forged: list[tuple[str, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, check: str, instead: str
) -> None:
    """The kernel is compiled anew without it."""
    monkeypatch.setattr(blocks, "kernel", compiled_with(tmp_path, check, instead))
    assert _through(forged, compiled=True), f"nothing notices that the kernel does not check {what}"
