"""A comparison of two histories, in words."""

import base64
from collections.abc import Iterator
from typing import Any, Final

from api.diff.books import SIDES, BookDiff, OnlyIn
from api.diff.comparing import Diff

_BY: Final = {
    "policy": "by the keys of the policy",
    "both": "by the log keys that both carry; a policy would say whom to trust",
    "none": "without a policy, and no log key is in both",
}


def in_words(diff: Diff) -> str:
    """The comparison for people."""
    return "\n".join(_lines(diff))


def _lines(diff: Diff) -> Iterator[str]:
    for name, side in diff.sides.items():
        of = "" if side["role"] is None else f" for the role {side['role']}"
        yield f"{name.upper()}: {side['path']}, a {side['kind']}{of}"
    yield f"Both are of {diff.origin}."
    for book in diff.books:
        yield from _book(book)
    for what in diff.missing:
        missing, _, owner = what.partition(" in ")
        yield f"{missing} book: only {owner.upper()} has one, so that nothing of it is compared"
    yield from _evidence(diff)
    if diff.evidence.split:
        yield "PROOF of a split view: whoever holds the log's keys signed two histories."
    elif any(book.parts is not None for book in diff.books):
        yield "They part: these are two histories."
    elif diff.same:
        yield "Same history, as far as both go."
    else:
        yield "Nothing is certain: at least one of the two was altered. Run verify on both."


def _book(book: BookDiff) -> Iterator[str]:
    sizes = " and ".join(f"{book.sizes[name]:,} in {name.upper()}" for name in SIDES)
    root = base64.b64encode(book.root).decode()
    yield f"{book.name} book: {sizes} entries; the first {book.common:,} are the same (root {root})"
    if book.parts is not None:
        yield f"  they part at entry {book.parts}"
    for name in SIDES:
        yield from _listed(f"only in {name.upper()}", book.only[name])
    for (section_class, mine, yours), count in sorted(book.sections.items()):
        if (mine, yours) == ("sealed", "sealed"):
            yield f"  sections of class {section_class}: sealed in both, under different keys, in {count:,} entries"
        else:
            yield f"  sections of class {section_class}: {mine} in A, {yours} in B: {count:,} entries, no difference"
    for name in SIDES:
        yield from _listed(f"altered in {name.upper()}, and not what the entry commits to", book.altered[name])
    for name, why in book.unsound.items():
        yield f"  {name.upper()} does not hold together: {why}"


def _listed(title: str, found: OnlyIn) -> Iterator[str]:
    if not found.count:
        return
    yield f"  {title}: {found.count:,} {'entry' if found.count == 1 else 'entries'}"
    for one in found.entries:
        yield f"    {_entry(one)}"
    if found.count > len(found.entries):
        yield f"    and {found.count - len(found.entries):,} more"


def _entry(one: dict[str, Any]) -> str:
    words = [str(one["seq"]), one["at"] or "", one["type"] or "(its type is not to be seen)"]
    if one["actor"] is not None:
        words.append(f"by {one['actor']['id']} ({one['actor']['role']}, {one['actor']['org']})")
    if one["stream"] is not None:
        words.append(f"on {one['stream']}")
    if one.get("class"):
        words.append(f"class {one['class']}")
    return "  ".join(word for word in words if word)


def _evidence(diff: Diff) -> Iterator[str]:
    found = diff.evidence
    yield f"Checkpoints: {found.counted:,} verified, {_BY[found.by]}"
    for name in SIDES:
        if found.held[name] is not None:
            yield f"  {name.upper()} has the tree that was signed for {found.held[name]:,} entries"
        for one in found.contradicted[name]:
            yield f"  {name.upper()} has not the tree that was signed for {one.checkpoint.size:,} entries"
    for remark in found.remarks:
        yield f"  {remark}"
    for proof in found.split:
        yield f"Split view: {proof.words()}"
        for one in (proof.first, proof.second):
            yield f"from the evidence of {' and '.join(side.upper() for side in one.sides)}:"
            yield from (f"    {line}" for line in one.note.splitlines())
