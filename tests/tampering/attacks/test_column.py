"""A column beside an entry says something else than the entry.

Attacker: the administrator of the database, without keys. Columns are what queries go by: with them he could hide a
subject's history, or have a command recorded twice, and no entry would have changed. Found by: the file alone, at the
entry. Not found by: checkpoints, time stamps and witnesses as such, for they speak of entries alone; they all agree.
"""

from pathlib import Path

import pytest

from ledger.proof.findings import Report
from tests.tampering.attacks.world import QUORUM, World, everywhere
from tests.tampering.ledgers import behind_its_back


@pytest.mark.parametrize(
    ("statement", "place"),
    [
        ("UPDATE open_entry SET version = 99 WHERE seq = 26", ("column", "open", 26)),
        ("UPDATE open_entry SET command = 'nobody' WHERE seq = 26", ("column", "open", 26)),
        ("UPDATE open_entry SET command = NULL WHERE seq = 26", ("column", "open", 26)),
        ("UPDATE sealed_entry SET open_seq = 13 WHERE seq = 0", ("column", "sealed", 0)),
        ("UPDATE open_stream SET name = 'subject/S-9' WHERE name = 'subject/S-1'", ("stream", "open", 2)),
    ],
)
def test_it_is_found_by_the_file_alone_at_the_entry(
    world: World, ledger: Path, statement: str, place: tuple[str, str, int]
) -> None:
    with behind_its_back(ledger) as connection:
        assert connection.execute(statement).rowcount == 1
    assert world.found(ledger) == everywhere(place)


def test_what_comes_from_outside_agrees_all_the_same(world: World, ledger: Path) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET version = 99 WHERE seq = 26")

    def of(report: Report) -> tuple[str, int]:
        return report.assurance.level, report.assurance.external

    assert of(world.report(QUORUM, ledger)) == of(world.report(QUORUM, world.path)) == ("witnessed 3 of 3", 27)
