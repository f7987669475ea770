"""Two entries change places.

Attacker: the administrator of the database, without keys. Found by: the file, where he swaps rows; the file, too, where
he chains all anew but leaves their recorded times, which then run backwards. With the times swapped as well, and later
checkpoints deleted: by a witness who is asked, and by nobody else.
"""

from pathlib import Path
from typing import Any

from tests.tampering.attacks.rewriting import drop_evidence, reassembled
from tests.tampering.attacks.world import ASKED, LEVELS, NOTHING, World, everywhere
from tests.tampering.ledgers import behind_its_back, rows

FIRST, SECOND = 25, 26


def at_of(row: dict[str, Any]) -> bytes:
    at = row["entry"].index(b'"at":"') + 6
    return bytes(row["entry"][at : at + 27])


def test_swapped_rows_are_found_by_the_file_alone(world: World, ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        for old, new in ((FIRST, 1000), (SECOND, FIRST), (1000, SECOND)):
            connection.execute("UPDATE open_entry SET seq = ? WHERE seq = ?", (new, old))
    found = world.found(ledger)
    for level in LEVELS:
        assert {("misplaced", "open", FIRST), ("misplaced", "open", SECOND)} <= set(found[level])


def test_swapped_entries_that_keep_their_times_are_found_by_the_file_alone(world: World, ledger: Path) -> None:
    listed = rows(ledger, "open_entry")
    listed[FIRST], listed[SECOND] = listed[SECOND], listed[FIRST]
    reassembled(ledger, listed)
    drop_evidence(ledger, above=world.sizes[0])
    backwards = ("time", "open", FIRST)  # it is later than the one after it
    assert world.found(ledger) == everywhere(backwards, asked=[("checkpoint", "open", 0), backwards])


def test_swapped_entries_with_swapped_times_are_found_by_a_witness_who_is_asked(world: World, ledger: Path) -> None:
    listed = rows(ledger, "open_entry")
    first, second = listed[FIRST], listed[SECOND]
    listed[FIRST] = second | {"entry": second["entry"].replace(at_of(second), at_of(first))}
    listed[SECOND] = first | {"entry": first["entry"].replace(at_of(first), at_of(second))}
    reassembled(ledger, listed)
    drop_evidence(ledger, above=world.sizes[0])
    assert world.found(ledger) == NOTHING | {ASKED: [("checkpoint", "open", 0)]}
