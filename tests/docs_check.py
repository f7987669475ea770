"""Docs are run: what the documents show is made from the code, or compared with it.

    python -m tests.docs_check            compare, end with 1 where a document is behind
    python -m tests.docs_check --write    bring the generated parts up to date

Generated: the help blocks of the README (between `<!-- help: … -->` and the code block's end), `docs/cli.md`,
`docs/events.md`, `docs/duties.md`, `docs/openapi.json`, the relations in `docs/sql.md`, and the statements of the
schema in `docs/format.md`.
Checked: every relative link of every document leads to a file.
"""

import re
import sys

from ledger.domain.commands import COMMANDS
from ledger.domain.events import CATALOGUE
from ledger.proof.schema import STATEMENTS
from tests.api.server.openapi_document import PATH as OPENAPI
from tests.api.server.openapi_document import document as openapi
from tests.cli_document import CLI, ROOT, helps
from tests.cli_document import document as cli
from tests.duties_document import document as duties
from tests.sql_document import SQL
from tests.sql_document import document as sql

README = ROOT / "README.md"
EVENTS = ROOT / "docs" / "events.md"
FORMAT = ROOT / "docs" / "format.md"
DUTIES = ROOT / "docs" / "duties.md"
_HELP = re.compile(r"<!-- help: (?P<command>[^>]+?) -->\n(?:```\n.*?```\n)?", re.DOTALL)
_SCHEMA = re.compile(r"(?<=<!-- schema -->\n)```sql\n.*?```\n", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")


def readme() -> str:
    """The README with its help blocks as they are now."""
    return _HELP.sub(_help_block, README.read_text("utf-8"))


def _help_block(match: re.Match[str]) -> str:
    command = match["command"]
    return f"<!-- help: {command} -->\n```\n$ {command} --help\n{helps()[command]}\n```\n"


def format_document() -> str:
    """The format with the statements of its schema as they are now, one a line."""
    statements = "".join(f"{statement}\n" for statement in STATEMENTS)
    return _SCHEMA.sub(lambda _: f"```sql\n{statements}```\n", FORMAT.read_text("utf-8"))


def _first_line(text: str | None) -> str:
    return (text or "").strip().split("\n\n")[0].replace("\n", " ").strip()


def events() -> str:
    """The catalogue of events and commands as a document."""
    lines = [
        "# Events and commands",
        "",
        "Made from the catalogue by `python -m tests.docs_check --write`; do not edit.",
        "",
        "Every event also has `occurred_at`, `late` and, where it was imported or simulated, `provenance`. Its",
        "sections are the parts in which its payload is committed to and can be withheld.",
        "",
    ]
    for cls in CATALOGUE:
        lines += [f"## `{cls.type}`", "", f"{cls.title}, in the {cls.book} book. {_first_line(cls.__doc__)}", ""]
        lines += ["| field | section | required |", "|---|---|---|"]
        common = {"occurred_at", "late", "provenance"}
        for section, names in cls.sections.items():
            for name in sorted(set(names) - common):
                required = "yes" if cls.model_fields[name].is_required() else ""
                lines.append(f"| `{name}` | {section} | {required} |")
        lines.append("")
    lines += ["# Commands", "", "JSON schema: `trial-ledger submit --schema`.", ""]
    lines += ["| command | act or fact | who | what |", "|---|---|---|---|"]
    for spec in COMMANDS.values():
        who = ", ".join(sorted(spec.roles)) or "imports only"
        lines.append(f"| `{spec.type}` | {'act' if spec.act else 'fact'} | {who} | {spec.summary} |")
    return "\n".join(lines) + "\n"


def broken_links() -> list[str]:
    """Relative links that lead nowhere."""
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return [
        f"{document.relative_to(ROOT)}: {target} does not exist"
        for document in documents
        for target in _LINK.findall(document.read_text("utf-8"))
        if not (document.parent / target).exists()
    ]


def main() -> int:
    """Compare, or write."""
    wanted = {
        README: readme(),
        CLI: cli(),
        EVENTS: events(),
        FORMAT: format_document(),
        DUTIES: duties(),
        SQL: sql(),
        OPENAPI: openapi(),
    }
    if "--write" in sys.argv:
        for path, text in wanted.items():
            path.write_text(text, "utf-8")
    behind = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    for path in behind:
        print(f"{path.relative_to(ROOT)} is behind the code: run python -m tests.docs_check --write")
    links = broken_links()
    for link in links:
        print(link)
    return 1 if behind or links else 0


if __name__ == "__main__":
    raise SystemExit(main())
