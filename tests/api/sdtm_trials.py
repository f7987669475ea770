"""Small SDTM trials made by hand, and what the tests of the import ask of any trial."""

import copy
import csv
import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from api.sdtm import Dataset, Row, read_folder
from api.sdtm.mapped import Item, Mapped, Rejected
from api.sdtm.mapping import commands
from api.sdtm.protocol_of import protocol_from_sdtm
from api.sdtm.report import Tally
from ledger.domain.protocol import Protocol

Trial = dict[str, list[dict[str, str]]]
SOURCE = "SDTM S1"
DOMAINS = ("DM", "DS", "AE", "SV", "EX")


def subject(number: int, arm: str | None, randomized: str | None = "2014-01-10") -> Trial:
    """One subject's rows; `arm` None is a screen failure."""
    who = f"S1-{number:03}"
    dm = {"USUBJID": who, "SITEID": "701", "ARMCD": arm or "Scrnfail", "ARM": arm or "Screen Failure",
          "ACTARMCD": arm or "Scrnfail", "ARMNRS": "" if arm else "SCREEN FAILURE", "AGE": "63", "AGEU": "YEARS",
          "SEX": "F", "RACE": "BLACK OR AFRICAN AMERICAN", "DMDTC": "2014-01-02",
          "RFSTDTC": f"2013-12-{number % 28 + 1:02}" if arm else "",
          "RFICDTC": "", "DTHDTC": "", "DTHFL": ""}  # fmt: skip
    ds = {"USUBJID": who, "DSSEQ": "1", "DSTERM": "RANDOMIZED", "DSDECOD": "RANDOMIZED",
          "DSCAT": "PROTOCOL MILESTONE", "DSSTDTC": randomized or "", "DSDTC": "", "DSSTDY": "1"}  # fmt: skip
    if arm is None:
        ds |= {"DSTERM": "SCREEN FAILURE", "DSDECOD": "SCREEN FAILURE", "DSCAT": "DISPOSITION EVENT"}
    ae = {"USUBJID": who, "AESEQ": "1", "AETERM": "COUGH", "AEDECOD": "COUGH", "AEBODSYS": "RESPIRATORY",
          "AESEV": "MILD", "AESER": "N", "AESHOSP": "N", "AEACN": "DRUG WITHDRAWN", "AEREL": "POSSIBLE",
          "AEOUT": "RECOVERED/RESOLVED", "AEDTC": "2014-02-01", "AESTDTC": "2014-01", "AEENDTC": ""}  # fmt: skip
    sv = {"USUBJID": who, "VISITNUM": "1", "VISIT": "SCREENING 1", "VISITDY": "-7", "SVSTDTC": "2014-01-03",
          "SVENDTC": "2014-01-03"}  # fmt: skip
    ex = {"USUBJID": who, "EXSEQ": "1", "EXTRT": "DRUG", "EXDOSE": "54.5", "EXDOSU": "mg", "EXSTDTC": "2014-01-10",
          "EXENDTC": ""}  # fmt: skip
    return {"DM": [dm], "DS": [ds], "AE": [ae], "SV": [sv], "EX": [ex] if arm else []}


def together(*parts: Trial) -> Trial:
    return {domain: [row for part in parts for row in part[domain]] for domain in DOMAINS}


def small() -> Trial:
    return together(subject(1, "Pbo"), subject(2, "Xan_Hi", "2014-01-08"), subject(3, None))


