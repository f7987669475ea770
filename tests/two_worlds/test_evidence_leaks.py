"""Those who have arms in sight may sign, prove and export as often as they like: nothing that others see tells of it.

Each law here is played twice, the open story the same: once with such people at work, once without. What lies in the
evidence folder, and when what is signed next, may not differ; neither after a checkpoint that could not be stored, nor
after a mark that was lost.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from api.access import Session, viewer_of
from api.bootstrap import open_trial
from api.bundle.writing import export_bundle
from api.evidence import automatic, making, store
from api.evidence.making import checkpoint_for_export, make_checkpoint
from api.evidence.proving import prove_consistency, prove_inclusion
from api.witness.keys import cosigners
from ledger.keys.file import keys_folder
from ledger.keys.signed_head import SIGNED_HEAD, read_signed_head
from ledger.keys.signing import load_signing_keys
from ledger.proof.checkpoint import open_checkpoint
from ledger.proof.evidence import evidence_folder, read_evidence
from ledger.proof.note import COSIGNATURE, ML_DSA_44
from ledger.recording.engine import fetch, open_reading
from tests.api.cli_runs import here
from tests.api.evidence_ledgers import size_of, sizes, with_settings
from tests.trials import SITE, Trial

EVERY: Final = 3
Signed = list[tuple[str, list[int | None]]]
Act = Callable[[Trial], object]
"""What somebody with arms in sight does."""


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    """A trial with a subject on the list, of which nothing was signed for a while."""
    made = Trial(tmp_path, protocol=with_settings(checkpoint_every=1000, checkpoint_seconds=31_536_000))
    made.do("activate-site", {"site": SITE})
    made.randomized("S-1")
    yield made
    made.ledger.close()


def signed(path: Path) -> Signed:
    """The names of the checkpoints that are stored (size and origin), and the times in their signatures."""
    keys = load_signing_keys(path).vkeys
    return [
        (one.name, [each.timestamp for each in open_checkpoint(one.data, keys).signatures])
        for one in read_evidence(evidence_folder(path)).checkpoints
    ]


def open_book(path: Path) -> list[Any]:
    connection = open_reading(path)
    try:
        return fetch(connection, "SELECT seq, entry, sections FROM open_entry ORDER BY seq")
    finally:
        connection.close()


def beside(path: Path) -> list[tuple[str, int]]:
    """What lies beside a ledger that is not its keys, with modes; without what SQLite keeps beside an open file."""
    return sorted(
        (str(each.relative_to(path.parent)), each.stat().st_mode)
        for each in path.parent.rglob("*")
        if "trial.db.keys" not in each.parts and not each.name.endswith(("-wal", "-shm"))
    )


# -- when the book is signed -----------------------------------------------------------------------------------------


def _entry(trial: Trial) -> None:
    trial.consent(f"S-{trial._number}")


def _halt(trial: Trial) -> None:
    """What is signed at once, and the end of it."""
    trial.do("halt-trial", {"reason": "lack of money"})
    trial.do("restart-trial", {"reason": "money"})


def _a_day(trial: Trial) -> None:
    trial.clock.at += timedelta(days=1)


def _reopened(trial: Trial) -> None:
    trial.ledger.close()
    trial.ledger = open_trial(trial.path, clock=trial.clock)


def _halted_on_a_full_disk(trial: Trial) -> None:
    """It is signed, and the mark is durable; the checkpoint finds no room. Then a new run of the program."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "put", full)
        _halt(trial)
    _reopened(trial)


def _without_a_mark(trial: Trial) -> None:
    (keys_folder(trial.path) / SIGNED_HEAD).unlink(missing_ok=True)


STORY: Final[dict[str, Act]] = {
    "entry": _entry,
    "halt": _halt,
    "a day": _a_day,
    "reopened": _reopened,
    "full disk": _halted_on_a_full_disk,
    "mark lost": _without_a_mark,
}


def _exports(trial: Trial) -> None:
    viewer = viewer_of("statistician-1", "statistician", "FJD")
    session = Session(trial.path, viewer, clock=trial.clock)
    number = len(list(trial.path.parent.glob("own-*.zip")))
    at = trial.clock.at + timedelta(seconds=17)
    export_bundle(session, trial.path.with_name(f"own-{number}.zip"), clock=lambda: at)


def _proves(trial: Trial) -> None:
    prove_inclusion(trial.path, size_of(trial.path) - 1, clock=trial.clock)


UNSEEN: Final[dict[str, Act]] = {"exports": _exports, "proves": _proves}


def told(story: Sequence[str], *, unseen: bool) -> tuple[Signed, int]:
    """What was signed in the end, and of how many entries; with those who have arms in sight at work, or without."""
    with TemporaryDirectory() as folder:
        trial = Trial(Path(folder), protocol=with_settings(checkpoint_every=EVERY, checkpoint_seconds=50_000))
        trial.do("activate-site", {"site": SITE})
        try:
            for act in story:
                if act in STORY:
                    STORY[act](trial)
                elif unseen:
                    UNSEEN[act](trial)
            return signed(trial.path), size_of(trial.path)
        finally:
            trial.ledger.close()


