"""The stored head is rewritten, the entries are not."""

from pathlib import Path

import pytest

from tests.tampering.ledgers import behind_its_back, found


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("hash = zeroblob(32)", "head"),
        ("size = size - 1", "head"),
        ("size = size + 1", "head"),
        ("origin = 'elsewhere'", "head"),
        ("frontier = zeroblob(length(frontier))", "frontier"),
        ("frontier = x''", "frontier"),
    ],
)
@pytest.mark.parametrize("book", ["open", "sealed"])
def test_a_rewritten_head_is_not_blamed_on_an_entry(ledger: Path, book: str, change: str, code: str) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute(f"UPDATE head SET {change} WHERE book = ?", (book,))
    assert found(ledger) == [(code, book, None)]


def test_a_head_turned_back_leaves_entries_beyond_it(ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        prev = 'substr(entry, instr(entry, \'"prev":"\') + 8, 64)'
        (named,) = connection.execute(f"SELECT {prev} FROM open_entry WHERE seq = 20").fetchone()
        text = named if isinstance(named, str) else named.decode()
        connection.execute("UPDATE head SET size = 20, hash = ? WHERE book = 'open'", (bytes.fromhex(text),))
    assert found(ledger) == [("beyond", "open", 20)]
