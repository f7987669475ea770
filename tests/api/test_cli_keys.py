"""`erase`, `rotate`, `disclose` and `verify` with keys: what can be opened, by whom, and what never again."""

import hashlib
import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from api import erasure
from api.bootstrap import open_trial
from ledger.application import TrialLedger
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.keys.file import TrialKeys, load_keys
from ledger.keys.token import PIN
from ledger.proof.sections import ARM, IDENTITY, PLAIN
from ledger.recording.reader import LedgerReader
from projections.runner import views_folder
from tests.api.cli_runs import contents, environment, here, process, size_of, small_disk
from tests.keys.softhsm import module, token
from tests.shared_data import ROOT
from tests.trials import SITE, Trial
from tests.unprivileged import folder_of_nobody, unprivileged

WHY = ("--reason", "asked for it", "--actor", "dm-1")
NAME, OTHER = "Name of S-1", "Name of S-2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger of three subjects, two of them randomized, and its views. Not to be changed."""
    folder = tmp_path_factory.mktemp("keys")
    trial = Trial(folder)
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")
    trial.randomized("S-2")
    trial.consent("S-3")
    trial.ledger.close()
    assert here("rebuild", trial.path).code == 0
    return trial.path


@pytest.fixture
def ledger(made: Path, tmp_path: Path) -> Path:
    path = tmp_path / "trial" / "trial.db"
    shutil.copytree(made.parent, path.parent)
    return path


def facts(ledger: Path, *, keys: bool = True) -> list[Fact]:
    """All facts, with whatever the keys beside the ledger open."""
    with closing(load_keys(ledger)) as held:
        classes, books = frozenset({PLAIN, IDENTITY, ARM}), frozenset(Book if keys else {Book.OPEN})
        with closing(LedgerReader(ledger, books=books, classes=classes, keys=held if keys else None)) as reader, reader:
            return list(reader.facts())


def names(ledger: Path) -> set[str]:
    return {fact.data["subject_name"] for fact in facts(ledger) if "subject_name" in fact.data}


def destroyed(ledger: Path, subject: str = "S-1") -> bool:
    with closing(load_keys(ledger)) as keys:
        return keys.destroyed(IDENTITY, f"subject/{subject}")


def erasures(ledger: Path) -> list[Fact]:
    return [fact for fact in facts(ledger) if fact.type == "identity.erased/1"]


# -- erase -----------------------------------------------------------------------------------------------------------


def test_the_name_is_gone_the_others_stay_and_the_record_says_who_when_and_why(ledger: Path) -> None:
    assert {NAME, OTHER} <= names(ledger)
    done = here("erase", ledger, "S-1", *WHY, "--json")
    assert done.code == 0, done.err
    assert done.json == {"subject": "S-1", "recorded_now": True, "key_destroyed_now": True}
    assert names(ledger) == {OTHER, "Name of S-3"}
    (fact,) = erasures(ledger)
    assert (fact.actor.id, fact.actor.role, fact.data["reason"]) == ("dm-1", "data-manager", "asked for it")
    assert "asked for it" in here("show", "audit", ledger, "--json").out
    assert here("verify", ledger).code == 0
    assert here("verify", ledger, "--no-keys").code == 0


def test_no_file_of_the_product_holds_the_name_afterwards_and_no_view_shows_it(ledger: Path) -> None:
    arguments = ("show", "identities", ledger, "--role", "investigator", "--site", SITE, "--actor", "inv-1", "--json")
    assert NAME in here(*arguments).out
    leak = apsw.Connection(str(views_folder(ledger) / "open.db"))
    leak.execute(f"CREATE TABLE v_leak (name TEXT); INSERT INTO v_leak VALUES ('{NAME}')")
    leak.close()
    assert holding(ledger.parent, NAME) == {"open.db"}  # the control: a view that had taken it in would be found
    assert here("erase", ledger, "S-1", *WHY).code == 0
    assert holding(ledger.parent, NAME) == set()
    after = here(*arguments)
    assert after.code == 0
    assert NAME not in after.out
    assert OTHER in after.out
    assert here("show", "subjects", ledger, "--json").code == 0


