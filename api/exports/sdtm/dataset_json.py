"""Dataset-JSON 1.1: one file a dataset, as JSON and as NDJSON (https://github.com/cdisc-org/DataExchange-DatasetJson).

1. Dates are strings, as partial as they are known. Numbers are JSON numbers, with the digits that were recorded.
2. The time of making is that of the last entry in it: the same ledger gives the same bytes.
3. It is written row by row, so that its size does not matter.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from api.exports.sdtm.scratch import Made
from api.exports.sdtm.variables import Variable

VERSION: Final = "1.1.0"
LINES: Final = "ndjson"
"""The folder of the NDJSON files: one folder has a dataset once (`import sdtm` holds to that)."""
_TYPES: Final = {"text": "string", "date": "string", "integer": "integer", "float": "float"}


def header(made: Made, about: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata of a dataset. `about`: what all datasets of an export state alike."""
    dataset = made.dataset
    return {
        "datasetJSONCreationDateTime": about["made_at"],
        "datasetJSONVersion": VERSION,
        "fileOID": f"{about['origin']}/{about['as_of']}/{dataset.name}",
        "dbLastModifiedDateTime": about["made_at"],
        "originator": about["originator"],
        "sourceSystem": {"name": "trial-ledger", "version": about["version"]},
        "studyOID": about["study_oid"],
        "metaDataVersionOID": about["metadata_oid"],
        "metaDataRef": "define.xml",
        "itemGroupOID": f"IG.{dataset.name}",
        "records": made.rows,
        "name": dataset.name,
        "label": dataset.label,
        "columns": [_column(made, variable) for variable in made.variables],
    }


def _column(made: Made, variable: Variable) -> dict[str, Any]:
    column: dict[str, Any] = {
        "itemOID": f"IT.{made.dataset.name}.{variable.name}",
        "name": variable.name,
        "label": variable.label,
        "dataType": _TYPES[variable.type],
    }
    if variable.type in ("text", "date"):
        column["length"] = made.widest.get(variable.name, 1)
    if variable.name in made.dataset.keys:
        column["keySequence"] = made.dataset.keys.index(variable.name) + 1
    return column


def write_dataset(made: Made, about: Mapping[str, Any], folder: Path) -> None:
    """Write `<name>.json` and `ndjson/<name>.ndjson`, names in small letters; the folder `ndjson` is there."""
    head = header(made, about)
    name = made.dataset.name.lower()
    variables = made.variables
    with (
        (folder / f"{name}.json").open("w", encoding="utf-8", newline="") as file,
        (folder / LINES / f"{name}.ndjson").open("w", encoding="utf-8", newline="") as lines,
    ):
        text = json.dumps(head, ensure_ascii=False, indent=1)
        file.write(text.removesuffix("\n}") + ',\n "rows": [')
        lines.write(json.dumps(head, ensure_ascii=False) + "\n")
        separator = "\n"
        for record in made.records():
            row = "[" + ",".join(_value(record.get(variable.name), variable) for variable in variables) + "]"
            file.write(separator + row)
            lines.write(row + "\n")
            separator = ",\n"
        file.write("\n]\n}\n")


def _value(value: Any, variable: Variable) -> str:
    if value is None:
        return "null"
    if variable.type == "integer":
        return str(int(Decimal(str(value))))
    if variable.type == "float":
        number = Decimal(str(value))
        return format(number.normalize(), "f") if number else "0"
    return json.dumps(str(value), ensure_ascii=False)
