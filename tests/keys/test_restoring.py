"""Wrapped keys out of an archive: what is none, or of no ledger, is refused by its line."""

import base64
from pathlib import Path
from typing import Any

import pytest

from ledger.keys.file import create_keys
from ledger.keys.folder import KeysError, keys_folder
from ledger.keys.restoring import parse_wrapped, restore_keys
from ledger.keys.wrapped import wrapped_keys
from ledger.proof.canonical import encode


def line(**more: Any) -> bytes:
    value = {"kek": "file-1", "kind": "sealed", "name": "marks", "wrapped": base64.b64encode(bytes(60)).decode()}
    return encode(value | more) + b"\n"


def test_what_a_ledger_writes_is_read_again(tmp_path: Path) -> None:
    create_keys(tmp_path / "x.db", lambda count: bytes(range(count))).close()
    data = wrapped_keys(tmp_path / "x.db")
    names = [key.name for key in parse_wrapped(data)]
    assert names == sorted(names)
    assert {"marks", "digest/open", "digest/arm", "section/header/", "section/anchor/"} == set(names)
    missing = restore_keys(tmp_path / "y.db", parse_wrapped(data), [keys_folder(tmp_path / "x.db")])
    assert missing == []
    assert wrapped_keys(tmp_path / "y.db") == data


@pytest.mark.parametrize(
    "data",
    [
        b"{}\n",
        b"no json\n",
        line()[:-1],
        b" " + line(),
        line(name="strange"),
        line(name="section/plain/subject/1"),
        line(name="section/identity/subject/1"),
        line(name="secret/"),
        line(kind="identity"),
        line(kind=1),
        line(wrapped="*"),
        line(wrapped=None),
        line(kek=""),
        line(more=1),
        line() + line(),
        line() + line(name="digest/arm"),
        b"\xff\n",
    ],
)
def test_what_is_no_wrapped_key_is_refused_by_its_line(data: bytes) -> None:
    with pytest.raises(KeysError, match=r"data-keys\.ndjson, line \d: is no wrapped key"):
        list(parse_wrapped(data))


def test_a_destroyed_key_is_a_line_without_bytes() -> None:
    (key,) = parse_wrapped(line(kind="identity", kek="", name="section/identity/subject/1", wrapped=None))
    assert key.wrapped is None


def test_keys_of_a_kind_are_wrapped_by_one_key(tmp_path: Path) -> None:
    data = line() + line(kek="file-2", name="section/header/")
    with pytest.raises(KeysError, match="wrapped by two keys"):
        restore_keys(tmp_path / "x.db", parse_wrapped(data), [])


def test_an_archive_has_keys_of_both_kinds(tmp_path: Path) -> None:
    with pytest.raises(KeysError, match="no key that is wrapped by identity"):
        restore_keys(tmp_path / "x.db", parse_wrapped(line()), [])


def test_a_key_that_was_changed_does_not_come_in(tmp_path: Path) -> None:
    create_keys(tmp_path / "x.db", lambda count: bytes(range(count))).close()
    lines = wrapped_keys(tmp_path / "x.db").splitlines(keepends=True)
    marks = next(index for index, each in enumerate(lines) if b'"marks"' in each)
    header = next(index for index, each in enumerate(lines) if b'"section/header/"' in each)
    (one,), (other,) = parse_wrapped(lines[marks]), parse_wrapped(lines[header])
    assert other.wrapped is not None
    lines[marks] = line(kek=one.kek, wrapped=base64.b64encode(other.wrapped).decode())
    with pytest.raises(KeysError, match="marks does not open under"):
        restore_keys(tmp_path / "y.db", parse_wrapped(b"".join(lines)), [keys_folder(tmp_path / "x.db")])
