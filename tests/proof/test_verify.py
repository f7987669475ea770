"""The verifier: what it reports, from whatever state a ledger file is in, with what means."""

import base64
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from uuid import UUID

import pytest
from eventsourcing.persistence import StoredEvent

from ledger.proof import LedgerFileError, verify_ledger
from ledger.proof.__main__ import main
from ledger.proof.assurance import Assurance
from ledger.proof.canonical import encode
from ledger.proof.findings import CODES, MAX_FINDINGS, Findings
from ledger.proof.schema import STATEMENTS
from ledger.proof.sections import PLAIN
from ledger.proof.tree import EMPTY_ROOT, leaf_hash, root
from ledger.recording.drafts import Append, CommandMark, Drafter
from ledger.recording.engine import create_ledger
from ledger.recording.eventsourcing_recorder import SQLiteApplicationRecorder
from ledger.recording.sqlite import SQLiteBooks
from tests.shared_data import ROOT
from tests.tampering.ledgers import ACTOR, KEYS, ORIGIN, behind_its_back, build, entries, fill, new_books, settle


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return build(tmp_path / "trial.db")


def test_the_report_gives_size_root_and_head_of_both_books(ledger: Path) -> None:
    report = verify_ledger(ledger, keys=KEYS)
    hashes = {book: [leaf_hash(entry) for entry in entries(ledger, book)] for book in ("open", "sealed")}
    assert report.to_json() == {
        "ok": True,
        "size": len(hashes["open"]),
        "root": base64.b64encode(root(hashes["open"])).decode(),
        "head": hashes["open"][-1].hex(),
        "sealed": {
            "size": len(hashes["sealed"]),
            "root": base64.b64encode(root(hashes["sealed"])).decode(),
            "head": hashes["sealed"][-1].hex(),
        },
        **Assurance().to_json(len(hashes["open"])),
        "opened": {"anchor": 6, "arm": 7, "header": 7, "identity": 3},
        "closed": {},
        "marks": {"checked": len(hashes["sealed"]), "unchecked": 0},
        "notes": [],
        "allocation": None,
        "findings": [],
        "sound": [
            {"book": "open", "first": 0, "last": len(hashes["open"]) - 1},
            {"book": "sealed", "first": 0, "last": len(hashes["sealed"]) - 1},
        ],
    }


def test_an_empty_ledger_is_sound(tmp_path: Path) -> None:
    create_ledger(tmp_path / "trial.db", ORIGIN)
    report = verify_ledger(tmp_path / "trial.db")
    assert (report.ok, report.size, report.root, report.head) == (True, 0, EMPTY_ROOT, bytes(32))
    assert list(report.sound) == []


def test_a_ledger_is_verified_while_it_is_written(tmp_path: Path) -> None:
    books = new_books(tmp_path / "trial.db")
    fill(books)
    assert (tmp_path / "trial.db-wal").stat().st_size
    size = verify_ledger(tmp_path / "trial.db", keys=KEYS).size
    books.append(Append(CommandMark("later", "0" * 64), sealed=()))
    assert verify_ledger(tmp_path / "trial.db", keys=KEYS).ok
    assert size > 0
    books.close()


def test_raw_events_of_the_library_are_sound(tmp_path: Path) -> None:
    create_ledger(tmp_path / "raw.db", ORIGIN)
    books = SQLiteBooks(tmp_path / "raw.db")
    recorder = SQLiteApplicationRecorder(books)
    for version in range(3):
        for first in (0, 1):
            recorder.insert_events([StoredEvent(UUID(int=first), version + first, "topic", b"\x00 opaque \xff")])
    books.close()
    assert verify_ledger(tmp_path / "raw.db").ok


def _verdict_of_a_reader_without_rights(path: Path) -> int:
    """What a process of its own says, which (where this one is root's) has given its rights away."""
    child = os.fork()
    if child == 0:
        code = 3
        try:
            if os.geteuid() == 0:
                os.setgid(65534)
                os.setuid(65534)
            code = 2 if os.access(path.parent, os.W_OK) else 0 if verify_ledger(path).ok else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_a_ledger_in_a_read_only_folder_is_verified(ledger: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        copy = Path(folder) / "trial.db"
        shutil.copyfile(ledger, copy)
        Path(folder).chmod(0o555)
        assert _verdict_of_a_reader_without_rights(copy) == 0
        Path(folder).chmod(0o700)


def test_verifying_changes_nothing(ledger: Path) -> None:
    before = ledger.read_bytes()
    verify_ledger(ledger)
    assert ledger.read_bytes() == before


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file"),
        (b"", "not a ledger"),
        (b"{}" * 100, "not a ledger"),
        (b"SQLite format 3\x00", "truncated"),
    ],
)
def test_what_is_no_ledger_is_refused_with_its_own_sentence(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "trial.db"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LedgerFileError, match=why):
        verify_ledger(path)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerFileError, match="folder"):
        verify_ledger(tmp_path)


