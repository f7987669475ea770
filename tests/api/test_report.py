"""The report for the trial master file says what the verification showed, twice the same, and nothing else gets in."""

import base64
import hashlib
import html
import io
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pypdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.report import HTML, NO_PDF, PDF, FileFacts, Run, Written, file_facts, write_report
from api.report.as_html import as_html
from api.report.as_pdf import as_pdf
from api.report.content import MAX_ROWS, compose
from api.report.document import Document, shown
from ledger.proof.assess import Trusted, assess, sizes_of
from ledger.proof.evidence import Evidence
from ledger.proof.findings import Finding, Report, TreeHead
from ledger.proof.timestamps import Authorities
from ledger.proof.verify import verify_ledger
from ledger.proof.watch import Watched
from tests.api.cli_runs import Demo, here, process
from tests.proof.evidence_made import LOG, NOW, WITNESSES, held_against, policy, stored
from tests.shared_data import ROOT
from tests.tampering.ledgers import KEYS, behind_its_back, build
from tests.tsa import TestAuthority

AT = datetime(2026, 11, 22, 20, 15, 30, tzinfo=UTC)
PROGRAMS = (("Python", "3.11.2"), ("trial-ledger", "0.1.0"), ("cryptography", "46.0.0"))
HOSTILE = "<script>alert('x')</script>\u202e\u05d0\u05d1 \x00\x1b[2J\r\n&amp; {nb} **b** \U0001f600\ud800\u0301 \"' -->"
VOID = {"meta", "br", "hr"}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("ledger") / "trial.db")


def run(*arguments: str) -> Run:
    return Run(AT, arguments or ("trial.db",), PROGRAMS)


def reported(report: Report, trusted: Trusted, path: Path) -> Document:
    return compose(report, trusted, file_facts(path), run())


def by_hand(findings: Sequence[Finding], **more: object) -> Report:
    head = TreeHead(20_000, b"r" * 32, b"h" * 32)
    made = Report(head, replace(head, size=7), findings, [("open", 0, 5)], {"arm": 2}, {"identity": 3})
    return replace(made, watched=Watched(origin="host.example/NCT00000000/" + "0" * 32), **more)  # type: ignore[arg-type]


FACTS = FileFacts("x.zip", True, 3, hashlib.sha256(b"PKx").hexdigest())


def words(text: str) -> str:
    """Without white space, which lines of a page and cells of a table put between."""
    return re.sub(r"\s+", "", text)


def text_of_html(data: bytes) -> str:
    body = re.sub(r"<style>.*?</style>", "", data.decode(), flags=re.DOTALL)
    return words(html.unescape(re.sub(r"<[^>]*>", " ", body)))


def text_of_pdf(data: bytes) -> str:
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]
    return words(" ".join(re.sub(r"\n?[^\n]*verified on [^\n]*UTC\s*\d+ / \d+\s*$", "", page) for page in pages))


def latin(text: str) -> str:
    return words(text.encode("latin-1", "backslashreplace").decode("latin-1"))


class Balanced(HTMLParser):
    """Fails on a tag that is not closed where it was opened; keeps what was opened."""

    def __init__(self, data: bytes) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.seen: list[tuple[str, Mapping[str, str | None]]] = []
        self.feed(data.decode())
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def tags(self, tag: str) -> list[Mapping[str, str | None]]:
        return [attributes for name, attributes in self.seen if name == tag]


def both_hold(document: Document) -> None:
    """Every text of the document is in both files."""
    page, paper = text_of_html(as_html(document)), text_of_pdf(as_pdf(document))
    for text in document.texts():
        assert words(text) in page
        assert latin(text) in paper


# -- what it says ----------------------------------------------------------------------------------------------------


def full(ledger: Path, folder: Path) -> tuple[Report, Trusted]:
    """Signed up to 22, witnessed by two of three up to 18, time-stamped up to 10."""
    at = datetime.fromtimestamp(NOW, UTC)
    late, middle, early = (LOG.checkpoint(ledger, size) for size in (22, 18, 10))
    for one in WITNESSES[:2]:
        middle = one.cosign(middle)
    with TestAuthority(folder / "tsa", now=at) as tsa:
        token = tsa.made(early.encode(), at=at + timedelta(minutes=1))
        trusted = Trusted(policy(2), Authorities.parse(tsa.roots_pem.read_bytes()))
    held = [stored(note) for note in (early, middle, late)]
    evidence = Evidence(held, {held[0].stem: {f"{held[0].stem}-00.tsr": token}})
    return assess(verify_ledger(ledger, keys=KEYS, sizes=sizes_of(evidence)), evidence, trusted), trusted


