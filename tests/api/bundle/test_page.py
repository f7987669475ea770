"""What is in a bundle for people: a page, documents, schemas, sums that other programs check."""

import json
import re
import shutil
import subprocess
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest

from api.bundle import contents
from api.bundle.contents import DOCUMENTS
from ledger.domain.events import CATALOGUE
from ledger.proof.bundle import MANIFEST, SUMS, Manifest
from tests.api.bundle.making import made
from tests.proof.bundle_parts import lines, read
from tests.shared_data import ROOT
from tests.trials import Trial


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_the_page_says_what_it_is_needs_nothing_from_elsewhere_and_claims_no_verification(mine: Path) -> None:
    files = read(made(mine, "investigator"))
    text = files["index.html"].decode()
    page = _Page(text)
    assert not {tag for tag, _ in page.tags} & {"script", "img", "link", "iframe", "object", "form"}
    (policy,) = [at["content"] for tag, at in page.tags if at.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert policy.startswith("default-src 'none'")
    manifest = Manifest.parse(files[MANIFEST])
    for said in (manifest.origin, manifest.books["open"].head.hex(), "has verified nothing", "python -m ledger.proof"):
        assert said in text
    links = [at["href"] for tag, at in page.tags if tag == "a"]
    assert all(link in files or (link or "").startswith("#") for link in links)
    for name in files:
        assert name in (MANIFEST, SUMS, "index.html") or name in text
    assert text.count("<tr><td>open</td>") > len(lines(files))  # each event, and the types


def test_what_somebody_wrote_into_a_record_is_text_on_the_page(tmp_path: Path) -> None:
    trial = Trial(tmp_path)
    evil = '<script>alert("x")</script>&\u202egnp'
    said = {"recommendation": "CONTINUE", "text": evil}
    trial.do("record-dmc-recommendation", said, actor={"id": "sponsor-1", "role": "sponsor", "org": "<b>"})
    text = read(made(trial.path, "sponsor"))["index.html"].decode()
    assert "<script>" not in text
    assert "<b>" not in text
    assert "\u202e" not in text
    assert "&lt;script&gt;" in text


def test_a_long_book_is_shown_by_its_newest_entries(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "MOST_ROWS", 7)
    files = read(made(mine, "statistician"))
    text = files["index.html"].decode()
    total = len(lines(files)) + len(lines(files, "sealed"))
    assert f"The newest 7 of {total} events" in text
    rows = re.findall(r'<tr><td>(open|sealed)</td><td class="num">(\d+)</td><td class="code">2', text)
    assert len(rows) == 7
    last_open, last_sealed = len(lines(files)) - 1, len(lines(files, "sealed")) - 1
    assert ("sealed", str(last_sealed)) in rows or ("open", str(last_open)) in rows


def test_the_documents_and_schemas_are_those_of_the_project(mine: Path) -> None:
    files = read(made(mine, "sponsor"))
    for name in DOCUMENTS:
        assert files[f"docs/{name}"] == (ROOT / "docs" / name).read_bytes()
    schemas = {name: json.loads(data) for name, data in files.items() if name.startswith("schemas/")}
    assert len(schemas) == len(CATALOGUE)
    assert all(schema["type"] == "object" for schema in schemas.values())


def test_sha256sum_agrees(mine: Path, tmp_path: Path) -> None:
    program = shutil.which("sha256sum")
    if program is None:
        pytest.skip("there is no sha256sum here")
    out = tmp_path / "out"
    with zipfile.ZipFile(made(mine, "auditor")) as archive:
        archive.extractall(out)
    done = subprocess.run([program, "--strict", "-c", SUMS], cwd=out, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout
