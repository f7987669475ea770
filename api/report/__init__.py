"""The report of a verification for the trial master file (ICH E6(R3), essential records), as HTML and PDF.

1. Both are made from one document (`content.py`), so that they cannot say different things.
2. The same verification at the same time gives the same bytes.
3. A report is never written over another one; it is there whole or not at all.
4. Where fpdf2 (extra `exports`) is not installed there is no PDF; the HTML says the same.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from api.durable import OWNER_ONLY, write
from api.report.as_html import as_html
from api.report.as_pdf import NoPdfError, as_pdf
from api.report.content import compose
from api.report.facts import FileFacts, Run, file_facts, programs_here
from ledger.proof.assess import Trusted
from ledger.proof.findings import Report

HTML: Final = "verification.html"
PDF: Final = "verification.pdf"
NO_PDF: Final = f"{PDF} is not written: it needs fpdf2, the extra `exports` (pip install 'trial-ledger[exports]')."

__all__ = [
    "HTML",
    "NO_PDF",
    "PDF",
    "FileFacts",
    "Run",
    "Written",
    "check_free",
    "file_facts",
    "programs_here",
    "write_report",
]


@dataclass(frozen=True, slots=True)
class Written:
    """The files of a report, and what has to be said about one that is not there."""

    paths: tuple[Path, ...]
    remark: str | None = None


def check_free(folder: Path) -> None:
    """That no report is here yet: ask before a verification of an hour. Raises FileExistsError, NotADirectoryError."""
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(20, "is not a folder", str(folder))
    for name in (HTML, PDF):
        if (path := folder / name).exists() or path.is_symlink():
            raise FileExistsError(17, "exists already, and is left as it is", str(path))


def write_report(folder: Path, file: Path, report: Report, trusted: Trusted, before: FileFacts, run: Run) -> Written:
    """Write both files. `before`: `file_facts` of the file, from before it was verified.

    Raises FileExistsError where one of them is there already, and OSError where they cannot be written.
    """
    check_free(folder)
    document = compose(report, trusted, before, run, file_facts(file))
    files, remark = {HTML: as_html(document)}, None
    try:
        files[PDF] = as_pdf(document)
    except NoPdfError:
        remark = NO_PDF
    folder.mkdir(parents=True, exist_ok=True)
    # How many entries the sealed book has may tell of an arm: a report of both books is for its owner to hand out.
    mode = OWNER_ONLY if "sealed" in report.books else 0o644
    for name, data in files.items():
        write(folder / name, data, mode=mode)
    return Written(tuple(folder / name for name in files), remark)
