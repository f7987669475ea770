"""CDISC controlled terminology, as far as the ledger's words reach: codelists by their short names, with NCI codes.

1. A term stands with its NCI code where we are sure of it, else without one: a wrong code is worse than none.
2. A codelist of define.xml has the terms that occur in its variables; one that is not in the published list is marked
   as an extended value. A codelist of which nothing occurs has all terms that stand here.
3. Codelists without a code here are the trial's own (arms, elements, criteria) or ours (categories of deviations).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from api.sdtm.words import term_of

PACKAGE: Final = ("CDISC/NCI", "SDTM", "2023-12-15")
"""Type, publishing set and version of the package that define.xml refers to."""


@dataclass(frozen=True, slots=True)
class Codelist:
    """A codelist: its name, its NCI code (None: not CDISC's), and term -> NCI code (empty: not known here)."""

    name: str
    code: str | None
    terms: Mapping[str, str]


CODELISTS: Final[dict[str, Codelist]] = {
    "ACN": Codelist(
        "Action Taken with Study Treatment",
        "C66767",
        {
            "DOSE INCREASED": "C49503",
            "DOSE NOT CHANGED": "C49504",
            "DOSE RATE REDUCED": "",
            "DOSE REDUCED": "C49505",
            "DRUG INTERRUPTED": "C49501",
            "DRUG WITHDRAWN": "C49502",
            "NOT APPLICABLE": "C48660",
            "UNKNOWN": "C17998",
        },
    ),
    "AEREL": Codelist(
        "Causality",
        None,
        dict.fromkeys(("NONE", "REMOTE", "POSSIBLE", "PROBABLE", "DEFINITE", "NOT RELATED", "RELATED"), ""),
    ),
    "AESEV": Codelist(
        "Severity/Intensity Scale for Adverse Events",
        "C66769",
        {"MILD": "C41338", "MODERATE": "C41339", "SEVERE": "C41340"},
    ),
    "AGEU": Codelist("Age Unit", "C66781", {"YEARS": "C29848"}),
    "ARMNRS": Codelist(
        "Arm Null Reason",
        "C142179",
        {"ASSIGNED, NOT TREATED": "", "NOT ASSIGNED": "", "SCREEN FAILURE": "C49628", "UNPLANNED TREATMENT": ""},
    ),
    "DSCAT": Codelist(
        "Category for Disposition Event",
        "C74558",
        {"DISPOSITION EVENT": "C74590", "OTHER EVENT": "C150824", "PROTOCOL MILESTONE": "C74588"},
    ),
    "DSDECOD": Codelist(
        "Completion/Reason for Non-Completion",
        "C66727",
        {
            "ADVERSE EVENT": "C41331",
            "COMPLETED": "C25250",
            "DEATH": "C28554",
            "LACK OF EFFICACY": "C48226",
            "LOST TO FOLLOW-UP": "C48227",
            "NON-COMPLIANCE WITH STUDY DRUG": "",
            "OTHER": "C17649",
            "PHYSICIAN DECISION": "C48250",
            "PREGNANCY": "",
            "PROGRESSIVE DISEASE": "",
            "PROTOCOL DEVIATION": "",
            "PROTOCOL VIOLATION": "C142185",
            "RECOVERY": "",
            "SCREEN FAILURE": "C49628",
            "SITE TERMINATED BY SPONSOR": "",
            "STUDY TERMINATED BY SPONSOR": "C49632",
            "TECHNICAL PROBLEMS": "",
            "WITHDRAWAL BY PARENT/GUARDIAN": "",
            "WITHDRAWAL BY SUBJECT": "C49634",
            # Of the codelists PROTMLST (C114118) and OTHEVENT (C150811), which DSDECOD has for its other categories.
            "INFORMED CONSENT OBTAINED": "",
            "RANDOMIZED": "",
            "TREATMENT UNBLINDED": "",
        },
    ),
    "EPOCH": Codelist("Epoch", "C99079", {"FOLLOW-UP": "", "SCREENING": "", "TREATMENT": ""}),
    "ETHNIC": Codelist(
        "Ethnic Group",
        "C66790",
        {
            "HISPANIC OR LATINO": "C17459",
            "NOT HISPANIC OR LATINO": "C41222",
            "NOT REPORTED": "C43234",
            "UNKNOWN": "C17998",
        },
    ),
    "EXDOSFRM": Codelist("Pharmaceutical Dosage Form", "C66726", {"INJECTION": "C42946", "PATCH": "C42968"}),
    "EXDOSFRQ": Codelist("Frequency", "C71113", {"BID": "C64496", "QD": "C25473", "QID": "C64530"}),
    "EXDOSU": Codelist("Unit", "C71620", {"mg": "C28253", "g": "C48155", "mL": "C28254"}),
    "EXROUTE": Codelist(
        "Route of Administration Response",
        "C66729",
        {"INTRAVENOUS": "C38276", "ORAL": "C38288", "TRANSDERMAL": "C38305"},
    ),
    "IECAT": Codelist("Category of Inclusion/Exclusion", "C66797", {"EXCLUSION": "C25370", "INCLUSION": "C25532"}),
    "NY": Codelist("No Yes Response", "C66742", {"N": "C49487", "Y": "C49488"}),
    "OUT": Codelist(
        "Outcome of Event",
        "C66768",
        {
            "FATAL": "C48275",
            "NOT RECOVERED/NOT RESOLVED": "C49494",
            "RECOVERED/RESOLVED": "C49498",
            "RECOVERED/RESOLVED WITH SEQUELAE": "C49495",
            "RECOVERING/RESOLVING": "C49496",
            "UNKNOWN": "C17998",
        },
    ),
    "RACE": Codelist(
        "Race",
        "C74457",
        {
            "AMERICAN INDIAN OR ALASKA NATIVE": "C41259",
            "ASIAN": "C41260",
            "BLACK OR AFRICAN AMERICAN": "C16352",
            "NATIVE HAWAIIAN OR OTHER PACIFIC ISLANDER": "C41219",
            "NOT REPORTED": "C43234",
            "OTHER": "C17649",
            "UNKNOWN": "C17998",
            "WHITE": "C41261",
        },
    ),
    "SEX": Codelist("Sex", "C66731", {"F": "C16576", "M": "C20197", "U": "C17998"}),
    "ARM": Codelist("Planned Arm", None, {}),
    "ARMCD": Codelist("Planned Arm Code", None, {}),
    "ACTARMCD": Codelist("Actual Arm Code", None, {}),
    "ETCD": Codelist("Element Code", None, {}),
    "IETESTCD": Codelist("Inclusion/Exclusion Criterion", None, {}),
    "DVCAT": Codelist("Category of Protocol Deviation", None, {}),
    "DVSCAT": Codelist("Importance of Protocol Deviation", None, {"IMPORTANT": "", "NOT IMPORTANT": ""}),
}
"""By the short name that the table of variables uses."""

_COUNTRIES: Final = {
    "AUSTRALIA": "AUS", "AUSTRIA": "AUT", "BELGIUM": "BEL", "BRAZIL": "BRA", "BULGARIA": "BGR", "CANADA": "CAN",
    "CHINA": "CHN", "CROATIA": "HRV", "CYPRUS": "CYP", "CZECHIA": "CZE", "DENMARK": "DNK", "ESTONIA": "EST",
    "FINLAND": "FIN", "FRANCE": "FRA", "GERMANY": "DEU", "GREECE": "GRC", "HUNGARY": "HUN", "INDIA": "IND",
    "IRELAND": "IRL", "ISRAEL": "ISR", "ITALY": "ITA", "JAPAN": "JPN", "LATVIA": "LVA", "LITHUANIA": "LTU",
    "LUXEMBOURG": "LUX", "MALTA": "MLT", "MEXICO": "MEX", "NETHERLANDS": "NLD", "NORWAY": "NOR", "POLAND": "POL",
    "PORTUGAL": "PRT", "ROMANIA": "ROU", "SLOVAKIA": "SVK", "SLOVENIA": "SVN", "SPAIN": "ESP", "SWEDEN": "SWE",
    "SWITZERLAND": "CHE", "TURKEY": "TUR", "UNITED KINGDOM": "GBR", "UNITED STATES": "USA",
}  # fmt: skip


def country_code(name: str | None) -> str | None:
    """ISO 3166-1 alpha-3 of a country as registries name it; a country that is not listed here stays as it is."""
    return None if name is None else _COUNTRIES.get(name.upper(), name)


def in_words(codelist: str, term: str | None) -> str | None:
    """The term of a codelist that a screening term (BLACK_OR_AFRICAN_AMERICAN) stands for; else its words."""
    if term is None:
        return None
    for word in CODELISTS[codelist].terms:
        if term_of(word) == term:
            return word
    return term.replace("_", " ")
