"""define.xml: Define-XML 2.1 of the datasets beside it, made from the same table of variables.

1. Every dataset and every variable of it is defined once; each codelist that is referred to is there, and no other.
2. Codelists have the terms that occur (`terminology.py`); for masked roles that is what occurs in the open book.
3. What is withheld from a masked role is said in a comment on the variables that lack it.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import XMLGenerator
from xml.sax.xmlreader import AttributesImpl

from api.exports.sdtm.methods import METHODS, WITHHELD, withheld
from api.exports.sdtm.scratch import Made
from api.exports.sdtm.terminology import CODELISTS, PACKAGE
from api.exports.sdtm.variables import Variable

_NAMESPACES: Final = {
    "xmlns": "http://www.cdisc.org/ns/odm/v1.3",
    "xmlns:def": "http://www.cdisc.org/ns/def/v2.1",
    "xmlns:xlink": "http://www.w3.org/1999/xlink",
}
_TYPES: Final = {"text": "text", "integer": "integer", "float": "float", "date": "partialDatetime"}
_STANDARDS: Final = (
    ("STD.SDTMIG", {"Name": "SDTMIG", "Type": "IG", "Version": "3.4", "Status": "Final"}),
    (
        "STD.CT",
        {"Name": PACKAGE[0], "Type": "CT", "PublishingSet": PACKAGE[1], "Version": PACKAGE[2], "Status": "Final"},
    ),
)
DICTIONARY: Final = "AEDICT"
"""The codelist that is an outside dictionary: whichever the adverse events were coded with."""
_SOURCES: Final = {"Collected": "Investigator"}
Attributes = Mapping[str, str]


class _Writer:
    """Elements with attributes and text, indented."""

    def __init__(self, generator: XMLGenerator) -> None:
        self._generator = generator
        self._depth = 0

    def open(self, name: str, attributes: Attributes | None = None) -> None:
        self._generator.ignorableWhitespace("\n" + " " * self._depth)
        self._generator.startElement(name, AttributesImpl(dict(attributes or {})))
        self._depth += 1

    def close(self, name: str, *, after_text: bool = False) -> None:
        self._depth -= 1
        if not after_text:
            self._generator.ignorableWhitespace("\n" + " " * self._depth)
        self._generator.endElement(name)

    def leaf(self, name: str, attributes: Attributes | None = None, text: str = "") -> None:
        self.open(name, attributes)
        self._generator.characters(text)
        self.close(name, after_text=True)

    def described(self, text: str, element: str = "Description") -> None:
        self.open(element)
        self.leaf("TranslatedText", {"xml:lang": "en"}, text)
        self.close(element)


def write_define(
    path: Path, made: Iterable[Made], about: Mapping[str, Any], decodes: Mapping[str, Mapping[str, str]]
) -> None:
    """Write define.xml. `decodes`: codelist -> term -> what it means, for the trial's own codelists."""
    listed = list(made)
    with path.open("w", encoding="utf-8", newline="") as file:
        generator = XMLGenerator(file, "UTF-8", short_empty_elements=True)
        generator.startDocument()
        write = _Writer(generator)
        write.open(
            "ODM",
            {
                **_NAMESPACES,
                "ODMVersion": "1.3.2",
                "FileType": "Snapshot",
                "FileOID": f"{about['origin']}/{about['as_of']}/define",
                "CreationDateTime": about["made_at"],
                "AsOfDateTime": about["made_at"],
                "Originator": about["originator"],
                "SourceSystem": "trial-ledger",
                "SourceSystemVersion": about["version"],
                "def:Context": "Other",
            },
        )
        write.open("Study", {"OID": about["study_oid"]})
        write.open("GlobalVariables")
        write.leaf("StudyName", text=about["study"])
        write.leaf("StudyDescription", text=about["title"])
        write.leaf("ProtocolName", text=about["protocol"])
        write.close("GlobalVariables")
        write.open(
            "MetaDataVersion",
            {
                "OID": about["metadata_oid"],
                "Name": f"{about['study']}, SDTM",
                "Description": about["description"],
                "def:DefineVersion": "2.1.0",
            },
        )
        write.open("def:Standards")
        for oid, attributes in _STANDARDS:
            write.leaf("def:Standard", {"OID": oid, **attributes})
        write.close("def:Standards")
        for one in listed:
            _item_group(write, one)
        for one in listed:
            for variable in one.variables:
                _item(write, one, variable, masked=about["masked"], dictionary=bool(about["dictionary"]))
        for name, terms in _codelists(listed, decodes):
            _codelist(write, name, terms, decodes.get(name, {}))
        if about["dictionary"] and any(one.dataset.name == "AE" for one in listed):
            name, number = about["dictionary"]
            write.open("CodeList", {"OID": f"CL.{DICTIONARY}", "Name": "Adverse Event Dictionary", "DataType": "text"})
            write.leaf("ExternalCodeList", {"Dictionary": name, **({"Version": number} if number else {})})
            write.close("CodeList")
        for method in sorted({variable.method for one in listed for variable in one.variables if variable.method}):
            write.open("MethodDef", {"OID": f"MT.{method}", "Name": method, "Type": "Computation"})
            write.described(METHODS[method])
            write.close("MethodDef")
        if about["masked"] and any(withheld(one.dataset.name, v.name) for one in listed for v in one.variables):
            write.open("def:CommentDef", {"OID": "COM.WITHHELD"})
            write.described(WITHHELD)
            write.close("def:CommentDef")
        for name in ("MetaDataVersion", "Study", "ODM"):
            write.close(name)
        generator.endDocument()
        file.write("\n")


