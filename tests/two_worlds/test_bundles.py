"""What masked people are handed in bundles is the same in both worlds, while unblinded people export as the arms bid.

A story is told with all at work: masked people export now and then, the same in both worlds; where somebody has a
product, unblinded people export, prove, stamp, and fail at it. Then every masked person is handed bundles. Compared is
all of it: each file, its place and length, what is said of it, refusals, what lies beside the ledger. Only the anchors'
commitments may differ, and what follows from them: hashes are compared by what they are the hash of, signatures by
whose they are, how long, and of what time.
"""

import base64
import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from typer.testing import CliRunner

from api import access
from api.access import Session, viewer_of
from api.acting import Who
from api.bootstrap import DeniedError, UnknownSiteError, knows_some_arm
from api.bundle import contents, writing
from api.bundle.contents import contents_of
from api.bundle.handed import forms_of
from api.bundle.page import Told as PageTold
from api.bundle.page import page
from api.bundle.writing import BundleWriteError, export_bundle
from api.cli.app import app
from api.evidence.making import checkpoint_for_export
from api.timestamps.recording import StampingError, stamp
from ledger.domain.events.access import ExportMade
from ledger.domain.protocol import Protocol
from ledger.domain.roles import Sight, Viewer
from ledger.keys.signing import load_signing_keys
from ledger.proof.evidence import CHECKPOINTS, evidence_folder
from ledger.proof.note import Note
from ledger.proof.sections import ANCHOR, PLAIN
from ledger.proof.tree import leaf_hash, root
from ledger.recording.engine import fetch, open_reading
from ledger.recording.reader import AsOfError, LedgerReader
from tests.trials import SITE, Trial
from tests.two_worlds.looking import Seen, differences, masked_people
from tests.two_worlds.protocols import NO_INTERVENTION, PROTOCOLS
from tests.two_worlds.scenes import OPENED, story
from tests.two_worlds.telling import Step
from tests.two_worlds.test_evidence import signing_often
from tests.two_worlds.test_masked_twice import MASKED_TWICE
from tests.two_worlds.test_stories import OPENED_AT_THE_END, stories
from tests.two_worlds.worlds import Plant, World, two_worlds

KNOWING: Final = {
    **dict.fromkeys(("investigator-2", "care-provider-2", "outcomes-assessor-2", "investigator-3"), "investigator"),
    **dict.fromkeys(("auditor-2", "auditor-3", "auditor-4", "auditor-5"), "auditor"),
}
"""Who comes to know an arm in some scene, or is granted a look at arms (`scenes/unblinding.py`); and in which role."""
SOMEBODY: Final = [
    ("code_break", 0, 0),
    ("visit", 0, 3),
    ("grants", 0, 1),
    ("names_erased", 1, 0),
    ("by_mistake", 1, 0),
    ("unblinded_people", 0, 4),
    ("halt", 0, 0),
    ("unblinded_people", 1, 0),
    ("visit", 1, 3),
]
"""Scenes in which people come to know arms, look, are granted access, and names are erased."""

_HEX: Final = re.compile(rb"[0-9a-f]{64}")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]{43}=")
_COMMIT: Final = re.compile(rb'"commit":"[0-9a-f]{64}"')
_DIGEST: Final = re.compile(rb'"digest":"[0-9a-f]{64}"')


# -- who does what while the story is told ---------------------------------------------------------------------------


def _session(world: World, person: str, role: str, *sites: str) -> Session:
    return Session(world.path, viewer_of(person, role, "FJD", frozenset(sites)), clock=world.clock)


def _elsewhere(world: World) -> Path:
    """A new name, in a folder where masked people do not look."""
    folder = world.path.parent / "elsewhere"
    folder.mkdir(exist_ok=True)
    return folder / f"{len(list(folder.iterdir()))}"


def _handed(world: World, person: str, role: str, *sites: str, at: str | None = None) -> None:
    export_bundle(_session(world, person, role, *sites), _elsewhere(world), at, clock=world.clock)