def test_it_says_up_to_which_entry_each_level_holds_and_what_nobody_outside_holds(ledger: Path, tmp_path: Path) -> None:
    report, trusted = full(ledger, tmp_path)
    assert report.ok, report.findings
    size = report.size
    assert size > 22
    document = reported(report, trusted, ledger)
    statement = [*document.texts()][: [*document.texts()].index("The file")]
    assert "Verified. Level of assurance: witnessed 2 of 3." in statement
    assert f"signed: the first 22 of {size} entries ({LOG.origin})." in statement
    assert f"witnessed: the first 18 of {size} entries (2 of 3; quorum met)." in statement
    assert any(text.startswith(f"time-stamped: the first 10 of {size} entries (") for text in statement)
    assert any(
        text.startswith(f"NOT held by anybody outside: open book, entries 18 to {size - 1}.") for text in statement
    )
    both_hold(document)


def test_it_names_every_key_and_authority_that_was_trusted(ledger: Path, tmp_path: Path) -> None:
    report, trusted = full(ledger, tmp_path)
    assert trusted.policy is not None
    assert trusted.authorities is not None
    texts = [*reported(report, trusted, ledger).texts()]
    for key in trusted.policy.keys:
        assert key.name in texts
        assert key.key_id.hex() in texts
    for root in trusted.authorities.roots:
        assert root.subject.rfc4514_string() in texts
    assert "Quorum: the group g." in texts
    assert "2 of 3 members" in texts


def test_without_a_policy_it_says_that_a_file_was_compared_with_itself_only(ledger: Path) -> None:
    document = reported(verify_ledger(ledger), Trusted(), ledger)
    text = " ".join(document.texts())
    assert "Verified. Level of assurance: consistent." in text
    assert "The file was compared with itself only." in text
    assert "signed: not checked (no policy was given)." in text
    assert "NOT held by anybody outside: open book, entries 0 to" in text
    both_hold(document)


def test_a_checkpoint_that_the_verifier_kept_is_told_as_what_holds_the_book(ledger: Path) -> None:
    trusted = Trusted(kept=[stored(LOG.checkpoint(ledger, 12))])
    report = held_against(ledger, trusted)
    text = " ".join(reported(report, trusted, ledger).texts())
    assert "The book extends a checkpoint that the verifier had kept" in text
    assert "compared with itself only" not in text
    assert f"NOT held by anybody outside: open book, entries 12 to {report.size - 1}." in text


def test_every_finding_stands_in_both_files(ledger: Path, tmp_path: Path) -> None:
    path = tmp_path / "tampered.db"
    shutil.copyfile(ledger, path)
    with behind_its_back(path) as database:
        database.execute("UPDATE open_entry SET version = version + 40 WHERE seq IN (3, 9)")
        database.execute("UPDATE sealed_entry SET slot = 'x' WHERE seq = 1")
    report = verify_ledger(path)
    assert len(report.findings) >= 3
    document = reported(report, Trusted(), path)
    texts = [*document.texts()]
    assert f"NOT verified: {len(report.findings)} findings." in texts
    assert not any(text.startswith("Verified") for text in texts if text != "Verified on")
    for finding in report.findings:
        assert finding.message in texts
    both_hold(document)


def test_a_bundle_for_masked_people_is_said_to_have_no_sealed_book() -> None:
    report = by_hand([], books=frozenset({"open"}))
    texts = [*compose(report, Trusted(), FACTS, run()).texts()]
    assert any("of the open book, and no sealed book." in text for text in texts)
    assert "not in this bundle, which was made for masked people" in texts
    assert "The sealed book, which is not in this bundle, and all that depends on an arm." in texts


def test_what_stayed_closed_is_said_with_the_reason(ledger: Path) -> None:
    text = " ".join(reported(verify_ledger(ledger), Trusted(), ledger).texts())
    assert "sealed sections stay closed, as no key was given." in text
    assert "their keys were not at hand" in text
    opened = " ".join(reported(verify_ledger(ledger, keys=KEYS), Trusted(), ledger).texts())
    assert "stay closed" not in opened


