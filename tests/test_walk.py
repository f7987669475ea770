"""`docs/walk.md` is walked as it stands: clone, demo, the pages, and a downloaded bundle verified offline."""

import re
import shutil
from pathlib import Path

import pytest

from tests.shared_data import ROOT
from tests.walk import DOCUMENT, Walk, commands, formed

pytestmark = pytest.mark.skipif(
    shutil.which("git") is None or shutil.which("make") is None or not (ROOT / ".git").exists(),
    reason="a walk begins with git and make, and with a repository",
)


def test_the_walk_goes_as_the_document_says(tmp_path: Path) -> None:
    walk = Walk(tmp_path, fresh=False)
    walk.go(DOCUMENT.read_text("utf-8"))
    assert walk.behind == []
    assert len(walk.times) == 4


def test_a_document_that_is_behind_is_found(tmp_path: Path) -> None:
    """The controls: of an output, of a page, and of a command that fails."""
    told = "## 1. It\n```console\n$ echo two\none\n```\n"
    walk = Walk(tmp_path, fresh=False)
    assert "$ echo two\ntwo\n" in walk.go(told)
    assert walk.behind == ["$ echo two\ntwo\n"]
    with pytest.raises(AssertionError, match="no page is open"):
        Walk(tmp_path, fresh=False).go("## 1. It\n1. Follow **Survival**.\n")
    with pytest.raises(AssertionError, match="false"):
        Walk(tmp_path, fresh=False).go("## 1. It\n```console\n$ false\n```\n")


def test_the_document_says_how_long_each_step_took_and_what_verifies() -> None:
    text = DOCUMENT.read_text("utf-8")
    for step in re.findall(r"^## (\d+\. .*)$", text, re.MULTILINE):
        assert re.search(rf"^\| {re.escape(step)} \| \d+ s \|$", text, re.MULTILINE), step
    assert "Verified (signed)" in text
    assert "NOT verified" in text
    assert [one for one in commands(text) if one.startswith("make")] == ["make demo", "make verifier"]


def test_what_is_compared_is_all_but_numbers_hashes_and_times() -> None:
    assert formed("open book: 412 entries, root " + "A" * 43 + "=") == "open book: N entries, root HASH"
    assert formed("Verified (signed)") == "Verified (signed)"
