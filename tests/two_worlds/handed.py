"""What masked people are handed, labelled, so that two worlds can be held against each other.

Hashes are told by what they are the hash of, signatures by whose they are, how long, and of what time.
"""

import base64
import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from typer.testing import CliRunner

from api.cli.app import app
from ledger.domain.protocol import Protocol
from ledger.keys.signing import load_signing_keys
from ledger.proof.evidence import CHECKPOINTS, evidence_folder
from ledger.proof.note import Note
from ledger.proof.tree import leaf_hash, root
from ledger.recording.engine import fetch, open_reading
from tests.two_worlds.exporting import REFUSED, Handing
from tests.two_worlds.looking import Seen, differences, masked_people
from tests.two_worlds.telling import Step
from tests.two_worlds.worlds import Plant, World, two_worlds

_HEX: Final = re.compile(rb"[0-9a-f]{64}")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{43}=")
_COMMIT: Final = re.compile(rb'"commit":"[0-9a-f]{64}"')
_DIGEST: Final = re.compile(rb'"digest":"[0-9a-f]{64}"')


def handed_to_masked_people(world: World, handing: Handing, *, thorough: bool) -> Seen:
    """What masked people are handed in the end, labelled; hashes by what they are of. `thorough`: all of them."""
    found: list[tuple[str, bytes]] = []
    with world.at_the_desk():
        for number, person in enumerate(masked_people(world)[:: 1 if thorough else 4]):
            for at in (None, *_POSITIONS[number % len(_POSITIONS)]):
                label = f"{person.id} at {'the end' if at is None else at.replace('/', '|')}"
                try:
                    said, data = handing.hand(world, person, label, at)
                except REFUSED as error:
                    found.append((f"{label}, refused", str(error).encode()))
                    continue
                found += [(f"{label}, said", said.encode()), (f"{label}, bytes", b"%d" % len(data))]
                found += [(f"{label}, {name}", content) for name, content in _files(world, data)]
        found += list(_refusals(world, ("sponsor", "investigator", "participant", "auditor")[: 4 if thorough else 1]))
    found += list(_beside(world))
    found += [(f"log, line {number}", line.encode()) for number, line in enumerate(world.logged)]
    hashes = _hashes(world) | {sha256.encode(): label.encode() for sha256, label in handing.bundles.items()}
    claims = {asked.split()[1].encode() for asked, _ in world.answers if asked.startswith("claim-randomization")}
    seen: Seen = {}
    for label, content in found:
        told = content.replace(str(world.path.parent).encode(), b"FOLDER")
        if label.endswith("open/entries"):
            told = b"\n".join(_entry(line, claims) for line in told.split(b"\n"))
        told = _HEX.sub(lambda match: hashes.get(match[0], match[0]), told)
        seen[label] = _BASE64.sub(lambda match: hashes.get(match[0], match[0]), told)
    return seen


_POSITIONS: Final = (("12", "2020-05-08"), ("9/0", "99999"), ("20",), ("soon", "5"))


def _entry(line: bytes, claims: set[bytes]) -> bytes:
    if b'"class":"anchor"' in line or b'"type":"export.made/1"' in line:
        return _COMMIT.sub(b'"commit":"ANCHORS"', line)
    if claims and json.loads(line or b"{}").get("command", {}).get("id", "").encode() in claims:
        return _DIGEST.sub(b'"digest":"OF AN ARM"', line)
    return line