def _by_command_line(*arguments: str) -> None:
    CliRunner().invoke(app, [*arguments, "--actor", "statistician-1", "--org", "FJD", "--role", "statistician"])


def _over_another(world: World) -> None:
    taken = _elsewhere(world)
    taken.write_bytes(b"")
    export_bundle(_session(world, "dmc-1", "dmc"), taken, clock=world.clock)


def _stamps(world: World) -> None:
    for person in KNOWING:
        if knows_some_arm(world.path, person):
            who = Who(person, "FJD", "sponsor")
            stamp(world.path, ["http://nobody.invalid"], "sha256", None, who, asking=_never)


def _never(*_: object) -> Any:
    raise AssertionError("who knows an arm has nothing stamped")


def _who_know(world: World) -> None:
    """People who know an arm, and have none in sight; with names of their site, and without."""
    for person, role in KNOWING.items():
        if knows_some_arm(world.path, person):
            _handed(world, person, role)
            with suppress(DeniedError):
                _handed(world, person, role, "S01")


def _whose_role_is_not_masked(world: World) -> None:
    if not world.protocol.is_masked_role("care-provider"):
        _handed(world, "care-provider-1", "care-provider", "S01")


ACTS: Final[tuple[Callable[[World], None], ...]] = (
    lambda world: _handed(world, "statistician-1", "statistician"),
    lambda world: _handed(world, "archive-1", "archive"),
    _who_know,
    _whose_role_is_not_masked,
    lambda world: _handed(world, "dmc-1", "dmc", at="3"),
    lambda world: _handed(world, "dmc-1", "dmc", at="99999"),
    lambda world: _handed(world, "pharmacist-1", "pharmacist", "S01"),
    _over_another,
    _stamps,
    lambda world: _by_command_line("export", "tiles", str(world.path), "-o", str(_elsewhere(world))),
    lambda world: _prove(world),
)
"""What unblinded people do, and fail to do."""
_REFUSED: Final = (DeniedError, AsOfError, BundleWriteError, StampingError, UnknownSiteError)


def _prove(world: World) -> None:
    CliRunner().invoke(app, ["prove", str(world.path), "8", "-o", str(_elsewhere(world))])


def _unblinded_at_work(world: World, at: Any, seed: int) -> None:
    """As many acts as the arm bids: none of a subject without a product."""
    for number in range(2 + seed % 3):
        with world.at_the_desk(at), suppress(*_REFUSED):
            ACTS[(seed + 3 * number) % len(ACTS)](world)


class Handing:
    """The story is told in a world, and exports with it."""

    def __init__(self) -> None:
        self.bundles: dict[str, str] = {}
        """SHA-256 -> which bundle it is of: the record of an export holds it."""

    @contextmanager
    def __call__(self, world: World) -> Iterator[None]:
        turn, told = world._turn, world._told

        def with_exports(step: Any, number: int) -> None:
            turn(step, number)
            arm = world.arm_of(step.subject)
            if arm is not None and world.protocol.dose_plan(arm) is not None:
                _unblinded_at_work(world, step.at, number)

        def and_masked_people(step: Any) -> None:
            told(step)
            if len(world.answers) % 9 == 0:
                with world.at_the_desk(step.at):
                    self.hand(world, viewer_of("sponsor-2", "sponsor", "FJD"), f"in between {len(world.answers)}")

        world._turn, world._told = with_exports, and_masked_people  # type: ignore[method-assign]
        yield

    def hand(self, world: World, person: Viewer, label: str, at: str | None = None) -> tuple[str, bytes]:
        """A bundle, and what is said of it."""
        folder = world.path.parent / "handed"
        folder.mkdir(exist_ok=True)
        output = folder / f"{label}.zip"
        made = export_bundle(Session(world.path, person, clock=world.clock), output, at, clock=world.clock)
        self.bundles[made.sha256] = label
        said = replace(made, path=Path(output.name), sha256="")
        return f"{said} {output.stat().st_mode:o}", output.read_bytes()