def folder(path: Path, trial: Mapping[str, list[dict[str, str]]]) -> dict[str, Dataset]:
    """The trial written as CSV files and read back."""
    path.mkdir(exist_ok=True)
    for domain, rows in trial.items():
        columns = ["STUDYID", "DOMAIN", *dict.fromkeys(column for row in rows for column in row)]
        with (path / f"{domain.lower()}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, columns, restval="")
            if rows:
                writer.writeheader()
                writer.writerows({"STUDYID": "S1", "DOMAIN": domain, **row} for row in rows)
        if not rows:
            (path / f"{domain.lower()}.csv").unlink()
    return read_folder(path)


def mapped(datasets: Mapping[str, Dataset]) -> list[Item]:
    protocol, _ = protocol_from_sdtm(datasets)
    return list(commands(datasets, protocol, source=SOURCE))


def of_type(items: list[Item], kind: str) -> list[dict[str, Any]]:
    return [item.command for item in items if isinstance(item, Mapped) and item.command["type"] == kind]


def rejections(items: list[Item]) -> list[Rejected]:
    return [item for item in items if isinstance(item, Rejected)]


def unaccounted(datasets: Mapping[str, Dataset], items: list[Item]) -> set[tuple[str, int]]:
    told = {row for item in items if isinstance(item, Mapped) for row in item.rows}
    told |= {(item.domain, item.row) for item in items if isinstance(item, Rejected)}
    return {(name, row.number) for name in DOMAINS if name in datasets for row in datasets[name].rows} - told


def open_half(datasets: Mapping[str, Dataset], protocol: Protocol) -> str:
    """All that the open book could be made of: open commands, open remarks, and the open report."""
    tally, told = Tally(datasets, SOURCE), []
    for item in commands(datasets, protocol, source=SOURCE):
        tally.add(item)
        if isinstance(item, Mapped):
            command = copy.deepcopy(item.command)
            if command["type"] == "claim-randomization":
                del command["data"]["arm"]
            if not item.sealed:
                told.append(command)
        elif not item.sealed:
            told.append({"remark": repr(item)})
    told.append(tally.command("2026-01-01T00:00:00Z"))
    return json.dumps(told)


def tells_of_an_arm(domain: str, column: str) -> bool:
    """Said here once more, so that a column that the import forgets to hide is still shuffled."""
    if column in ("STUDYID", "DOMAIN", "USUBJID"):
        return False
    told = ("ARM", "ACTARM", "RFST", "RFX", "RFEN", "RFCST", "RFCEN", "AEACN", "AETRTEM", "KIT", "ZZ")
    return column.startswith(told) or column in ("AESOD", "EPOCH", "TAETORD", f"{domain}DY", f"{domain}STDY")


def telling(trial: Trial, chance: random.Random) -> Trial:
    """The trial with more that tells of arms: in columns of each domain."""
    found = {domain: [dict(row) for row in rows] for domain, rows in trial.items()}
    for domain in ("DM", "DS", "AE", "SV"):
        for row in found[domain]:
            row |= {"KITNO": f"K{chance.randint(1, 99)}", "ZZNOTE": "x" * chance.choice((1, 9, 4001))}
            row |= {"TAETORD": str(chance.randint(1, 3)), "EPOCH": chance.choice(("TREATMENT", "RUN-IN", "XAN_HI"))}
    for row in found["DM"]:
        row |= {"RFCSTDTC": f"2014-01-{chance.randint(1, 28):02}", "BRTHDTC": f"19{chance.randint(20, 60)}-01-01"}
    for row in found["AE"]:
        row["AESOD"] = chance.choice("YN")
    for row in found["DS"]:
        row["DSSTDY"] = str(chance.randint(1, 180))
    return found


def in_another_world(datasets: Mapping[str, Dataset], chance: random.Random) -> dict[str, Dataset]:
    """The same trial, had the list been another: arms, and all that may follow from them, among the randomized."""
    dm = datasets["DM"]
    assigned = [row for row in dm.rows if row.values.get("ARMCD") != "Scrnfail"]
    givers = chance.sample(assigned, len(assigned))
    swapped = {row.number: giver for row, giver in zip(assigned, givers, strict=True)}
    subjects = {giver.values["USUBJID"]: row.values["USUBJID"] for row, giver in zip(assigned, givers, strict=True)}

    def worn(domain: str, row: Row, giver: Row) -> Row:
        kept = {name: value for name, value in row.values.items() if not tells_of_an_arm(domain, name)}
        return Row(row.number, kept | {name: v for name, v in giver.values.items() if tells_of_an_arm(domain, name)})

    changed = dict(datasets)
    changed["DM"] = replace(dm, rows=[worn("DM", row, swapped.get(row.number, row)) for row in dm.rows])
    for domain in ("DS", "SV", "AE"):
        if domain in datasets:
            rows = datasets[domain].rows
            worn_by = zip(rows, chance.sample(rows, len(rows)), strict=True)
            changed[domain] = replace(datasets[domain], rows=[worn(domain, row, giver) for row, giver in worn_by])
    exposures = [
        Row(row.number, {**row.values, "USUBJID": subjects[row.values["USUBJID"]]}) for row in datasets["EX"].rows
    ]
    changed["EX"] = replace(datasets["EX"], rows=chance.sample(exposures, chance.randint(0, len(exposures))))
    actions = ["DOSE NOT CHANGED", "DRUG WITHDRAWN", "NOT A TERM"]
    changed["AE"] = replace(
        changed["AE"],
        rows=[Row(row.number, {**row.values, "AEACN": chance.choice(actions)}) for row in changed["AE"].rows],
    )
    for name in [name for name in datasets if name.startswith("SUPP")]:
        rows = datasets[name].rows
        changed[name] = replace(datasets[name], rows=chance.sample(rows, chance.randint(0, len(rows))))
    return changed
