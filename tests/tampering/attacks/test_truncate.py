"""The newest entries are cut off.

Attacker: the administrator of the database, without keys. Rows alone: found by the file. With the stored head, and the
checkpoints made after the cut, deleted: found by a witness who is asked, and by the ledger itself when it is opened or
signed, by the mark that lies with its keys. Not found by: the file, the data keys, what he left beside it, a checkpoint
from before the cut. What came after everything that anybody saw can be cut off unseen; the report says where that is.
"""

from pathlib import Path

import pytest

from api.bootstrap import open_trial
from api.evidence.making import RestoredBackupError, make_checkpoint
from ledger.keys.signed_head import SigningRefusedError
from tests.tampering.attacks.rewriting import cut, drop_evidence
from tests.tampering.attacks.world import ASKED, FILE, NOTHING, QUORUM, World
from tests.tampering.ledgers import behind_its_back


def test_cut_rows_are_found_by_the_file_alone(world: World, ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("DELETE FROM open_entry WHERE seq >= 25")
    assert world.found(ledger, levels=[FILE]) == {FILE: [("missing", "open", 25)]}


def test_a_tail_cut_with_care_is_found_by_a_witness_who_is_asked(world: World, ledger: Path) -> None:
    cut(ledger, 25)
    drop_evidence(ledger, above=world.sizes[0])
    assert world.found(ledger) == NOTHING | {ASKED: [("checkpoint", "open", None)]}


def test_the_ledger_itself_finds_it_when_it_is_opened_or_signed(world: World, ledger: Path) -> None:
    cut(ledger, 25)
    drop_evidence(ledger)
    with pytest.raises(RestoredBackupError, match=f"{world.sizes[1]} was signed"):
        open_trial(ledger)
    with pytest.raises(SigningRefusedError, match="rollback"):
        make_checkpoint(ledger)


def test_what_nobody_outside_saw_can_be_cut_off_unseen_and_was_said_not_to_be_held(world: World, ledger: Path) -> None:
    size = world.sizes[1]
    before = world.report(QUORUM, ledger)
    assert (before.size > size, before.assurance.external) == (True, size)
    cut(ledger, size)
    assert world.found(ledger) == NOTHING
    open_trial(ledger).close()
