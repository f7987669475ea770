"""An entry is deleted.

Attacker: the administrator of the database, without keys. In haste: found by the file alone. With care he numbers and
chains the rest anew, and deletes the checkpoints that were made after it: then no signature, time stamp or cosignature
that he leaves contradicts him. Found by: a witness who is asked, for she has the later checkpoint. Not found by: the
file, the data keys, what he left beside it, nor a checkpoint that was kept from before the deleted entry.
"""

from pathlib import Path

from tests.tampering.attacks.rewriting import drop_evidence, reassembled
from tests.tampering.attacks.world import ASKED, NOTHING, World, everywhere
from tests.tampering.ledgers import behind_its_back, rows

DELETED = 25
"""After the last entry that the sealed book names, before the second checkpoint; the only one of its subject."""


def test_a_missing_row_is_found_by_the_file_alone(world: World, ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq = ?", (DELETED,))
    assert world.found(ledger) == everywhere(("missing", "open", DELETED))


def test_an_entry_that_was_deleted_with_care_is_found_by_a_witness_who_is_asked(world: World, ledger: Path) -> None:
    kept = [row for row in rows(ledger, "open_entry") if row["seq"] != DELETED]
    reassembled(ledger, kept)
    drop_evidence(ledger, above=world.sizes[0])
    assert world.found(ledger) == NOTHING | {ASKED: [("checkpoint", "open", 0)]}


def test_the_later_checkpoint_finds_it_where_the_administrator_leaves_it(world: World, ledger: Path) -> None:
    reassembled(ledger, [row for row in rows(ledger, "open_entry") if row["seq"] != DELETED])
    found = world.found(ledger)
    after_the_first = ("checkpoint", "open", world.sizes[0])
    assert {level for level, places in found.items() if after_the_first in places} == {
        "signed", "stamped", "quorum", "asked", "kept",
    }  # fmt: skip
    assert (found["file"], found["keys"]) == ([], [])
