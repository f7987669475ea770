"""A payload is not the one that its entry commits to.

Attacker: the administrator of the database, without keys, for a plain payload; for a sealed one an insider with the
data keys, who seals other words under the right key, for the right place, with a digest that fits. Found by: the file,
where the payload is plain; the data keys alone, where it is sealed. Not found by: checkpoints, time stamps and
witnesses, for the entry is the same; nor, where it is sealed, by anybody without the keys.
"""

import json
from contextlib import closing
from pathlib import Path

from ledger.keys.file import load_keys
from ledger.proof.sealing import digest, place, seal, unseal
from ledger.proof.sections import IDENTITY, sealed_frame, unpack
from tests.tampering.attacks.world import FILE, KEYS, NOTHING, QUORUM, World, everywhere
from tests.tampering.ledgers import behind_its_back, rows

PLAIN_SEQ, SEALED_SEQ = 26, 25


def replace_sections(path: Path, seq: int, stored: bytes) -> None:
    with behind_its_back(path) as connection:
        connection.execute("UPDATE open_entry SET sections = ? WHERE seq = ?", (stored, seq))


def test_a_plain_payload_is_found_by_the_file_alone(world: World, ledger: Path) -> None:
    stored = rows(ledger, "open_entry")[PLAIN_SEQ]["sections"]
    replace_sections(ledger, PLAIN_SEQ, stored.replace(b"Continue.", b"Stop now."))
    assert world.found(ledger) == everywhere(("commitment", "open", PLAIN_SEQ))


def test_the_salt_of_a_plain_payload_too(world: World, ledger: Path) -> None:
    stored = rows(ledger, "open_entry")[PLAIN_SEQ]["sections"]
    replace_sections(ledger, PLAIN_SEQ, stored[:5] + bytes([stored[5] ^ 1]) + stored[6:])
    assert world.found(ledger) == everywhere(("commitment", "open", PLAIN_SEQ))


def test_a_sealed_payload_is_found_by_the_data_keys_alone(world: World, ledger: Path) -> None:
    row = rows(ledger, "open_entry")[SEALED_SEQ]
    entry, sections = json.loads(row["entry"]), unpack(row["sections"], 2)
    assert [part["class"] for part in entry["parts"]] == [IDENTITY, "plain"]
    commit = bytes.fromhex(entry["parts"][0]["commit"])
    where = place(entry["origin"], entry["stream"], entry["version"], entry["id"], 0, IDENTITY, commit)
    with closing(load_keys(ledger)) as keys:
        key = keys.section_key(IDENTITY, entry["stream"])
        assert key is not None
        ciphertext = sections[0].ciphertext
        assert ciphertext is not None
        salt, payload = unseal(key, where, commit, ciphertext)
    assert b"Name of S-2" in payload
    other = seal(key, where, commit, salt, payload.replace(b"S-2", b"X-2"))
    forged = sealed_frame(digest(commit, other), other)
    replace_sections(ledger, SEALED_SEQ, forged + row["sections"][len(forged) :])
    assert world.found(ledger) == NOTHING | {KEYS: [("commitment", "open", SEALED_SEQ)]}


def test_a_ciphertext_that_is_damaged_is_found_by_the_file_alone(world: World, ledger: Path) -> None:
    stored = rows(ledger, "open_entry")[SEALED_SEQ]["sections"]
    replace_sections(ledger, SEALED_SEQ, stored[:60] + bytes([stored[60] ^ 1]) + stored[61:])
    found = world.found(ledger, levels=[FILE, QUORUM])
    assert found == {level: [("ciphertext", "open", SEALED_SEQ)] for level in (FILE, QUORUM)}