ONCE_TOLD: Final = (
    ["halt", "full disk", "exports", "entry", "entry", "entry"],  # the export stored what was to be made up for
    ["entry", "full disk", "proves", "entry", "exports", "reopened", "entry", "entry"],
    ["entry", "entry", "mark lost", "exports", "reopened", "entry", "entry"],  # and counted from what it found
    ["full disk", "exports", "reopened", "entry", "entry"],
)


@given(st.lists(st.sampled_from([*STORY, *UNSEEN]), min_size=4, max_size=12))
@example(ONCE_TOLD[0])
@example(ONCE_TOLD[1])
@example(ONCE_TOLD[2])
@example(ONCE_TOLD[3])
@settings(max_examples=12, deadline=None)
def test_what_is_signed_and_when_is_the_same_whether_or_not_they_were_at_work(story: list[str]) -> None:
    assert told(story, unseen=True) == told(story, unseen=False)


@contextmanager
def _stored_by_whoever_exports() -> Iterator[None]:
    """As it was once: who exports stores what could not be stored before."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(making, "_as_handed", lambda path, note: store.put(path, note))
        yield


@contextmanager
def _owed_only_where_it_is_the_last() -> Iterator[None]:
    """As it was once: what could not be stored is forgotten when something else was signed."""
    real = automatic._due

    def leaking(book: Any, mark: Any, settings: Any) -> Any:
        found = real(book, mark, settings)
        if mark is not None and mark.size != mark.kept.size:
            at = mark.kept.at if mark.kept.at is not None else mark.at
            return automatic.Due(mark.kept.size + settings.checkpoint_every, at + settings.checkpoint_seconds)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(automatic, "_due", leaking)
        yield


@pytest.mark.parametrize("leak", [_stored_by_whoever_exports, _owed_only_where_it_is_the_last])
def test_that_comparison_finds_a_product_that_leaks(leak: Callable[[], Any]) -> None:
    with leak():
        assert any(told(story, unseen=True) != told(story, unseen=False) for story in ONCE_TOLD)


def test_the_stories_do_sign_and_their_disks_do_fail() -> None:
    ended, size = told(["entry", "entry", "full disk"], unseen=False)
    assert ended
    assert int(ended[-1][0][:16]) < size
    again, _ = told(["entry", "entry", "full disk", "entry"], unseen=False)
    assert len(again) == len(ended) + 1, "made up for with the next entry"


# -- what they leave behind ------------------------------------------------------------------------------------------


def _as(role: str, actor: str = "") -> list[str]:
    return ["--actor", actor or f"{role}-1", "--org", "FJD"]


def _commands(trial: Trial, elsewhere: Path) -> dict[str, list[object]]:
    """Name -> a command line of somebody with arms in sight, or who knows an arm (`breaker`); some fail."""
    path, last = trial.path, size_of(trial.path) - 1
    (elsewhere / "there").write_bytes(b"")
    (elsewhere / "own").write_bytes(checkpoint_for_export(path, keep=False, clock=trial.clock).data)
    log = load_signing_keys(path).vkeys[0]
    witness = cosigners("w.example/w", {COSIGNATURE: bytes(32), ML_DSA_44: bytes(32)})[0].key
    policy = f"log {log.encode()}\nwitness w {witness.encode()} http://127.0.0.1:9\nquorum w\n"
    (elsewhere / "policy").write_text(policy)
    bundle = ["export", "bundle", path, "-o"]
    return {
        "bundle, statistician": [*bundle, elsewhere / "1", "--for", "statistician", *_as("statistician")],
        "bundle, archive": [*bundle, elsewhere / "2", "--for", "archive", *_as("archive")],
        "bundle at a position": [*bundle, elsewhere / "3", "--for", "dmc", "--at", str(last), *_as("dmc")],
        "bundle, breaker": [*bundle, elsewhere / "4", "--for", "investigator", *_as("", "breaker")],
        "bundle with names, breaker": [
            *[*bundle, elsewhere / "5", "--for", "investigator", "--site", SITE, *_as("", "breaker")]
        ],
        "a name that is taken": [*bundle, elsewhere / "there", "--for", "statistician", *_as("statistician")],
        "no such position": [*bundle, elsewhere / "6", "--for", "dmc", "--at", "99999", *_as("dmc")],
        "no such folder": [*bundle, elsewhere / "none" / "7", "--for", "dmc", *_as("dmc")],
        "names that are not theirs": [*bundle, elsewhere / "8", "--for", "dmc", "--site", SITE, *_as("dmc")],
        "names, sponsor who broke the code": [
            *[*bundle, elsewhere / "9", "--for", "sponsor", "--site", SITE, *_as("", "breaker")]
        ],
        "tiles, statistician": [
            *["export", "tiles", path, "-o", elsewhere / "10", "--role", "statistician", *_as("statistician")]
        ],
        "tiles, breaker": ["export", "tiles", path, "-o", elsewhere / "11", "--role", "sponsor", *_as("", "breaker")],
        "tiles, taken": ["export", "tiles", path, "-o", elsewhere, "--role", "dmc", *_as("dmc")],
        "proof": ["prove", path, str(last), "-o", elsewhere / "12"],
        "proof of consistency": ["prove", path, "--from", str(last + 1), "-o", elsewhere / "13"],
        "proof of what there is not": ["prove", path, "99999", "-o", elsewhere / "14"],
        "time stamp, breaker": ["timestamp", path, "--tsa", "http://127.0.0.1:9/", *_as("", "breaker")],
        "time stamp, statistician": [
            *["timestamp", path, "--tsa", "http://127.0.0.1:9/", "--role", "statistician", *_as("statistician")]
        ],
        "cosignatures on their own": [
            *["witness", "add", path, "--policy", elsewhere / "policy", "--checkpoint", elsewhere / "own"]
        ],
        "keys": ["keys", path],
        "verify": ["verify", path],
        "report": ["verify", path, "--report", elsewhere / "15"],
    }


REFUSED: Final = {
    "a name that is taken",
    "no such position",
    "no such folder",
    "names that are not theirs",
    "names, sponsor who broke the code",
    "tiles, taken",
    "proof of what there is not",
    "time stamp, breaker",
    "time stamp, statistician",
    "cosignatures on their own",
}


@pytest.fixture
def broken(trial: Trial) -> Trial:
    trial.do("break-code", {"subject": "S-1", "reason": "anaphylaxis"}, actor=_BREAKER)
    make_checkpoint(trial.path, clock=trial.clock)
    _entry(trial)
    return trial


_BREAKER: Final = {"id": "breaker", "role": "investigator", "org": "FJD"}


def test_whatever_they_make_or_fail_to_make_leaves_no_trace_in_the_open_book_or_beside_it(
    broken: Trial, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    here("show", "subjects", broken.path, "--role", "statistician")  # so that there are views to be shown
    here("show", "subjects", broken.path, "--role", "dmc")
    before = open_book(broken.path), signed(broken.path), beside(broken.path)
    for name, command in _commands(broken, elsewhere).items():
        done = here(*command)
        assert (done.code != 0) == (name in REFUSED), (name, done.err)
        assert (open_book(broken.path), signed(broken.path), beside(broken.path)) == before, name
        if name == "cosignatures on their own":
            done.refused_in_one_sentence("only those are cosigned")


def test_masked_people_who_do_the_same_do_leave_theirs(broken: Trial, tmp_path: Path) -> None:
    before = len(open_book(broken.path)), sizes(broken.path)
    done = here("export", "bundle", broken.path, "-o", tmp_path / "x", "--for", "sponsor", "--actor", "sponsor-2")
    assert done.code == 0, done.err
    assert len(open_book(broken.path)) == before[0] + 1
    assert sizes(broken.path) == [*before[1], before[0]]


def test_a_checkpoint_that_is_not_to_be_stored_has_the_cosignatures_that_the_stored_one_has(trial: Trial) -> None:
    stored = make_checkpoint(trial.path, clock=trial.clock)
    line = stored.note.signatures[0]
    foreign = type(line)("witness.invalid/w", bytes(4), bytes(72))
    store.add_signatures(trial.path, stored, (foreign,))
    mark = read_signed_head(trial.path)
    assert mark is not None
    assert foreign in checkpoint_for_export(trial.path, keep=False, clock=trial.clock).note.signatures
    _entry(trial)
    assert foreign not in checkpoint_for_export(trial.path, keep=False, clock=trial.clock).note.signatures


def test_the_same_proof_is_given_again_as_long_as_nothing_is_recorded(trial: Trial) -> None:
    last = size_of(trial.path) - 1
    first = prove_inclusion(trial.path, last, clock=trial.clock)
    trial.clock.at += timedelta(days=1)
    assert prove_inclusion(trial.path, last, clock=trial.clock).checkpoint_note == first.checkpoint_note
    assert prove_consistency(trial.path, last, clock=trial.clock)[1].data == first.checkpoint_note
    assert sizes(trial.path) == []


def test_a_report_of_both_books_is_for_its_owner_and_says_so_and_one_of_the_open_book_is_for_all(trial: Trial) -> None:
    """It counts the sealed entries; and it lies where whoever keeps the trial master file looks."""
    bundle = trial.path.with_name("x.zip")
    assert here("export", "bundle", trial.path, "-o", bundle, "--for", "sponsor").code == 0
    for file, mode, said in ((trial.path, 0o600, True), (bundle, 0o644, False)):
        folder = trial.path.with_name(f"report of {file.name}")
        assert here("verify", file, "--report", folder).code == 0
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {mode}
        page = (folder / "verification.html").read_text()
        assert ("not for people who are masked" in page) == said
        assert ("sealed book: entries" in page) == said