def _files(world: World, data: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of a bundle, in their order, with the digests of others by their names."""
    with zipfile.ZipFile(BytesIO(data)) as zipped:
        files = {info.filename: zipped.read(info) for info in zipped.infolist()}
    yield "order and lengths", repr([(name, len(content)) for name, content in files.items()]).encode()
    named = {hashlib.sha256(content).hexdigest().encode(): name.encode() for name, content in files.items()}
    for name, content in files.items():
        if name.endswith(".checkpoint"):
            content = _note(world, content)
        elif name.startswith("consistency/"):
            content = b"%d hashes" % content.count(b"\n")
        yield name, _HEX.sub(lambda match: named.get(match[0], match[0]), content)


def _note(world: World, data: bytes) -> bytes:
    """A checkpoint, with its signatures by whose they are, how long they are, and their time."""
    note = Note.parse(data)
    cosigning = {key.key_id for key in load_signing_keys(world.path).vkeys if key.type == 6}
    lines = [
        f"{one.name} {one.key_id.hex()} {len(one.signature)} "
        f"{int.from_bytes(one.signature[:8], 'big') if one.key_id in cosigning else ''}"
        for one in note.signatures
    ]
    return "\n".join([note.text, *lines]).encode()


def _refusals(world: World, roles: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """What is not to be had, on the command line, and what is, where no checkpoint is made for it."""
    taken = world.path.parent / "handed" / "taken"
    taken.write_bytes(b"")
    new, runner = str(taken.with_name("by command line")), CliRunner()
    for role in roles:
        tries = (
            ["-o", str(taken)],
            ["-o", f"{new}/none/x"],
            ["-o", new, "--at", "9/0"],
            ["-o", new, "--at", "99999"],
            ["-o", new, "--at", "1999"],
            ["-o", new, "--site", "S01" if role != "investigator" else "S09"],
            ["-o", f"{new} {role}", "--at", "2"],
        )
        for number, options in enumerate(tries):
            command = ["export", "bundle", str(world.path), "--for", role, "--actor", f"{role}-1", "--json", *options]
            done = runner.invoke(app, command)
            out = re.sub(r'"sha256": "[0-9a-f]{64}"', "", done.stdout)
            yield f"command line, {role}: {number}", f"{done.exit_code}\n{out}\n{done.stderr}".encode()


def _beside(world: World) -> Iterator[tuple[str, bytes]]:
    """What lies beside the ledger, and its evidence."""
    for path in sorted(world.path.parent.rglob("*")):
        name, lasting = str(path.relative_to(world.path.parent)), not path.name.endswith(("-wal", "-shm"))
        if lasting and not name.startswith(("elsewhere", "handed", "trial.db.keys", "trial.db.views")):
            yield f"beside the ledger, {name}", f"{path.stat().st_mode:o}".encode()
    folder = evidence_folder(world.path) / CHECKPOINTS
    for path in sorted(folder.iterdir()) if folder.exists() else ():
        yield f"evidence, {path.name}", _note(world, path.read_bytes())


def _hashes(world: World) -> dict[bytes, bytes]:
    """Hash, as hex or base64 -> what it is the hash of: an entry, some entries, the first so many."""
    with closing(open_reading(world.path)) as connection:
        leaves = [leaf_hash(raw) for (raw,) in fetch(connection, "SELECT entry FROM open_entry ORDER BY seq")]
    found = {leaf.hex().encode(): b"entry %d" % seq for seq, leaf in enumerate(leaves)}
    width = 2
    while width <= len(leaves):
        for start in range(0, len(leaves) - width + 1, width):
            found[root(leaves[start : start + width]).hex().encode()] = b"entries %d, %d" % (start, width)
        width *= 2
    for size in range(1, len(leaves) + 1):
        found[base64.b64encode(root(leaves[:size]))] = b"the first %d" % size
    return found


def handed_apart(protocol: Protocol, steps: list[Step], plant: Plant | None = None) -> list[str]:
    """Where what masked people are handed tells the worlds apart."""
    seen: list[Seen] = []
    with TemporaryDirectory() as folder:
        handings = [Handing(), Handing()]

        @contextmanager
        def planted(world: World) -> Iterator[None]:
            handing = handings[len(seen)]
            with handing(world):
                if plant is None:
                    yield
                    seen.append(handed_to_masked_people(world, handing, thorough=plant is None))
                else:
                    with plant(world):
                        yield
                        seen.append(handed_to_masked_people(world, handing, thorough=plant is None))

        with two_worlds(Path(folder), protocol, steps, planted):
            pass
    assert len(seen[0]) > 300
    return differences(*seen)


# -- the blind -------------------------------------------------------------------------------------------------------
