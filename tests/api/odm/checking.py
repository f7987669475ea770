"""Exports in ODM, checked against its official schemas.

The schemas have no vendor's attributes and elements; they are open to them by redefinition. So a document is checked
without them: what is left must be valid.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from lxml import etree

from api.access import Session, viewer_of
from api.exports.kinds import KINDS
from api.exports.making import export
from ledger.domain.history import Fact
from ledger.domain.vocabulary import Book
from ledger.keys.file import load_keys
from ledger.proof.sections import ARM, PLAIN
from ledger.recording.reader import LedgerReader
from tests.shared_data import shared_data

KIND_OF = {"odm": "http://www.cdisc.org/ns/odm/v1.3", "odm2": "http://www.cdisc.org/ns/odm/v2.0"}
"""The kinds of exports, and the namespace of each."""
TL = "{https://trial-ledger.org/ns/odm}"
_SCHEMAS = {"odm": "odm/1.3.2/ODM1-3-2.xsd", "odm2": "odm/2.0/ODM.xsd"}
_FOUNDATIONS = {"odm": "odm/1.3.2/ODM1-3-2-foundation.xsd", "odm2": "odm/2.0/ODM-foundation.xsd"}
_XML = "{http://www.w3.org/XML/1998/namespace}"


@cache
def schema(kind: str) -> etree.XMLSchema:
    """The official schema of a kind of export."""
    return etree.XMLSchema(etree.parse(shared_data(_SCHEMAS[kind])))


@cache
def opened(kind: str) -> etree.XMLSchema:
    """The official schema with our attributes let in where it is open to vendors: on audit records and items."""
    space, file = KIND_OF[kind], shared_data(_FOUNDATIONS[kind])
    groups = "".join(
        f'<xs:attributeGroup name="{one}"><xs:attributeGroup ref="odm:{one}"/>'
        f'<xs:anyAttribute namespace="{TL[1:-1]}" processContents="skip"/></xs:attributeGroup>'
        for one in ("AuditRecordAttributeExtension", "ItemDataAttributeExtension")
    )
    text = (
        f'<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:odm="{space}" targetNamespace="{space}">'
        f'<xs:redefine schemaLocation="{file}">{groups}</xs:redefine></xs:schema>'
    )
    return etree.XMLSchema(etree.fromstring(text))


def exported(ledger: Path, kind: str, role: str, output: Path, at: str | None = None) -> Path:
    """The file of an export for somebody in this role."""
    export(Session(ledger, viewer_of(f"{role}-9", role, "FJD")), KINDS[kind], output, at)
    return output / "odm.xml"


def stripped(path: Path, kind: str) -> "etree._ElementTree":
    """The document without what is no part of ODM."""
    tree = etree.parse(path)
    own = f"{{{KIND_OF[kind]}}}"
    for element in list(tree.getroot().iter()):
        if not str(element.tag).startswith(own):
            parent = element.getparent()
            assert parent is not None
            parent.remove(element)
            continue
        for name in list(element.attrib):
            if str(name).startswith("{") and not str(name).startswith(_XML):
                del element.attrib[name]
    return tree


def faults(path: Path, kind: str) -> list[str]:
    """What the official schema finds in a document."""
    checked = schema(kind)
    return [] if checked.validate(stripped(path, kind)) else [str(checked.error_log)]


def audits(path: Path, kind: str) -> Iterator["etree._Element"]:
    """The audit records of a document, in order."""
    return etree.parse(path).getroot().iter(f"{{{KIND_OF[kind]}}}AuditRecord")


def facts_for(ledger: Path, *, unmasked: bool) -> list[Fact]:
    """The facts that an audience has, read past all that exports are made with."""
    keys = load_keys(ledger)
    books = frozenset(Book) if unmasked else frozenset({Book.OPEN})
    reader = LedgerReader(ledger, books=books, classes=frozenset({PLAIN, ARM} if unmasked else {PLAIN}), keys=keys)
    with reader:
        found = list(reader.facts())
    reader.close()
    keys.close()
    return found
