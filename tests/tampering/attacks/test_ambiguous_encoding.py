"""The same thing is written in a second way, so that two readers could read two things.

Attacker: whoever can write files, with all hashes made to fit. Found by: the file alone, for there is one encoding of
everything: entries, payloads, manifest, zip, signed notes. A second one is a finding, or is refused before anything is
read out of it. The evidence from outside is not needed for it.
"""

from pathlib import Path

import pytest

from ledger.proof.__main__ import main
from ledger.proof.assess import Trusted
from ledger.proof.bundle import MANIFEST, BundleError
from ledger.proof.checking import check
from ledger.proof.evidence import EvidenceError, evidence_folder
from ledger.proof.sections import commitment, frame, unpack
from tests.proof.bundle_parts import fitted, read, zipped
from tests.tampering.attacks.rewriting import drop_evidence, whole_again
from tests.tampering.attacks.world import FILE, KEYS, World
from tests.tampering.ledgers import behind_its_back, rows

SEQ = 26


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"seq":26,', b'"seq": 26,'),
        (b'"seq":26,', b'"seq":026,'),
        (b'"seq":26,', b'"seq":2.6e1,'),
        (b'"seq":26,', b'"seq":26,"seq":26,'),
        (b'"sponsor"}', b'"spons\\u006fr"}'),
    ],
)
def test_an_entry_in_a_second_spelling_is_found_by_the_file_alone(
    world: World, ledger: Path, old: bytes, new: bytes
) -> None:
    row = rows(ledger, "open_entry")[SEQ]
    assert old in row["entry"]
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET entry = ? WHERE seq = ?", (row["entry"].replace(old, new), SEQ))
        whole_again(connection)
    drop_evidence(ledger, above=world.sizes[0])
    found = world.found(ledger, levels=[FILE, KEYS])
    assert all(("entry", "open", SEQ) in places for places in found.values())


def test_a_payload_in_a_second_spelling_is_found_by_the_file_alone(world: World, ledger: Path) -> None:
    row = rows(ledger, "open_entry")[SEQ]
    (section,) = unpack(row["sections"], 1)
    assert section.payload is not None
    payload = section.payload.replace(b'"late":false,', b'"late":false, ')
    assert payload != section.payload
    commits = [commitment(section.salt, each).hex().encode() for each in (section.payload, payload)]
    with behind_its_back(ledger) as connection:
        connection.execute(
            "UPDATE open_entry SET entry = ?, sections = ? WHERE seq = ?",
            (row["entry"].replace(*commits), frame(section.salt, payload), SEQ),
        )
        whole_again(connection)
    assert world.found(ledger, levels=[FILE, KEYS]) == {level: [("payload", "open", SEQ)] for level in (FILE, KEYS)}


def test_a_file_that_is_twice_in_a_bundle_is_refused(bundles: dict[str, Path], tmp_path: Path) -> None:
    listed = list(read(bundles["sponsor"]).items())
    at = [name for name, _ in listed].index("index.html")
    path = tmp_path / "twice.zip"
    path.write_bytes(zipped([*listed[: at + 1], ("index.html", b"<p>All is well"), *listed[at + 1 :]]))
    with pytest.raises(BundleError, match=r"index\.html"):
        check(path, Trusted())


def test_bytes_between_the_files_of_a_bundle_are_refused(bundles: dict[str, Path], tmp_path: Path) -> None:
    data = bundles["sponsor"].read_bytes()
    path = tmp_path / "between.zip"
    for changed in (b"PK" + data, data + b"\x00", data[:-2] + b"\x01\x00x"):
        path.write_bytes(changed)
        with pytest.raises(BundleError):
            check(path, Trusted())


def test_a_manifest_in_a_second_spelling_is_refused_and_the_program_says_so(
    bundles: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = fitted(read(bundles["sponsor"]))
    path = tmp_path / "spelled.zip"
    path.write_bytes(zipped(files | {MANIFEST: files[MANIFEST].replace(b",", b", ", 1)}))
    with pytest.raises(BundleError, match="canonical"):
        check(path, Trusted())
    assert main([str(path)]) == 3
    assert "manifest.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        (b"\n27\n", b"\n027\n", "size"),
        (b"\n27\n", b"\n+27\n", "size"),
        (b"=\n\n", b"\n\n", "root"),
        (b"\n27", b"\r\n27", ""),
    ],
)
def test_a_checkpoint_in_a_second_spelling_is_refused_by_name(ledger: Path, old: bytes, new: bytes, rule: str) -> None:
    (path,) = (evidence_folder(ledger) / "checkpoints").glob("*27-*.checkpoint")
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))
    with pytest.raises(EvidenceError, match=f"(?s){path.name}.*{rule}"):
        check(ledger, Trusted())


def test_a_signature_in_a_second_spelling_is_refused_by_name(ledger: Path) -> None:
    """Base64 has bits that say nothing: with another value there it would be the same signature, in other bytes."""
    (path,) = (evidence_folder(ledger) / "checkpoints").glob("*27-*.checkpoint")
    lines = path.read_bytes().split(b"\n")
    at = next(number for number, line in enumerate(lines) if line.endswith(b"="))
    at = next(number for number, line in enumerate(lines) if number > 3 and line.endswith(b"=")) if at <= 3 else at
    body = lines[at].rstrip(b"=")
    lines[at] = body[:-1] + bytes([body[-1] + 1]) + b"=" * (len(lines[at]) - len(body))
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(EvidenceError, match="base64"):
        check(ledger, Trusted())