# -- what is compared ------------------------------------------------------------------------------------------------


def handed_to_masked_people(world: World, handing: Handing, *, thorough: bool) -> Seen:
    """What masked people are handed in the end, labelled; hashes by what they are of. `thorough`: all of them."""
    found: list[tuple[str, bytes]] = []
    with world.at_the_desk():
        for number, person in enumerate(masked_people(world)[:: 1 if thorough else 4]):
            for at in (None, *_POSITIONS[number % len(_POSITIONS)]):
                label = f"{person.id} at {'the end' if at is None else at.replace('/', '|')}"
                try:
                    said, data = handing.hand(world, person, label, at)
                except _REFUSED as error:
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

OFTEN: Final = signing_often(NO_INTERVENTION)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_what_masked_people_are_handed_is_the_same_while_unblinded_people_export(protocol: Protocol) -> None:
    often = signing_often(protocol)
    assert handed_apart(often, story(often, SOMEBODY)) == []


def test_so_it_is_where_some_roles_are_not_masked() -> None:
    often = signing_often(MASKED_TWICE)
    assert handed_apart(often, story(often, SOMEBODY)) == []


@given(scenes=stories)
@settings(max_examples=2, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_so_it_is_in_any_story(scenes: list[Any]) -> None:
    assert handed_apart(OFTEN, story(OFTEN, scenes)) == []


def test_so_it_is_for_participants_once_the_list_is_opened() -> None:
    assert (OPENED, 0, 0) in OPENED_AT_THE_END
    assert handed_apart(OFTEN, story(OFTEN, OPENED_AT_THE_END)) == []


# -- planted leaks ---------------------------------------------------------------------------------------------------


@contextmanager
def _anchors_as_they_are_stored(_: World) -> Iterator[None]:
    real = forms_of

    def leaking(sight: Sight, *, archive: bool) -> dict[str, str]:
        forms = real(sight, archive=archive)
        return forms if sight.arms else forms | {ANCHOR: "sealed"}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "forms_of", leaking)
        yield


@contextmanager
def _every_export_leaves_a_checkpoint(_: World) -> Iterator[None]:
    def leaking(path: Path, **more: Any) -> Any:
        return checkpoint_for_export(path, **more | {"keep": True})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "checkpoint_for_export", leaking)
        yield


@contextmanager
def _every_export_is_open(_: World) -> Iterator[None]:
    def exported(self: Session, kind: str, _: frozenset[str], sha256: str | None = None) -> None:
        self._record_or_deny(ExportMade, "an export", {"kind": kind, "classes": (PLAIN,), "sha256": sha256})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access.Session, "exported", exported)
        yield


@contextmanager
def _a_count_on_the_page(world: World) -> Iterator[None]:
    real = page

    def leaking(told: PageTold, events: Any, left_out: int) -> Iterator[bytes]:
        yield from real(told, events, left_out)
        with closing(open_reading(world.path)) as connection:
            yield b"<!-- %d -->" % fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")[0][0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contents, "page", leaking)
        yield


@contextmanager
def _a_count_in_a_refusal(world: World) -> Iterator[None]:
    real = LedgerReader.position_at

    def leaking(self: LedgerReader, as_of: str | int | None) -> Any:
        try:
            return real(self, as_of)
        except AsOfError as error:
            with closing(open_reading(world.path)) as connection:
                size = fetch(connection, "SELECT size FROM head WHERE book = 'sealed'")[0][0]
            raise AsOfError(f"{error}/{size}") from None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LedgerReader, "position_at", leaking)
        yield


