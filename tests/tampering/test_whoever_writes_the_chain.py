"""A recorder that chains correctly, but records what it must not: the rules of order, and the tie between the books.

Here the entries are written anew with a whole chain, tree and heads, so that only the rule itself can tell.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ledger.proof.canonical import encode
from ledger.proof.tree import leaf_hash
from ledger.proof.verify import verify_ledger
from ledger.recording.engine import create_ledger
from tests.tampering.ledgers import ORIGIN, behind_its_back, found, found_without_keys, places, relink, rows
from tests.tampering.sealed_parts import Opened, SomeKeys, changed, opened, sealed_again


def rewrite(path: Path, book: str, seq: int, change: Callable[[dict[str, Any]], object]) -> None:
    """Change an entry through its JSON, and chain and head with it; the open heads of sealed entries too.

    Its sections are sealed again for where they stand now.
    """
    row = rows(path, f"{book}_entry")[seq]
    entry = json.loads(row["entry"])
    sections = opened(entry, row["sections"])
    change(entry)
    write(path, book, seq, entry, sections)


def write(path: Path, book: str, seq: int, entry: dict[str, Any], sections: Sequence[Opened]) -> None:
    classes = [part["class"] for part in entry["parts"]]
    stored = sealed_again(
        entry, [one._replace(section_class=name) for one, name in zip(sections, classes, strict=True)]
    )
    with behind_its_back(path) as connection:
        connection.execute(
            f"UPDATE {book}_entry SET entry = ?, sections = ? WHERE seq = ?", (encode(entry), stored, seq)
        )
        relink(connection, book, 0, head=True)
        if book == "open":
            retie(connection)


def retie(connection: Any) -> None:
    hashes = [leaf_hash(entry) for (entry,) in connection.execute("SELECT entry FROM open_entry ORDER BY seq")]
    for seq, raw in connection.execute("SELECT seq, entry FROM sealed_entry ORDER BY seq").fetchall():
        entry = json.loads(raw)
        entry["open_head"]["hash"] = hashes[entry["open_head"]["seq"]].hex()
        connection.execute("UPDATE sealed_entry SET entry = ? WHERE seq = ?", (encode(entry), seq))
    relink(connection, "sealed", 0, head=True)


def payload(path: Path, book: str, seq: int, section: str, change: Callable[[bytes], bytes]) -> None:
    """Change a payload, and all that commits to it."""
    row = rows(path, f"{book}_entry")[seq]
    entry = json.loads(row["entry"])
    write(path, book, seq, entry, changed(opened(entry, row["sections"]), section, change))


# A changed sealed book has other roots than its anchors; that finding comes beside the one looked for.
ANCHORED = ("anchor", "open")


def but_for_anchors(path: Path) -> list[tuple[str, str | None, int | None]]:
    return [finding for finding in found(path) if finding[:2] != ANCHORED]


def test_the_helper_alone_changes_nothing(ledger: Path) -> None:
    rewrite(ledger, "open", 6, dict.copy)
    assert found(ledger) == []


def test_recorded_time_that_runs_backwards_is_found(ledger: Path) -> None:
    rewrite(ledger, "open", 9, lambda entry: entry.update(at="2020-05-04T09:30:00.000000Z"))
    assert ("time", "open", 9) in found(ledger)


@pytest.mark.parametrize(
    ("at", "code"),
    [("2020-05-34T09:30:00.000000Z", "entry"), ("2020-05-04T25:30:00.000000Z", "entry"),
     ("2021-02-30T09:30:00.000000Z", "time")],
)  # fmt: skip
def test_a_recorded_time_that_is_none_is_found(ledger: Path, at: str, code: str) -> None:
    rewrite(ledger, "open", 24, lambda entry: entry.update(at=at))
    assert (code, "open", 24) in found(ledger)


def test_a_recorded_time_after_both_neighbours_is_at_fault_and_those_after_it_are_not(ledger: Path) -> None:
    rewrite(ledger, "open", 8, lambda entry: entry.update(at="2040-01-01T00:00:00.000000Z"))
    assert but_for_anchors(ledger) == [("time", "open", 8)]


def test_a_version_that_jumps_does_not_convict_the_next_of_its_stream(ledger: Path) -> None:
    rewrite(ledger, "open", 6, lambda entry: entry.update(version=77))
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET version = 77 WHERE seq = 6")
    assert but_for_anchors(ledger) == [("version", "open", 6)]


def test_versions_that_go_on_from_a_gap_are_one_finding(ledger: Path) -> None:
    """Where an entry of the stream was taken out, and not where those after it stand."""
    stored = rows(ledger, "open_entry")
    later = [row["seq"] for row in stored if row["stream"] == stored[6]["stream"] and row["seq"] >= 6]
    assert len(later) > 2
    for seq in reversed(later):
        rewrite(ledger, "open", seq, lambda entry: entry.update(version=entry["version"] + 1))
        with behind_its_back(ledger) as connection:
            connection.execute("UPDATE open_entry SET version = version + 1 WHERE seq = ?", (seq,))
    assert but_for_anchors(ledger) == [("version", "open", 6)]


@pytest.mark.parametrize(
    "origin", ["foo", "/T/" + "0" * 32, "a/b/T/" + "0" * 32, "a b/T/" + "0" * 32, "a/T/" + "0" * 31]
)
def test_an_origin_of_another_form_is_found(tmp_path: Path, origin: str) -> None:
    create_ledger(tmp_path / "trial.db", origin)
    assert found(tmp_path / "trial.db") == [("origin", "open", None)]


def test_a_header_whose_digest_is_none_is_found(ledger: Path) -> None:
    digest = f"{12:064x}".encode()
    payload(ledger, "sealed", 6, "header", lambda body: body.replace(digest, b"x"))
    assert but_for_anchors(ledger) == [("header", "sealed", 6)]


def test_a_command_id_that_comes_again_is_found_without_the_unique_index(ledger: Path) -> None:
    first = 3
    stored = rows(ledger, "open_entry")
    again = next(row["seq"] for row in stored[12:] if row["command"] and b"visit.done" in row["entry"])
    second = [again, again + 1]
    with behind_its_back(ledger) as connection:
        connection.execute("DROP INDEX open_entry_command")
    for seq in second:
        rewrite(ledger, "open", seq, lambda entry: entry["command"].update(id=stored[first]["command"]))
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET command = ? WHERE seq = ?", (stored[first]["command"], again))
    assert but_for_anchors(ledger) == [("command", "open", again), ("schema", None, None)]


def test_a_command_id_in_the_headers_of_two_commands_is_found(ledger: Path) -> None:
    def of_another(body: bytes) -> bytes:
        header = json.loads(body)
        header["command"].update(id="cmd-000004", n=0, of=1)
        return encode(header)

    payload(ledger, "sealed", 6, "header", of_another)
    assert ("command", "sealed", 6) in found(ledger)


def test_a_command_recorded_at_two_times_is_found_without_keys(ledger: Path) -> None:
    marks = [json.loads(row["entry"])["command"] for row in rows(ledger, "sealed_entry")]
    second = next(seq for seq in range(1, len(marks)) if marks[seq] == marks[seq - 1])
    rewrite(ledger, "sealed", second, lambda entry: entry.update(at=entry["at"].replace("000000Z", "000001Z")))
    assert ("command", "sealed", second) in found(ledger)
    assert found_without_keys(ledger) == [("command", "sealed", second)]


def test_a_mark_that_comes_again_later_is_found_without_the_key(ledger: Path) -> None:
    mark = json.loads(rows(ledger, "sealed_entry")[0]["entry"])["command"]
    rewrite(ledger, "sealed", 3, lambda entry: entry.update(command=mark))
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE sealed_entry SET command = ? WHERE seq = 3", (mark,))
    codes = {(finding.code, finding.book, finding.seq) for finding in verify_ledger(ledger).findings}
    assert ("command", "sealed", 3) in codes


def test_a_slot_that_comes_again_is_found_without_the_unique_index(ledger: Path) -> None:
    place = json.loads(rows(ledger, "sealed_entry")[0]["entry"])["slot"]
    with behind_its_back(ledger) as connection:
        connection.execute("DROP INDEX sealed_entry_slot")
    rewrite(ledger, "sealed", 3, lambda entry: entry.update(slot=place))
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE sealed_entry SET slot = ? WHERE seq = 3", (place,))
    codes = {(finding.code, finding.book, finding.seq) for finding in verify_ledger(ledger).findings}
    assert ("header", "sealed", 3) in codes


def test_a_raw_event_is_no_anchor_whatever_it_is_called(ledger: Path) -> None:
    def raw(entry: dict[str, Any]) -> None:
        entry["type"] = "sealed-book.anchored/1"
        entry["command"].update(id="", n=0, of=1)

    first = rows(ledger, "open_entry")[0]
    assert json.loads(first["entry"])["command"]["of"] == 1
    rewrite(ledger, "open", 0, raw)
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET command = NULL WHERE seq = 0")
    assert but_for_anchors(ledger) == []


def test_an_anchor_without_its_section_is_found_without_keys(ledger: Path) -> None:
    rewrite(ledger, "open", 6, lambda entry: entry.update(type="sealed-book.anchored/1"))
    assert ("anchor", "open", 6) in found(ledger)
    assert found_without_keys(ledger) == [("anchor", "open", 6)]


def test_the_section_of_an_anchor_in_another_event_is_found_without_keys(ledger: Path) -> None:
    seq = anchors(ledger)[0]
    rewrite(ledger, "open", seq, lambda entry: entry.update(type="visit.done/1"))
    assert ("anchor", "open", seq) in found(ledger)
    assert found_without_keys(ledger) == [("anchor", "open", seq)]


def test_an_entry_of_another_ledger_is_found(ledger: Path) -> None:
    rewrite(ledger, "open", 6, lambda entry: entry.update(origin=ORIGIN.replace("0", "1")))
    assert but_for_anchors(ledger) == [("origin", "open", 6)]


def test_a_version_left_out_is_found(ledger: Path) -> None:
    rewrite(ledger, "open", 24, lambda entry: entry.update(version=entry["version"] + 1))
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET version = version + 1 WHERE seq = 24")
    assert found(ledger) == [("version", "open", 24)]


@pytest.mark.parametrize(("n", "of"), [(0, 1), (1, 3), (2, 2), (0, 2)])
def test_a_command_whose_events_do_not_stand_together_is_found(ledger: Path, n: int, of: int) -> None:
    second = json.loads(rows(ledger, "open_entry")[23]["entry"])
    assert second["command"]["n"] == 1
    rewrite(ledger, "open", 23, lambda entry: entry["command"].update(n=n, of=of))
    assert ("command", "open", 23) in found(ledger)


def test_a_payload_that_is_not_canonical_is_found(ledger: Path) -> None:
    payload(ledger, "open", 6, "plain", lambda body: body.replace(b":", b": ", 1))
    assert but_for_anchors(ledger) == [("payload", "open", 6)]


@pytest.mark.parametrize("body", [b'{"a":1.5}', b'{"b":1,"a":1}', b'{"a":1,"a":1}', b"[1]", b'{"a":9007199254740993}'])
def test_what_two_readers_could_read_differently_is_not_a_payload(ledger: Path, body: bytes) -> None:
    payload(ledger, "open", 6, "plain", lambda _: body)
    assert but_for_anchors(ledger) == [("payload", "open", 6)]


def test_a_header_that_is_none_is_found(ledger: Path) -> None:
    payload(ledger, "sealed", 6, "header", lambda _: b"{}")
    assert but_for_anchors(ledger) == [("header", "sealed", 6)]


def test_a_header_of_another_stream_is_found_with_the_key(ledger: Path) -> None:
    payload(ledger, "sealed", 6, "header", lambda body: body.replace(b"subject/ES-000", b"subject/ES-001"))
    assert ("header", "sealed", 6) in but_for_anchors(ledger)


def test_an_arm_in_the_open_book_is_found(ledger: Path) -> None:
    rewrite(ledger, "open", 6, lambda entry: entry["parts"][0].update({"class": "arm"}))
    assert but_for_anchors(ledger) == [("section", "open", 6)]


def test_an_anchor_that_tells_another_root_is_found(ledger: Path) -> None:
    seq = anchors(ledger)[-2]
    payload(ledger, "open", seq, "anchor", lambda body: body[:-8] + (b"0" * 6) + body[-2:])
    assert found(ledger)[0][1:] == ("open", seq)


def test_an_anchor_that_counts_too_many_or_too_few_is_found(ledger: Path) -> None:
    seq = anchors(ledger)[-1]
    size = json.loads(anchor_payload(ledger, seq))["size"]
    for other in (int(size) - 1, int(size) + 1):
        payload(ledger, "open", seq, "anchor", lambda body, n=other: encode({**json.loads(body), "size": f"{n:016d}"}))  # type: ignore[misc]
        assert {code for code, _, _ in found(ledger)} & {"anchor", "tie", "missing"}


def test_a_sealed_book_written_anew_is_found_at_the_first_anchor_that_knew_it(ledger: Path) -> None:
    payload(ledger, "sealed", 0, "arm", lambda body: body.replace(b"71.5", b"17.5"))
    seen = found(ledger)
    knew = next(seq for seq in anchors(ledger) if int(json.loads(anchor_payload(ledger, seq))["size"]) > 0)
    assert seen == [("anchor", "open", knew)]


def test_a_sealed_entry_that_names_a_later_open_entry_is_found(ledger: Path) -> None:
    def later(entry: dict[str, Any]) -> None:
        entry["open_head"]["seq"] = 24

    rewrite(ledger, "sealed", 0, later)
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE sealed_entry SET open_seq = 24 WHERE seq = 0")
    assert ("tie", "sealed", 0) in found(ledger) or ("tie", "sealed", 1) in found(ledger)


def anchors(path: Path) -> list[int]:
    return [row["seq"] for row in rows(path, "open_entry") if b"sealed-book.anchored" in row["entry"]]


def anchor_payload(path: Path, seq: int) -> bytes:
    row = rows(path, "open_entry")[seq]
    return opened(json.loads(row["entry"]), row["sections"])[0].payload


def test_without_the_marks_all_is_verified_but_for_them(ledger: Path) -> None:
    payload(ledger, "sealed", 6, "header", lambda body: body.replace(b"cmd-000012", b"cmd-000099"))
    with_marks = set(found(ledger))
    without = set(places(verify_ledger(ledger, keys=SomeKeys(marks=None))))
    assert with_marks - without == {("header", "sealed", 6)}
    assert found_without_keys(ledger) == []