def test_a_file_that_changed_meanwhile_is_said_to_have_changed(ledger: Path) -> None:
    before = file_facts(ledger)
    report = verify_ledger(ledger)
    same = " ".join(compose(report, Trusted(), before, run(), before).texts())
    other = " ".join(compose(report, Trusted(), before, run(), replace(before, sha256="f" * 64)).texts())
    assert "changed while it was verified" not in same
    assert (
        f"changed while it was verified: when this report was made it had {before.size:,} bytes, SHA-256 fff" in other
    )


def test_the_file_is_told_by_name_size_and_hash(ledger: Path) -> None:
    texts = [*reported(verify_ledger(ledger), Trusted(), ledger).texts()]
    assert hashlib.sha256(ledger.read_bytes()).hexdigest() in texts
    assert f"{ledger.stat().st_size:,}" in texts
    assert ledger.name in texts


# -- its form --------------------------------------------------------------------------------------------------------


def test_the_page_is_balanced_runs_no_script_fetches_nothing_and_can_be_read_aloud(
    ledger: Path, tmp_path: Path
) -> None:
    data = as_html(reported(*full(ledger, tmp_path), ledger))
    page = Balanced(data)
    assert page.tags("html") == [{"lang": "en-GB"}]
    assert len(page.tags("h1")) == 1
    assert len(page.tags("caption")) == len(page.tags("table")) > 5
    assert all(one["scope"] in ("col", "row") for one in page.tags("th"))
    assert {"script", "link", "img", "iframe", "object", "form", "a"}.isdisjoint(tag for tag, _ in page.seen)
    assert not any(name.startswith("on") or name in ("style", "src", "href") for _, a in page.seen for name in a)
    (policy_of_page,) = [one["content"] for one in page.tags("meta") if one.get("http-equiv")]
    assert policy_of_page is not None
    assert policy_of_page.startswith("default-src 'none'; style-src 'sha256-")
    style = data.decode().partition("<style>")[2].partition("</style>")[0]
    digest = policy_of_page.partition("'sha256-")[2].partition("'")[0]
    assert digest == base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


def test_the_same_verification_gives_the_same_bytes_wherever_it_is_made(tmp_path: Path) -> None:
    script = (
        "import sys; from tests.api.test_report import *\n"
        "document = compose(by_hand([Finding('tie', 'open', 4, 's', 'm')]), Trusted(), FACTS, run())\n"
        "sys.stdout.buffer.write(as_html(document) + as_pdf(document))"
    )
    made = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, check=True, cwd=tmp_path,
            env={"PYTHONPATH": str(ROOT), "TZ": zone, "PYTHONHASHSEED": seed},
        ).stdout
        for zone, seed in (("UTC", "1"), ("Pacific/Auckland", "2"))
    }  # fmt: skip
    assert len(made) == 1
    assert len(made.pop()) > 10_000


def test_the_only_date_in_the_pdf_is_that_of_the_verification() -> None:
    reader = pypdf.PdfReader(io.BytesIO(as_pdf(compose(by_hand([]), Trusted(), FACTS, run()))))
    assert reader.metadata is not None
    assert reader.metadata.creation_date == AT
    assert reader.metadata.modification_date in (None, AT)


def test_every_page_of_the_pdf_says_of_which_file_it_is_and_which_page() -> None:
    findings = [Finding("tie", "open", seq, "stream", "a sentence") for seq in range(100)]
    pages = pypdf.PdfReader(io.BytesIO(as_pdf(compose(by_hand(findings), Trusted(), FACTS, run())))).pages
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        assert FACTS.sha256[:16] in page.extract_text()
        assert f"{number} / {len(pages)}" in page.extract_text()


# -- what others have written ----------------------------------------------------------------------------------------


def test_hostile_text_is_shown_and_does_nothing() -> None:
    findings = [Finding("tie", "open", 1, HOSTILE, HOSTILE)]
    facts = replace(FACTS, name=HOSTILE)
    report = by_hand(findings, assurance=replace(by_hand([]).assurance, remarks=[HOSTILE]))
    document = compose(replace(report, watched=Watched(origin=HOSTILE)), Trusted(), facts, run(HOSTILE))
    data = as_html(document)
    plain = Balanced(as_html(compose(report, Trusted(), facts, run())))
    assert {tag for tag, _ in Balanced(data).seen} == {tag for tag, _ in plain.seen}
    assert "<script" not in data.decode().lower()
    assert re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", data.decode()) is None
    both_hold(document)