@contextmanager
def _looks_of_those_who_know_are_open(_: World) -> Iterator[None]:
    """Who has no arm in sight is taken for masked, whatever the record says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(access, "knows_some_arm", lambda *_: False)
        yield


@contextmanager
def _a_draft_is_left_behind(world: World) -> Iterator[None]:
    real = writing.BundleWriteError

    def leaking(message: str) -> BundleWriteError:
        world.path.with_name(f".{len(list(world.path.parent.iterdir()))}.new").write_bytes(b"")
        return real(message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "BundleWriteError", leaking)
        yield


LEAKS: Final[dict[str, tuple[Plant, str]]] = {
    "anchors": (_anchors_as_they_are_stored, "open/sections"),
    "checkpoints": (_every_export_leaves_a_checkpoint, "evidence"),
    "records": (_every_export_is_open, "open/entries"),
    "page": (_a_count_on_the_page, "index.html"),
    "refusal": (_a_count_in_a_refusal, "refused"),
    "looks": (_looks_of_those_who_know_are_open, "open/entries"),
    "draft": (_a_draft_is_left_behind, "beside the ledger"),
}
"""Name -> (the leak, what stands in a label under which it must be found)."""


@pytest.mark.parametrize("leak", LEAKS.values(), ids=list(LEAKS))
def test_a_planted_leak_is_found_in_what_is_handed_out(leak: tuple[Plant, str]) -> None:
    plant, where = leak
    found = handed_apart(OFTEN, story(OFTEN, SOMEBODY), plant)
    assert [label for label in found if where in label], found[:20]


# -- names that are erased -------------------------------------------------------------------------------------------


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    """S-1 and S-2 are on the list, and have names."""
    made = Trial(tmp_path)
    made.do("activate-site", {"site": SITE})
    made.randomized("S-1")
    made.randomized("S-2")
    yield made
    made.ledger.close()


def _erased(trial: Trial) -> None:
    trial.do("erase-identity", {"subject": "S-1", "reason": "asked for"})


def _of_investigator(trial: Trial, name: str, at: str | None = None) -> bytes:
    session = Session(trial.path, viewer_of("investigator-1", "investigator", "FJD", frozenset({SITE})))
    return export_bundle(session, trial.path.with_name(name), at).path.read_bytes()


def test_a_name_that_was_erased_is_in_no_later_bundle_whatever_its_position(trial: Trial) -> None:
    with closing(open_reading(trial.path)) as connection:
        last = str(fetch(connection, "SELECT size FROM head WHERE book = 'open'")[0][0] - 1)
    before = _of_investigator(trial, "before.zip", last)
    _erased(trial)
    after = _of_investigator(trial, "after.zip", last) + _of_investigator(trial, "now.zip")
    assert (b"Name of S-1" in before, b"Name of S-2" in before) == (True, True)
    assert (b"Name of S-1" in after, b"Name of S-2" in after) == (False, True)


@pytest.mark.parametrize("step", ["contents_of", "write_zip"])
def test_nor_in_one_that_was_being_made_meanwhile(trial: Trial, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all was measured, and written: either way the name was read before."""
    real = getattr(writing, step)

    def with_an_erasure_after_it(*arguments: Any) -> Any:
        done = real(*arguments)
        _erased(trial)
        return done

    monkeypatch.setattr(writing, step, with_an_erasure_after_it)
    with pytest.raises(BundleWriteError, match="a name was erased while the bundle was made"):
        _of_investigator(trial, "x.zip")
    assert not [path for path in trial.path.parent.iterdir() if "zip" in path.name]
    monkeypatch.undo()
    assert b"Name of S-1" not in _of_investigator(trial, "x.zip")


def test_an_erasure_meanwhile_is_nothing_to_a_bundle_without_names(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_an_erasure_after_it(making: Any) -> Any:
        found = contents_of(making)
        _erased(trial)
        return found

    monkeypatch.setattr(writing, "contents_of", with_an_erasure_after_it)
    session = Session(trial.path, viewer_of("sponsor-1", "sponsor", "FJD"))
    assert export_bundle(session, trial.path.with_name("x.zip")).path.exists()