def holding(folder: Path, name: str) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file() and name.encode() in path.read_bytes()}


def test_views_that_somebody_keeps_open_do_not_keep_the_name(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("projections.store._WAIT_MS", 200)
    kept = views_folder(ledger) / "open.db"
    leak = apsw.Connection(str(kept))
    leak.execute(f"CREATE TABLE v_leak (name TEXT); INSERT INTO v_leak VALUES ('{NAME}')")
    leak.execute("BEGIN")
    leak.execute("SELECT * FROM v_leak").fetchall()
    assert here("erase", ledger, "S-1", *WHY).code == 0
    leak.close()
    assert holding(ledger.parent, NAME) == set()


def test_a_backup_of_the_keys_undoes_it_and_the_command_says_so(ledger: Path, tmp_path: Path) -> None:
    shutil.copytree(f"{ledger}.keys", tmp_path / "backup")
    done = here("erase", ledger, "S-1", *WHY)
    assert done.code == 0
    assert f"a backup of {ledger}.keys made before now still holds the key" in done.err.replace("\n", " ")
    shutil.rmtree(f"{ledger}.keys")
    shutil.copytree(tmp_path / "backup", f"{ledger}.keys")
    assert NAME in names(ledger)


def test_doing_it_again_changes_nothing_and_says_so(ledger: Path) -> None:
    assert here("erase", ledger, "S-1", *WHY).code == 0
    size = size_of(ledger)
    done = here("erase", ledger, "S-1", *WHY, "--json")
    assert (done.code, done.json["recorded_now"], done.json["key_destroyed_now"]) == (0, False, False)
    assert size_of(ledger) == size
    assert "nothing was left to destroy" in here("erase", ledger, "S-1", *WHY).out


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("S-9", "--reason", "x"), 3, "rule subject-unknown"),
        (("S-1", "--reason", "x", "--role", "auditor"), 3, "rule role"),
        (("S-1", "--reason", ""), 2, "--reason"),
        (("S-1",), 2, "--reason"),
        (("S 1", "--reason", "x"), 2, "SUBJECT"),
    ],
)
def test_an_erasure_that_is_refused_destroys_nothing(
    ledger: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = here("erase", ledger, *arguments)
    assert done.code == code
    assert words in done.err
    assert {NAME, OTHER} <= names(ledger)
    assert not Path(f"{ledger}.keys", erasure.INTENT).exists()


def test_no_new_name_is_taken_for_somebody_who_was_erased(ledger: Path) -> None:
    assert here("erase", ledger, "S-3", *WHY).code == 0
    command = {
        "id": "again",
        "type": "renew-consent",
        "actor": {"id": "inv-1", "role": "investigator", "org": "FJD"},
        "occurred_at": "2020-06-01",
        "data": {"subject": "S-3", "form": "WRITTEN", "giver": "PATIENT", "document_version": "2.0",
                 "giver_name": "Somebody"},
    }  # fmt: skip
    done = here("submit", "-", ledger, stdin=json.dumps(command).encode())
    assert (done.code, size_of(ledger)) == (3, size_of(ledger))
    assert "refused" in done.out


class Stop(BaseException):
    """The power goes."""


def stop(*_: object, **__: object) -> Any:
    raise Stop


STOPS: dict[str, tuple[object, str, bool, bool]] = {
    # where it stops: (object, attribute, whether the event stands then, whether the key is destroyed then)
    "before the event": (TrialLedger, "submit", False, False),
    "before the key": (TrialKeys, "destroy", True, False),
    "before the views": (erasure, "_views_anew", True, True),
    "before its end": (erasure, "_drop", True, True),
}


@pytest.mark.parametrize("where", STOPS)
@pytest.mark.parametrize("again", ["the command", "whoever opens the ledger"])
def test_wherever_it_is_interrupted_it_is_finished_afterwards(
    ledger: Path, monkeypatch: pytest.MonkeyPatch, where: str, again: str
) -> None:
    place, attribute, recorded, gone = STOPS[where]
    with monkeypatch.context() as broken:
        broken.setattr(place, attribute, stop)
        with pytest.raises(Stop):
            here("erase", ledger, "S-1", *WHY)
    assert (len(erasures(ledger)), destroyed(ledger)) == (recorded, gone)
    assert Path(f"{ledger}.keys", erasure.INTENT).exists()

    if again == "the command":
        assert here("erase", ledger, "S-1", *WHY).code == 0
        assert (len(erasures(ledger)), destroyed(ledger)) == (1, True)
    else:
        open_trial(ledger).close()
        assert (len(erasures(ledger)), destroyed(ledger)) == (recorded, recorded)
    assert not Path(f"{ledger}.keys", erasure.INTENT).exists()
    assert (NAME in names(ledger)) == (not destroyed(ledger))
    assert here("verify", ledger).code == 0


def test_half_an_intent_is_none(ledger: Path) -> None:
    intent = Path(f"{ledger}.keys", erasure.INTENT)
    intent.write_text('{"subject": "S-')
    intent.chmod(0o600)
    open_trial(ledger).close()
    assert not intent.exists()
    assert not destroyed(ledger)


def test_an_intent_that_somebody_is_still_at_is_left_to_him(ledger: Path) -> None:
    holder = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from api import erasure\n"
        "with erasure._intent(Path(sys.argv[1]), wait=True):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", holder, str(ledger)], stdout=subprocess.PIPE, env=environment())
    try:
        assert run.stdout is not None
        assert run.stdout.readline() == b"held\n"
        open_trial(ledger).close()
        assert Path(f"{ledger}.keys", erasure.INTENT).exists()
    finally:
        run.kill()
        run.wait()
        if run.stdout is not None:
            run.stdout.close()
    open_trial(ledger).close()  # the control: with its holder gone it is taken away
    assert not Path(f"{ledger}.keys", erasure.INTENT).exists()


