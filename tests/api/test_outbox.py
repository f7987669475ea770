"""The outbox: an alert for each time that somebody came to know an arm, once, and never with the arm in it."""

import json
import re
import shutil
import socketserver
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from api import durable
from api.bootstrap import open_trial
from api.outbox import ALERTED, SENT, deliver, outbox_folder, waiting
from ledger.application import TrialLedger
from ledger.domain.commands import parse_command
from ledger.domain.unblinded import LEARNED
from ledger.keys.file import load_keys
from tests.api.cli_runs import here
from tests.shared_data import ROOT
from tests.trials import SITE, Trial

BREAK = {"subject": "S-1", "reason": "Severe hypotension"}
INADVERTENT = {"person": "nurse-3", "role": "care-provider", "subject": "S-1", "how": "Saw the bottle"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with one randomized subject. Not to be changed."""
    folder = tmp_path_factory.mktemp("outbox")
    trial = Trial(folder)
    trial.do("activate-site", {"site": SITE})
    trial.randomized("S-1")
    trial.ledger.close()
    return trial.path


@pytest.fixture
def ledger(made: Path, tmp_path: Path) -> Path:
    path = tmp_path / "trial.db"
    shutil.copyfile(made, path)
    shutil.copytree(f"{made}.keys", f"{path}.keys")
    return path


def give(trial: TrialLedger, type_: str, data: dict[str, Any], number: int = 1, **more: Any) -> None:
    """One command, by an investigator."""
    value = {
        "id": f"{type_}-{number}",
        "type": type_,
        "actor": {"id": "inv-9", "role": "investigator", "org": "FJD"},
        "occurred_at": "2020-06-01T03:00+00:00",
        "data": data,
    }
    trial.submit(parse_command(value | more))


def lying(path: Path) -> list[str]:
    return sorted(file.name for file in outbox_folder(path).glob("[0-9]*.json"))


def test_a_code_break_leaves_one_alert_that_says_who_of_whom_when_and_why(ledger: Path) -> None:
    trial = open_trial(ledger)
    give(trial, "break-code", BREAK)
    trial.close()
    (alert,) = waiting(ledger)
    assert re.fullmatch(r"[0-9]{9}-code\.broken-[0-9a-f]{8}\.json", alert.pop("file"))
    assert alert.pop("recorded_at").endswith("Z")
    assert len(alert.pop("id")) == 32
    assert alert.pop("seq") > 0
    assert alert == {
        "trial": "NCT04348461",
        "type": "code.broken/1",
        "subjects": ["S-1"],
        "who": "inv-9",
        "role": "investigator",
        "reported_by": {"id": "inv-9", "org": "FJD", "role": "investigator"},
        "occurred_at": "2020-06-01T03:00+00:00",
        "reason": "Severe hypotension",
        "simulation": False,
    }


def test_no_alert_says_an_arm(ledger: Path) -> None:
    trial = open_trial(ledger)
    give(trial, "break-code", BREAK)
    give(trial, "report-inadvertent-unblinding", INADVERTENT)
    arm = trial.arm_of("S-1")
    trial.close()
    assert arm is not None
    assert len(lying(ledger)) == 2
    for file in outbox_folder(ledger).iterdir():
        assert arm.encode() not in file.read_bytes()


def test_whoever_is_named_as_unblinded_is_named_and_not_the_one_who_reports_it(ledger: Path) -> None:
    trial = open_trial(ledger)
    give(trial, "report-inadvertent-unblinding", INADVERTENT)
    trial.close()
    (alert,) = waiting(ledger)
    assert (alert["who"], alert["role"], alert["reason"]) == ("nurse-3", "care-provider", "Saw the bottle")
    assert alert["reported_by"]["id"] == "inv-9"


def test_every_event_by_which_somebody_learns_an_arm_is_alerted() -> None:
    assert set(LEARNED) - {"unblinding.requested/1"} | {"allocation.opened/1"} == ALERTED


def test_other_commands_leave_none(ledger: Path) -> None:
    trial = open_trial(ledger)
    give(trial, "record-vital-status", {"subject": "S-1", "status": "ALIVE"})
    trial.close()
    assert lying(ledger) == []


def test_the_opening_of_the_list_is_an_alert_about_all(ledger: Path) -> None:
    trial = open_trial(ledger)
    sponsor = {"id": "sp", "role": "sponsor", "org": "S"}
    give(trial, "halt-trial", {"reason": "no money"}, actor=sponsor)
    trial.close()
    assert here("allocation", "open", ledger, "--actor", "stat-1").code == 0
    (alert,) = waiting(ledger)
    assert (alert["type"], alert["subjects"], alert["who"]) == ("allocation.opened/1", "all", "stat-1")


def test_an_alert_that_was_taken_away_does_not_come_back(ledger: Path) -> None:
    trial = open_trial(ledger)
    give(trial, "break-code", BREAK)
    (name,) = lying(ledger)
    (outbox_folder(ledger) / name).unlink()
    give(trial, "break-code", BREAK, 2)
    trial.close()
    open_trial(ledger).close()
    assert deliver(ledger).written == ()
    (left,) = lying(ledger)
    assert left > name


def test_the_same_alert_is_never_written_twice_even_if_the_cursor_is_lost(ledger: Path) -> None:
    trial = open_trial(ledger)
    give(trial, "break-code", BREAK)
    give(trial, "break-code", BREAK, 2)
    trial.close()
    first, second = lying(ledger)
    folder = outbox_folder(ledger)
    before = (folder / first).stat()
    (folder / SENT).mkdir()
    (folder / second).rename(folder / SENT / second)
    (folder / "cursor.json").unlink()
    assert deliver(ledger).written == ()
    assert lying(ledger) == [first]
    assert (folder / first).stat() == before

    (folder / first).unlink()  # the control: nothing else says that this one was there
    (folder / "cursor.json").unlink()
    assert [path.name for path in deliver(ledger).written] == [first]


def test_what_was_recorded_without_an_outbox_is_caught_up_when_the_ledger_is_opened(ledger: Path) -> None:
    trial = TrialLedger(ledger, load_keys(ledger))
    give(trial, "break-code", BREAK)
    trial.close()
    assert lying(ledger) == []
    open_trial(ledger).close()
    assert len(lying(ledger)) == 1


def test_a_stop_between_the_file_and_the_cursor_loses_nothing_and_doubles_nothing(
    ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = TrialLedger(ledger, load_keys(ledger))
    give(trial, "break-code", BREAK)
    give(trial, "break-code", BREAK, 2)
    trial.close()
    real, written = durable.write, list[str]()

    def write_one_and_stop(path: Path, data: bytes, *, replace: bool = False) -> None:
        if written:
            raise KeyboardInterrupt
        real(path, data, replace=replace)
        written.append(path.name)

    monkeypatch.setattr(durable, "write", write_one_and_stop)
    for count in (1, 2):  # first before the second alert, then before the cursor
        written.clear()
        with pytest.raises(KeyboardInterrupt):
            deliver(ledger)
        assert len(lying(ledger)) == count
    monkeypatch.setattr(durable, "write", real)
    before = {file: file.stat() for file in outbox_folder(ledger).glob("[0-9]*.json")}
    deliver(ledger)
    assert {file: file.stat() for file in outbox_folder(ledger).glob("[0-9]*.json")} == before
    assert len(lying(ledger)) == 2


def test_a_command_is_recorded_though_its_alert_cannot_be_and_the_alert_comes_later(
    ledger: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox_folder(ledger).write_text("in the way")
    trial = open_trial(ledger)
    assert caplog.records == []
    give(trial, "break-code", BREAK)
    assert trial.arm_of("S-1") is not None
    trial.close()
    assert "an alert could not be written yet" in caplog.text
    outbox_folder(ledger).unlink()
    open_trial(ledger).close()
    assert len(lying(ledger)) == 1


def test_many_who_deliver_at_once_write_each_alert_once(ledger: Path) -> None:
    trial = TrialLedger(ledger, load_keys(ledger))
    for number in range(5):
        give(trial, "break-code", BREAK, number)
    trial.close()
    written: list[Path] = []
    threads = [threading.Thread(target=lambda: written.extend(deliver(ledger).written)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == len(set(written)) == 5
    assert len(lying(ledger)) == 5


def test_another_ledger_under_the_same_name_is_looked_through_from_its_beginning(ledger: Path, tmp_path: Path) -> None:
    trial = open_trial(ledger)
    for number in range(3):
        give(trial, "break-code", BREAK, number)
    trial.close()
    (tmp_path / "other").mkdir()
    other = Trial(tmp_path / "other", seed=2)
    other.do("activate-site", {"site": SITE})
    other.randomized("S-1")
    other.ledger.close()
    trial = TrialLedger(other.path, load_keys(other.path))
    give(trial, "break-code", BREAK)
    trial.close()
    shutil.move(outbox_folder(ledger), outbox_folder(other.path))
    assert len(deliver(other.path).written) == 1
    assert len(lying(other.path)) == 4


def test_what_an_import_claims_is_no_alert(ledger: Path) -> None:
    trial = open_trial(ledger)
    value = {
        "id": "imported-1",
        "type": "break-code",
        "actor": {"id": "importer", "role": "data-manager", "org": "S"},
        "occurred_at": "2020-06-01",
        "data": BREAK,
        "provenance": {"kind": "import", "source": "elsewhere"},
    }
    answer = trial.submit(parse_command(value), importing=True)
    trial.close()
    assert answer.types == ("code.broken/1",)
    assert lying(ledger) == []


def test_the_folder_and_its_files_are_for_their_owner_alone(ledger: Path) -> None:
    trial = open_trial(ledger)
    give(trial, "break-code", BREAK)
    trial.close()
    folder = outbox_folder(ledger)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_the_command_lists_what_waits_and_json_says_the_same(ledger: Path) -> None:
    trial = TrialLedger(ledger, load_keys(ledger))
    give(trial, "break-code", BREAK)
    trial.close()
    done = here("outbox", ledger, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.json["written"] == [alert["file"] for alert in done.json["waiting"]] == lying(ledger)
    told = here("outbox", ledger)
    assert told.code == 0
    assert "code.broken/1 of S-1, by inv-9 (investigator)" in told.out
    assert "1 alerts wait" in told.err


def test_submit_leaves_alerts_too(ledger: Path) -> None:
    line = {
        "id": "b-1",
        "type": "break-code",
        "actor": {"id": "inv-9", "role": "investigator", "org": "FJD"},
        "occurred_at": "2020-06-01T03:00+00:00",
        "data": BREAK,
    }
    assert here("submit", "-", ledger, stdin=json.dumps(line).encode()).code == 0
    assert len(lying(ledger)) == 1


# -- the sender of docs/outbox.md ------------------------------------------------------------------------------------


class _Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as a client needs to hand over one mail."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline().strip().upper():
            if line == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                mail = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    mail += part
                self.server.mails.append(mail)  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if line == b"QUIT" else b"250 fine\r\n")
            if line == b"QUIT":
                return


@contextmanager
def mail_server() -> Iterator[tuple[int, list[bytes]]]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Mail) as server:
        server.mails = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server.server_address[1], server.mails  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def test_the_sender_of_the_documentation_mails_each_alert_once(ledger: Path, tmp_path: Path) -> None:
    document = (ROOT / "docs" / "outbox.md").read_text()
    (script,) = re.findall(r"```python\n(.*?)```", document, re.DOTALL)
    sender = tmp_path / "send.py"
    sender.write_text(script)
    trial = open_trial(ledger)
    give(trial, "break-code", BREAK)
    give(trial, "report-inadvertent-unblinding", INADVERTENT)
    with mail_server() as (port, mails):
        for _ in range(2):  # the second finds nothing left to send
            arguments = [outbox_folder(ledger), "127.0.0.1", port, "ledger@mail.invalid", "desk@mail.invalid"]
            subprocess.run([sys.executable, str(sender), *map(str, arguments)], check=True, timeout=60)
        give(trial, "break-code", BREAK, 2)
        subprocess.run([sys.executable, str(sender), *map(str, arguments)], check=True, timeout=60)
    trial.close()
    assert len(mails) == 3
    assert b"Subject: NCT04348461: code.broken/1 by inv-9" in mails[0]
    assert b"Severe hypotension" in mails[0]
    assert b"desk@mail.invalid" in mails[0]
    assert lying(ledger) == []
    assert len(list((outbox_folder(ledger) / SENT).iterdir())) == 3


def test_the_example_in_the_documentation_has_the_members_of_an_alert(ledger: Path) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "outbox.md").read_text(), re.DOTALL)
    trial = open_trial(ledger)
    give(trial, "break-code", BREAK)
    trial.close()
    (alert,) = waiting(ledger)
    assert list(json.loads(example)) == [name for name in alert if name != "file"]
