"""An entry is put in.

Attacker: the administrator of the database, without keys: a plain entry needs none. Found by: the file, where he leaves
the rest as it was; where he numbers and chains all anew and deletes later checkpoints, by a witness who is asked. Not
found by anybody: an entry that he appends after all that somebody outside holds, which is why checkpoints are made
often, and why a report says how far it is held.
"""

from pathlib import Path
from typing import Any

from tests.tampering.attacks.rewriting import drop_evidence, reassembled
from tests.tampering.attacks.world import ASKED, LEVELS, NOTHING, QUORUM, World
from tests.tampering.ledgers import behind_its_back, rows

LAST_DMC = 26


def invented(ledger: Path) -> dict[str, Any]:
    """A recommendation that nobody gave, made of one that was given."""
    row = rows(ledger, "open_entry")[LAST_DMC]
    entry = row["entry"].replace(row["command"].encode(), b"command-x")
    at = entry.index(b'},"id":"') + 8
    return row | {"command": "command-x", "entry": entry[:at] + b"012345" + entry[at + 6 :]}


def test_a_row_that_is_put_in_between_is_found_by_the_file_alone(world: World, ledger: Path) -> None:
    new, size = invented(ledger), len(rows(ledger, "open_entry"))
    with behind_its_back(ledger) as connection:
        for seq in range(size - 1, LAST_DMC, -1):
            connection.execute("UPDATE open_entry SET seq = seq + 1 WHERE seq = ?", (seq,))
        connection.execute(
            "INSERT INTO open_entry (seq, stream, version, command, entry, sections) VALUES (?, ?, 99, ?, ?, ?)",
            (LAST_DMC + 1, new["stream"], new["command"], new["entry"], new["sections"]),
        )
    found = world.found(ledger)
    assert all(("misplaced", "open", LAST_DMC + 1) in found[level] for level in LEVELS)


def test_an_entry_that_was_put_in_with_care_is_found_by_a_witness_who_is_asked(world: World, ledger: Path) -> None:
    listed = rows(ledger, "open_entry")
    reassembled(ledger, [*listed[:LAST_DMC], invented(ledger), *listed[LAST_DMC:]])
    drop_evidence(ledger, above=world.sizes[0])
    assert world.found(ledger) == NOTHING | {ASKED: [("checkpoint", "open", 0)]}


def test_an_entry_appended_where_nobody_outside_looked_yet_is_not_found_and_said_not_to_be_held(
    world: World, ledger: Path
) -> None:
    listed = rows(ledger, "open_entry")
    last = listed[-1]["entry"]
    at, here = last.index(b'"at":"') + 6, invented(ledger)
    place = here["entry"].index(b'"at":"') + 6
    entry = here["entry"][:place] + last[at : at + 27] + here["entry"][place + 27 :]
    reassembled(ledger, [*listed, here | {"entry": entry}])
    assert world.found(ledger) == NOTHING
    report = world.report(QUORUM, ledger)
    assert (report.size, report.assurance.external) == (len(listed) + 1, world.sizes[1])