@given(st.text(st.characters(), max_size=400), st.integers(1, 200))
def test_any_text_becomes_one_that_is_bounded_and_moves_nobodys_eye(text: str, most: int) -> None:
    safe = shown(text, most)
    assert len(safe.encode("latin-1", "backslashreplace")) <= most + 40
    assert all(letter.isprintable() or letter == "\xa0" or letter.isspace() for letter in safe)
    assert "\n" not in safe
    safe.encode()  # no lone surrogates


def test_plain_text_is_left_as_it_is() -> None:
    assert (
        shown("Ensayo clínico: María, S-001 (brazo 2) ≤ 5 mg/día")
        == "Ensayo clínico: María, S-001 (brazo 2) ≤ 5 mg/día"
    )


def test_ten_thousand_findings_are_bounded_and_the_rest_is_counted() -> None:
    findings = [Finding("altered", "open", seq, "s" * 5000, f"no. {seq}. " * 900) for seq in range(10_000)]
    document = compose(by_hand(findings), Trusted(), FACTS, run())
    assert "NOT verified: 10,000 findings." in [*document.texts()]
    assert f"{10_000 - MAX_ROWS:,} more findings not listed here; trial-ledger verify --json lists all." in [
        *document.texts()
    ]
    assert len(as_html(document)) < 1 << 20
    assert max(map(len, document.texts())) < 1100


# -- writing it ------------------------------------------------------------------------------------------------------


def written(ledger: Path, folder: Path) -> Written:
    return write_report(folder, ledger, verify_ledger(ledger), Trusted(), file_facts(ledger), run())


def test_both_files_are_written_and_nothing_beside_them(ledger: Path, tmp_path: Path) -> None:
    done = written(ledger, tmp_path / "a" / "b")
    assert done.remark is None
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == [HTML, PDF]
    assert [path.read_bytes()[:5] for path in done.paths] == [b"<!DOC", b"%PDF-"]


@pytest.mark.parametrize("name", [HTML, PDF])
def test_a_report_that_is_there_is_left_as_it_is(ledger: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"signed by hand")
    with pytest.raises(FileExistsError):
        written(ledger, tmp_path)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"signed by hand")]


def test_without_fpdf2_there_is_the_page_and_one_sentence(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(ledger, tmp_path / "with").paths[0].read_bytes()
    monkeypatch.setitem(sys.modules, "fpdf", None)
    done = written(ledger, tmp_path / "without")
    assert [path.name for path in done.paths] == [HTML]
    assert done.remark == NO_PDF
    assert done.paths[0].read_bytes() == whole


# -- the command -----------------------------------------------------------------------------------------------------


def test_verify_writes_a_report_whose_command_gives_the_same_again(demo: Demo, tmp_path: Path) -> None:
    copy = demo.copy(tmp_path / "copy", keys=False)
    folder = tmp_path / "report"
    first = here("verify", copy, "--json", "--report", folder)
    assert first.code == 0
    assert f"report: {folder / HTML}" in first.err
    assert first.json["root"] in html.unescape((folder / HTML).read_text("utf-8"))
    command = html.unescape(re.findall(r"<pre><code>(.*?)</code>", (folder / HTML).read_text("utf-8"))[0])
    program, *arguments = shlex.split(command)
    assert program == "trial-ledger"
    assert here(*arguments, "--json").json == first.json


def test_verify_reports_a_tampered_ledger_and_still_ends_with_1(demo: Demo, tmp_path: Path) -> None:
    copy = demo.copy(tmp_path / "copy", keys=False)
    with behind_its_back(copy) as database:
        database.execute("UPDATE open_entry SET version = version + 40 WHERE seq = 3")
    done = here("verify", copy, "--report", tmp_path / "report")
    assert done.code == 1
    assert "NOT verified: " in (tmp_path / "report" / HTML).read_text("utf-8")


def test_verify_refuses_to_write_over_a_report(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / PDF).write_bytes(b"signed by hand")
    done = process("verify", demo.ledger, "--no-keys", "--report", tmp_path)
    done.refused_in_one_sentence(PDF, "exists already")
    assert [path.name for path in tmp_path.iterdir()] == [PDF]


def test_what_nobody_can_verify_has_no_report(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04 and nothing more")
    done = process("verify", tmp_path / "broken.zip", "--report", tmp_path / "report")
    done.refused_in_one_sentence("broken.zip")
    assert not (tmp_path / "report").exists()
