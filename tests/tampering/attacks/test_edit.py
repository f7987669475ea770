"""Something is edited in the file, and nothing else made to fit.

Attacker: the administrator of the database, without keys and in haste. Found by: the file alone, at its place. The
evidence from outside adds nothing to it: what the entry ought to be is known from its successor.
"""

from pathlib import Path

from ledger.proof.__main__ import main
from tests.tampering.attacks.world import WORDS, World, everywhere
from tests.tampering.ledgers import behind_its_back


def test_an_edited_payload_is_found_by_the_file_alone_at_its_place(world: World, ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute(
            "UPDATE open_entry SET sections = CAST(replace(sections, ?, ?) AS BLOB) WHERE seq = ?",
            (WORDS[:10].encode(), b"No deaths;", world.said),
        )
    assert world.found(ledger) == everywhere(("commitment", "open", world.said))


def test_an_edited_entry_is_found_by_the_file_alone_at_its_place(world: World, ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        changed = connection.execute(
            "UPDATE open_entry SET entry = CAST(replace(entry, ?, ?) AS BLOB) WHERE seq = ?",
            (b'"sponsor-1"', b'"sponsor-2"', world.said),
        )
        assert changed.rowcount == 1
    assert world.found(ledger) == everywhere(("altered", "open", world.said))


def test_the_program_says_so_with_its_exit_code(world: World, ledger: Path) -> None:
    assert main([str(ledger)]) == 0
    with behind_its_back(ledger) as connection:
        connection.execute(
            "UPDATE open_entry SET sections = CAST(sections || x'00' AS BLOB) WHERE seq = ?", (world.said,)
        )
    assert main([str(ledger)]) == 1