def test_views_that_cannot_be_made_again_are_taken_away(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Path) -> None:
        raise ValueError("a fault in a view")

    monkeypatch.setattr("api.bootstrap.rebuild_all", broken)
    assert list(views_folder(ledger).glob("*.db"))
    assert here("erase", ledger, "S-1", *WHY).code == 0
    assert list(views_folder(ledger).glob("*.db")) == []


# -- rotate ----------------------------------------------------------------------------------------------------------


def test_after_a_rotation_the_heads_are_the_same_and_everything_still_opens(ledger: Path) -> None:
    before, held, stored = here("verify", ledger, "--json").json, facts(ledger), ledger.read_bytes()
    done = here("rotate", ledger, "--json")
    assert done.code == 0, done.err
    assert {one["kind"] for one in done.json["rotated"]} == {"identity", "sealed"}
    assert all(one["old"] != one["new"] for one in done.json["rotated"])
    assert here("verify", ledger, "--json").json == before
    assert before["closed"] == {}
    assert (facts(ledger), ledger.read_bytes()) == (held, stored)
    assert here("show", "subjects", ledger, "--role", "statistician").code == 0


@pytest.mark.parametrize("kind", ["identity", "sealed"])
def test_one_key_can_be_rotated_alone_and_the_old_one_opens_nothing(ledger: Path, kind: str) -> None:
    folder = Path(f"{ledger}.keys")
    before = {path.name: path.read_bytes() for path in folder.glob("*.kek")}
    told = here("rotate", ledger, "--only", kind)
    assert told.code == 0
    assert told.out.startswith(f"{kind}: ")
    after = {path.name: path.read_bytes() for path in folder.glob("*.kek")}
    assert [name for name in before if before[name] != after[name]] == [f"{kind}.kek"]
    for secret in (*before.values(), *after.values()):
        assert secret.decode().strip() not in told.out + told.err
    (folder / f"{kind}.kek").write_bytes(before[f"{kind}.kek"])
    here("verify", ledger).refused_in_one_sentence(f"{kind}.kek")