def _item_group(write: _Writer, made: Made) -> None:
    dataset = made.dataset
    name = dataset.name
    write.open(
        "ItemGroupDef",
        {
            "OID": f"IG.{name}",
            "Name": name,
            "Domain": dataset.domain,
            "SASDatasetName": name,
            "Repeating": "No" if name == "DM" else "Yes",
            "IsReferenceData": "Yes" if dataset.reference else "No",
            "Purpose": "Tabulation",
            "def:StandardOID": "STD.SDTMIG",
            "def:Structure": dataset.structure,
            "def:ArchiveLocationID": f"LF.{name}",
        },
    )
    write.described(dataset.label)
    for number, variable in enumerate(made.variables, 1):
        keys = dataset.keys
        write.leaf(
            "ItemRef",
            {
                "ItemOID": f"IT.{name}.{variable.name}",
                "OrderNumber": str(number),
                "Mandatory": "Yes" if variable.core == "Req" else "No",
                **({"KeySequence": str(keys.index(variable.name) + 1)} if variable.name in keys else {}),
                **({"MethodOID": f"MT.{variable.method}"} if variable.method else {}),
            },
        )
    write.leaf("def:Class", {"Name": dataset.kind})
    file = f"{name.lower()}.json"
    write.open("def:leaf", {"ID": f"LF.{name}", "xlink:href": file})
    write.leaf("def:title", text=file)
    write.close("def:leaf")
    write.close("ItemGroupDef")


def _item(write: _Writer, made: Made, variable: Variable, *, masked: bool, dictionary: bool) -> None:
    name = made.dataset.name
    attributes = {
        "OID": f"IT.{name}.{variable.name}",
        "Name": variable.name,
        "SASFieldName": variable.name,
        "DataType": _TYPES[variable.type],
    }
    if variable.type != "date":
        attributes["Length"] = str(made.widest.get(variable.name, 1))
    if variable.type == "float":
        attributes["SignificantDigits"] = "6"
    if masked and withheld(name, variable.name):
        attributes["def:CommentOID"] = "COM.WITHHELD"
    write.open("ItemDef", attributes)
    write.described(variable.label)
    if variable.codelist and (variable.codelist != DICTIONARY or dictionary):
        write.leaf("CodeListRef", {"CodeListOID": f"CL.{variable.codelist}"})
    write.leaf("def:Origin", {"Type": variable.origin, "Source": _SOURCES.get(variable.origin, "Sponsor")})
    write.close("ItemDef")


def _codelists(made: Iterable[Made], decodes: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, list[str]]]:
    """Codelist -> its terms, for those that are referred to."""
    terms: dict[str, set[str]] = {}
    for one in made:
        for variable in one.variables:
            if variable.codelist and variable.codelist != DICTIONARY:
                terms.setdefault(variable.codelist, set()).update(one.values.get(variable.name, ()))
    for name in sorted(terms):
        known = CODELISTS[name].terms
        found = terms[name] | set(decodes.get(name, ()))
        # A codelist cannot be empty; where nothing is known and nothing occurs, it says just that.
        yield name, sorted(found) or sorted(known) or ["NONE"]


def _codelist(write: _Writer, name: str, terms: Iterable[str], decodes: Mapping[str, str]) -> None:
    codelist = CODELISTS[name]
    standard = {"def:StandardOID": "STD.CT"} if codelist.code else {"def:IsNonStandard": "Yes"}
    write.open("CodeList", {"OID": f"CL.{name}", "Name": codelist.name, "DataType": "text", **standard})
    for term in terms:
        extended = codelist.code is not None and term not in codelist.terms
        attributes = {"CodedValue": term, **({"def:ExtendedValue": "Yes"} if extended else {})}
        element = "CodeListItem" if decodes else "EnumeratedItem"
        write.open(element, attributes)
        if decodes:
            write.described(decodes.get(term, term), "Decode")
        code = codelist.terms.get(term)
        if code:
            write.leaf("Alias", {"Name": code, "Context": "nci:ExtCodeID"})
        write.close(element)
    if codelist.code:
        write.leaf("Alias", {"Name": codelist.code, "Context": "nci:ExtCodeID"})
    write.close("CodeList")
