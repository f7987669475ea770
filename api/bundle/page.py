"""`index.html` of a bundle: what a person can read of it, without us, without a network, without JavaScript.

It states what the bundle claims, and says so: nothing on the page was verified by the page. Every value is escaped; a
strict policy lets nothing be loaded. Of a bundle without the sealed book nothing here depends on one.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from api.bundle.walked import Walked
from api.html_pages import Style, visible
from api.html_pages import page as html_page
from ledger.proof.bundle import FORMS, INDEX, Manifest
from ledger.proof.evidence import Evidence

MOST_ROWS: Final = 5000
"""How many events are shown, the newest."""
_MOST_CHARACTERS: Final = 2000
_MOST_FILES: Final = 200
_STYLE: Final = Style("""
:root{color-scheme:light dark;--line:#8886;--soft:#8882}
body{font:16px/1.5 system-ui,sans-serif;max-width:78rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.2}h2{font-size:1.2rem;margin-top:2rem}
code,pre,td.code{font:13px/1.45 ui-monospace,monospace;overflow-wrap:anywhere}
pre{background:var(--soft);padding:.8rem;white-space:pre-wrap}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}caption{text-align:left;padding:.4rem 0}
th,td{border:1px solid var(--line);padding:.25rem .5rem;text-align:left;vertical-align:top}
thead th{background:var(--soft)}.num{text-align:right;font-variant-numeric:tabular-nums}
.note{border-left:4px solid;padding:.2rem .8rem;background:var(--soft)}
@media print{body{margin:0;max-width:none;font-size:10pt}.scroll{overflow:visible}thead{display:table-header-group}
tr{break-inside:avoid}}
""")


@dataclass(frozen=True, slots=True)
class Shown:
    """An event as the page shows it. `payload` None: nothing of it is readable in this bundle."""

    book: str
    seq: int
    open_seq: int
    at: str
    actor: str
    type: str
    stream: str
    payload: str | None


@dataclass(frozen=True, slots=True)
class Told:
    """What the page is made of. `files`: name, size and SHA-256 of the other files."""

    manifest: Manifest
    title: str
    trial: str
    books: dict[str, Walked]
    evidence: Evidence
    larger: Sequence[int]
    files: Sequence[tuple[str, int, bytes]]
    sealed_types: dict[str, int]


def page(told: Told, events: Iterable[Shown], left_out: int) -> Iterator[bytes]:
    """The page, in pieces. `events` are in order, the newest last; `left_out` older ones are not among them."""
    body = _body(told, events, left_out)
    # Its head is as it was at first, so that a position goes on giving the bytes that it gave.
    title = f"Evidence bundle: {told.trial}"
    for piece in html_page(title, body, style=_STYLE, doctype="<!doctype html>", referrer=None):
        yield piece.encode()


def _body(told: Told, events: Iterable[Shown], left_out: int) -> Iterator[str]:
    yield from _before(told)
    yield _table_head(sum(walked.head.size for walked in told.books.values()), left_out)
    for event in events:
        yield _row(event)
    yield "</tbody></table></div>\n</main>"


def _before(told: Told) -> Iterator[str]:
    manifest = told.manifest
    yield (
        "<main>\n"
        f"<h1>Evidence bundle of {visible(told.trial)}</h1>\n<p>{visible(told.title)}</p>\n"
        '<p class="note">This page says what the bundle claims. It has verified nothing: see '
        '<a href="#verify">how to verify</a>.</p>\n'
    )
    named = (
        "of nobody" if manifest.sites == () else "of all sites" if manifest.sites is None else ", ".join(manifest.sites)
    )
    yield '<h2>What this is</h2>\n<div class="scroll"><table><tbody>\n'
    facts = [("Origin", manifest.origin), ("Made for the role", manifest.role), ("Names of persons", named)]
    for book, walked in told.books.items():
        head = manifest.books[book].to_value()
        facts += [
            (f"{book.capitalize()} book", f"{head['size']:,} entries, the last recorded {walked.at or 'never'}"),
            (f"{book.capitalize()} book, root of the tree", head["root"]),
            (f"{book.capitalize()} book, leaf hash of the last entry", head["head"]),
        ]
    facts += [(f"Sections of class {name}", FORMS[form]) for name, form in manifest.sections.items()]
    yield "".join(
        f'<tr><th scope="row">{visible(name)}</th><td class="code">{visible(value)}</td></tr>\n'
        for name, value in facts
    )
    yield "</tbody></table></div>\n"
    yield from _evidence(told)
    yield _how(told)
    yield from _types(told)
    yield from _files(told)


def _evidence(told: Told) -> Iterator[str]:
    checkpoints = told.evidence.checkpoints
    yield "<h2>Checkpoints</h2>\n"
    if not checkpoints:
        yield "<p>There are none: nothing outside of this bundle says how long the open book was, or when.</p>\n"
        return
    shown = checkpoints[-_MOST_FILES:]
    yield (
        "<p>Each states how many entries the open book had, and the root of its tree. Signatures and time stamps are "
        "counted here, not verified.</p>\n"
    )
    if len(shown) < len(checkpoints):
        yield f"<p>{len(checkpoints) - len(shown):,} older ones are in the folder, and not shown.</p>\n"
    yield (
        '<div class="scroll"><table><thead><tr><th class="num">Entries</th><th>Root</th><th>Signatures by</th>'
        '<th class="num">Time stamps</th></tr></thead><tbody>\n'
    )
    for one in shown:
        signers = ", ".join(signature.name for signature in one.note.signatures) or "nobody"
        root = base64.b64encode(one.checkpoint.root).decode()
        stamps = len(told.evidence.tokens.get(one.stem, {}))
        beyond = " (beyond this bundle; see consistency/)" if one.checkpoint.size in told.larger else ""
        yield (
            f'<tr><td class="num">{one.checkpoint.size:,}{beyond}</td><td class="code">{visible(root)}</td>'
            f'<td class="code">{visible(signers)}</td><td class="num">{stamps}</td></tr>\n'
        )
    yield "</tbody></table></div>\n"


def _how(told: Told) -> str:
    return (
        '<h2 id="verify">How to verify</h2>\n'
        "<p>With the verifier of trial-ledger, which needs Python and the package <code>cryptography</code> alone, and "
        "with a policy that names the keys <em>you</em> trust (without it, the bundle can only be shown to agree with "
        "itself):</p>\n<pre>python -m ledger.proof BUNDLE.zip --policy POLICY</pre>\n"
        '<p>By hand, or with a verifier of your own: <a href="docs/bundle.md">docs/bundle.md</a> and '
        '<a href="docs/format.md">docs/format.md</a> say how. In short: unzip; <code>sha256sum -c SHA256SUMS</code>; '
        "each line of <code>open/entries</code> is an entry, whose leaf hash is SHA-256 of a zero byte and the line "
        "without its line feed; <code>prev</code> of each is the leaf hash of the one before; the tree over them "
        "(RFC 9162) has the root above, and that of a checkpoint of the same size. The keys in "
        "<code>keys/log.vkeys</code>, where they are, are what the bundle claims: compare them with what you were "
        "given by another way.</p>\n"
        + ("" if "sealed" in told.books else "<p>What depends on who was given which arm is not in this bundle.</p>\n")
    )


def _types(told: Told) -> Iterator[str]:
    counts = [("open", name, count) for name, count in sorted(told.books["open"].types.items())]
    counts += [("sealed", name, count) for name, count in sorted(told.sealed_types.items())]
    yield (
        '<h2>Events by type</h2>\n<div class="scroll"><table><thead><tr><th>Book</th><th>Type</th>'
        '<th class="num">Events</th></tr></thead><tbody>\n'
    )
    for book, name, count in counts:
        yield f'<tr><td>{book}</td><td class="code">{visible(name)}</td><td class="num">{count:,}</td></tr>\n'
    yield "</tbody></table></div>\n"


def _files(told: Told) -> Iterator[str]:
    evidence = [one for one in told.files if one[0].startswith("evidence/")]
    shown = [one for one in told.files if not one[0].startswith("evidence/")]
    yield f"<h2>Files</h2>\n<p>{len(told.files) + 3:,} files, of which {len(evidence):,} are evidence. "
    yield f"SHA256SUMS lists all but manifest.json and itself; this page ({INDEX}) is among them.</p>\n"
    yield (
        '<div class="scroll"><table><thead><tr><th>File</th><th class="num">Bytes</th><th>SHA-256</th></tr></thead>'
        "<tbody>\n"
    )
    for name, size, digest in [*shown, *evidence[-_MOST_FILES:]]:
        yield (
            f'<tr><td class="code">{visible(name)}</td><td class="num">{size:,}</td>'
            f'<td class="code">{digest.hex()}</td></tr>\n'
        )
    yield "</tbody></table></div>\n"


def _table_head(total: int, left_out: int) -> str:
    said = f"All {total:,} events." if not left_out else f"The newest {total - left_out:,} of {total:,} events; the "
    said += f"{left_out:,} older ones are in the books, and not shown." if left_out else ""
    return (
        f'<h2>Events</h2>\n<div class="scroll"><table><caption>{said}</caption><thead><tr><th>Book</th>'
        '<th class="num">Seq</th><th>Recorded</th><th>Actor</th><th>Type</th><th>Stream</th><th>What it says</th></tr>'
        "</thead><tbody>\n"
    )


def _row(event: Shown) -> str:
    payload = event.payload
    if payload is None:
        told = "<em>nothing of it is readable in this bundle</em>"
    elif len(payload) > _MOST_CHARACTERS:
        told = f"{visible(payload[:_MOST_CHARACTERS])}<em>… {len(payload) - _MOST_CHARACTERS:,} characters more</em>"
    else:
        told = visible(payload)
    return (
        f'<tr><td>{event.book}</td><td class="num">{event.seq}</td><td class="code">{visible(event.at)}</td>'
        f'<td class="code">{visible(event.actor)}</td><td class="code">{visible(event.type)}</td>'
        f'<td class="code">{visible(event.stream)}</td><td class="code">{told}</td></tr>\n'
    )


def payload_text(payloads: Sequence[bytes]) -> str | None:
    """The readable sections of an event, one after another; None where there are none."""
    texts = []
    for payload in payloads:
        try:
            texts.append(json.dumps(json.loads(payload), ensure_ascii=False, separators=(", ", ": ")))
        except ValueError:
            texts.append(payload.decode("utf-8", "backslashreplace"))
    return " ".join(texts) if texts else None
