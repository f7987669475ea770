"""The tables as one SQLite file, with a description of them for Datasette beside it (`--metadata`)."""

import json
from pathlib import Path
from typing import Final

from api.exports.source import Source
from api.exports.tables import build

DATABASE: Final = "trial.db"
METADATA: Final = "metadata.json"


def write(source: Source, folder: Path) -> None:
    """Write the files."""
    tables = build(source, folder / DATABASE)
    described = {
        "title": source.protocol.trial_id,
        "description": source.protocol.registration.brief_title,
        "databases": {Path(DATABASE).stem: {"tables": {table.name: {"description": table.title} for table in tables}}},
    }
    (folder / METADATA).write_text(json.dumps(described, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