def test_there_is_nothing_to_rotate_without_a_ledger_or_without_its_keys(ledger: Path, tmp_path: Path) -> None:
    here("rotate", tmp_path / "none.db").refused_in_one_sentence("there is no such file")
    shutil.rmtree(f"{ledger}.keys")
    here("rotate", ledger).refused_in_one_sentence("the keys of this ledger are not here")


def test_the_keys_move_into_a_token_and_back_into_files(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if module() is None:
        pytest.skip("SoftHSM (apt install softhsm2) or the extra pkcs11 is not installed")
    for name in ("SOFTHSM2_CONF", PIN):  # put back as they were, whoever else has a token in this run
        monkeypatch.setenv(name, "")
    before = here("verify", ledger, "--json").json
    with token(tmp_path) as place:
        moved = process("rotate", ledger, "--to-token", place.token, "--module", place.module, "--json")
        assert moved.code == 0, moved.err
        assert process("verify", ledger, "--json").json == before
        wrong = process("verify", ledger, TRIAL_LEDGER_PIN="000000")
        assert (wrong.code, wrong.stdout) == (3, b"")
        back = process("rotate", ledger, "--to-files")
        assert back.code == 0, back.err
    assert here("verify", ledger, "--json").json == before


@pytest.mark.parametrize(
    "options", [("--to-token", "x"), ("--module", "x"), ("--to-token", "x", "--module", "y", "--to-files")]
)
def test_a_token_is_named_by_module_and_label_or_not_at_all(ledger: Path, options: tuple[str, ...]) -> None:
    before = contents(Path(f"{ledger}.keys"))
    assert here("rotate", ledger, *options).code == 2
    assert contents(Path(f"{ledger}.keys")) == before


def test_a_token_that_is_not_there_changes_nothing(ledger: Path, tmp_path: Path) -> None:
    before = here("verify", ledger, "--json").json
    done = here("rotate", ledger, "--to-token", "x", "--module", tmp_path / "none.so")
    assert (done.code, done.stdout) == (3, b"")
    assert "Traceback" not in done.err
    assert here("verify", ledger, "--json").json == before


# -- disclose --------------------------------------------------------------------------------------------------------


def alone(ledger: Path, keys: Path) -> Any:
    """What the verifier says that stands alone."""
    done = subprocess.run(
        [sys.executable, "-m", "ledger.proof", str(ledger), "--data-keys", str(keys), "--json"],
        capture_output=True, text=True, check=False, cwd=ROOT, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_with_the_disclosed_keys_the_verifier_alone_opens_every_section(ledger: Path, tmp_path: Path) -> None:
    out = tmp_path / "keys.json"
    done = here("disclose", ledger, "-o", out, "--actor", "arch-1", "--json")
    assert done.code == 0, done.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert done.json["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    report = alone(ledger, out)
    assert set(report["opened"]) >= {"arm", "header", "identity"}
    # The look and the export were recorded after the keys were taken out, under the same keys or one of their stream.
    assert report["closed"] == {}


@pytest.mark.parametrize(
    ("role", "classes", "opened"),
    [("statistician", ("arm", "header"), {"arm", "header"}), ("archive", ("identity",), {"identity"})],
)
def test_only_the_classes_asked_for_are_in_the_file(
    ledger: Path, tmp_path: Path, role: str, classes: tuple[str, ...], opened: set[str]
) -> None:
    out = tmp_path / "keys.json"
    options = [word for name in classes for word in ("--class", name)]
    assert here("disclose", ledger, "-o", out, "--actor", "x", "--role", role, *options).code == 0
    told = json.loads(out.read_text())
    assert {name.partition("/")[0] for name in told["sections"]} == opened
    assert ("marks" in told) == (opened != {"identity"})
    assert set(alone(ledger, out)["opened"]) == opened


def test_that_it_was_done_is_recorded_with_classes_and_digest_before_there_is_a_file(
    ledger: Path, tmp_path: Path
) -> None:
    out = tmp_path / "keys.json"
    assert here("disclose", ledger, "-o", out, "--actor", "arch-1").code == 0
    (fact,) = (fact for fact in facts(ledger) if fact.type == "sealed-export.made/1")
    assert fact.actor.id == "arch-1"
    assert fact.data["classes"] == ["anchor", "arm", "header", "identity"]
    assert fact.data["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--role", "sponsor"), "may not see arms"),
        (("--role", "statistician"), "may not see names"),
        (("--role", "investigator", "--class", "identity"), "may not see names"),
        (("--role", "king"), "king"),
    ],
)
def test_who_may_not_see_a_class_gets_no_keys_of_it(
    ledger: Path, tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    done = here("disclose", ledger, "-o", tmp_path / "keys.json", "--actor", "x", *options)
    assert done.code in (2, 3)
    assert words in done.err
    assert not (tmp_path / "keys.json").exists()
    assert not [fact for fact in facts(ledger) if fact.type.endswith("export.made/1")]


def test_a_file_that_is_there_is_left_and_what_cannot_be_recorded_is_not_written(made: Path, tmp_path: Path) -> None:
    out = tmp_path / "keys.json"
    out.write_text("mine")
    here("disclose", made, "-o", out, "--actor", "x").refused_in_one_sentence("exists already")
    assert out.read_text() == "mine"
    with small_disk(tmp_path / "disk", "20m") as disk:
        shutil.copytree(made.parent, disk.path / "trial")
        disk.read_only()
        done = process("disclose", disk.path / "trial" / "trial.db", "-o", tmp_path / "other.json", "--actor", "x")
    assert (done.code, done.stdout) == (3, b"")
    assert not (tmp_path / "other.json").exists()


# -- verify, with keys or without ------------------------------------------------------------------------------------


def test_verify_opens_sections_with_the_keys_beside_the_ledger_and_says_so(ledger: Path) -> None:
    told = here("verify", ledger)
    assert (told.code, told.err) == (0, "")
    assert f"with the keys in {ledger}.keys" in told.out
    assert here("verify", ledger, "--json").json["closed"] == {}


@pytest.mark.parametrize("without", ["--no-keys", "no folder"])
def test_without_keys_sealed_sections_stay_closed_and_that_is_no_fault(ledger: Path, without: str) -> None:
    options = ("--no-keys",)
    if without == "no folder":
        shutil.rmtree(f"{ledger}.keys")
        options = ()  # type: ignore[assignment]
    report = here("verify", ledger, *options, "--json")
    assert report.code == 0
    assert report.json["opened"] == {}
    assert set(report.json["closed"]) >= {"identity", "arm", "header"}


def test_verify_writes_nothing(ledger: Path) -> None:
    before = contents(ledger.parent)
    assert here("verify", ledger).code == 0
    assert contents(ledger.parent) == before


def test_who_may_not_read_the_keys_verifies_without_them(ledger: Path) -> None:
    with folder_of_nobody(ledger.parent) as folder:
        keys = folder / f"{ledger.name}.keys"
        keys.chmod(0)
        with unprivileged():
            report = here("verify", folder / ledger.name, "--json")
    assert (report.code, report.json["opened"]) == (0, {})


def _open_to_others(folder: Path) -> None:
    (folder / "identity.kek").chmod(0o644)


def _of_another(folder: Path) -> None:
    (folder / "sealed.kek").write_text("00" * 32)


@pytest.mark.parametrize("spoil", [_open_to_others, _of_another])
def test_keys_that_cannot_be_used_are_an_input_error_and_no_verdict_on_the_ledger(
    ledger: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(Path(f"{ledger}.keys"))
    here("verify", ledger).refused_in_one_sentence(".kek")
    assert here("verify", ledger, "--no-keys").code == 0