@pytest.mark.parametrize(
    ("pragma", "why"), [("user_version = 2", "has format 2"), ("application_id = 7", "another application")]
)
def test_another_format_or_application_is_refused(ledger: Path, pragma: str, why: str) -> None:
    connection = sqlite3.connect(ledger)
    connection.execute(f"PRAGMA {pragma}")
    connection.close()
    with pytest.raises(LedgerFileError, match=why):
        verify_ledger(ledger)


def test_progress_goes_from_nothing_to_all(ledger: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = verify_ledger(ledger, progress=lambda done, total: seen.append((done, total)))
    total = report.size + report.sealed.size
    assert seen[0] == (0, total)
    assert seen[-1] == (total, total)
    assert seen == sorted(seen)


def long_ledger(path: Path, count: int) -> Path:
    books = new_books(path, every=64)
    payload = encode({"occurred_at": "2020-05-06", "text": "blood pressure and saturation taken, as planned"})
    for start in range(0, count, 1000):
        command = CommandMark(f"cmd-{start}", "0" * 64)
        drafts = [
            Drafter(ORIGIN, ACTOR, command, books.randomness.open).draft(
                f"subject/{n % 500}", (start + n) // 500 + 1, "visit.done/1", [(PLAIN, payload)], n, 1000
            )
            for n in range(1000)
        ]  # fmt: skip
        books.append(Append(command, drafts))
    books.close()
    settle(path)
    return path


def peak(path: Path) -> int:
    tracemalloc.start()
    try:
        verify_ledger(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    short, long = long_ledger(tmp_path / "short.db", 2_000), long_ledger(tmp_path / "long.db", 20_000)
    verify_ledger(short)
    small, large = peak(short), peak(long)
    assert large < 2_000_000
    assert large < small + 500_000


def test_a_wholly_damaged_ledger_gives_a_bounded_report(tmp_path: Path) -> None:
    path = long_ledger(tmp_path / "trial.db", 3_000)
    with behind_its_back(path) as connection:
        connection.execute("UPDATE open_entry SET sections = zeroblob(80)")
    report = verify_ledger(path)
    assert len(report.findings) == MAX_FINDINGS + 1
    assert report.findings[-1].code == "more"
    assert list(report.sound) == []


def test_sound_ranges_are_what_the_findings_leave() -> None:
    findings = Findings()
    findings.add("altered", "open", 3, "")
    findings.add("missing", "open", 5, "", count=2)
    findings.add("column", "open", 9, "")
    findings.add("commitment", "open", 9, "")
    assert findings.sound("open", 10) == [("open", 0, 2), ("open", 4, 4), ("open", 7, 8)]
    assert findings.sound("sealed", 4) == [("sealed", 0, 3)]
    assert findings.sound("sealed", 0) == []


def test_findings_with_a_place_come_first_and_the_schema_last() -> None:
    findings = Findings()
    findings.add("schema", None, None, "")
    findings.add("head", "open", None, "")
    findings.add("tie", "sealed", 0, "")
    findings.add("column", "open", 9, "")
    findings.add("altered", "open", 9, "")
    findings.add("database", None, None, "")
    assert [finding.code for finding in findings.sorted()] == ["altered", "column", "tie", "head", "database", "schema"]


def test_every_code_is_in_the_document_with_its_meaning() -> None:
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    for code, meaning in CODES.items():
        assert f"| `{code}` | {meaning} |" in text


def test_every_statement_of_the_schema_is_in_the_document() -> None:
    text = (ROOT / "docs" / "format.md").read_text(encoding="utf-8")
    assert "<!-- schema -->\n```sql\n" + "".join(f"{statement}\n" for statement in STATEMENTS) + "```\n" in text


# -- python -m ledger.proof


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ledger.proof", *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )


def test_the_command_ends_0_for_a_sound_ledger_and_prints_the_report(ledger: Path) -> None:
    done = run(str(ledger), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == verify_ledger(ledger).to_json()


def test_the_command_ends_1_and_says_where_in_plain_words(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with behind_its_back(ledger) as connection:
        connection.execute("UPDATE open_entry SET version = 77 WHERE seq = 6")
    assert main([str(ledger)]) == 1
    printed = capsys.readouterr().out
    assert 'open book, entry 6 (site/\\"01\\")' in printed or 'open book, entry 6 (site/"01")' in printed
    assert "NOT verified" in printed


def test_the_command_ends_3_for_what_is_no_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none.db")]) == 3
    assert "no such file" in capsys.readouterr().err


def test_the_command_ends_2_for_wrong_usage() -> None:
    assert run().returncode == 2


def test_the_help_names_what_can_be_verified_and_what_has_to_be_brought() -> None:
    told = run("--help").stdout
    assert all(word in told for word in ("bundle", "ledger", "proof", "--policy", "--authorities", "--checkpoint"))


def test_the_verifier_needs_the_standard_library_and_cryptography_only() -> None:
    program = (
        "import sys, ledger.proof.__main__\n"
        "top = {name.partition('.')[0] for name in sys.modules}\n"
        "print(*sorted(top - sys.stdlib_module_names - {'ledger', 'cryptography', '__main__', '__mp_main__'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    loaded = {name for name in done.stdout.split() if not name.startswith(("_", "sitecustomize"))}
    assert loaded <= {"distutils", "pkg_resources"}
