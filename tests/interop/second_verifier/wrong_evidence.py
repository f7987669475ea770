"""Checkpoints and signatures that are another, and policies that ask for more."""

import base64
import datetime
from collections.abc import Iterator

from tests.interop.second_verifier import bundles
from tests.interop.second_verifier.bundles import Key, Parts, canonical
from tests.interop.second_verifier.making import (
    LOG_SEED,
    TIME,
    Bases,
    Case,
    appended,
    mid,
    policy_of,
    where,
    witness,
)


class Scene:
    """A good open book, checkpoints of it, and who signs them."""

    def __init__(self, base: Parts) -> None:
        self.base, self.origin, self.leaves = base, base.origin, base.open.leaves()
        self.size = len(self.leaves)
        self.log = Key(self.origin, LOG_SEED)
        self.three = [witness(number) for number in range(3)]
        self.signed = policy_of(f"log {self.log.vkey}", "quorum none")
        self.text, self.small, self.smaller = (self.checkpoint(self.size // part) for part in (1, 2, 3))
        self.wrong = bundles.checkpoint_text(self.origin, [bytes(32), *self.leaves[1:]])
        self.wrong_small = bundles.checkpoint_text(self.origin, [bytes(32), *self.leaves[1 : self.size // 2]])
        self.own = self.log.line(self.text)
        self.cosigned = [one.line(self.text, TIME) for one in self.three]

    def checkpoint(self, size: int) -> str:
        return bundles.checkpoint_text(self.origin, self.leaves[:size])

    def quorum(self, least: int | str) -> str:
        witnesses = [f"witness w{number} {one.vkey}" for number, one in enumerate(self.three)]
        return policy_of(f"log {self.log.vkey}", *witnesses, f"group g {least} w0 w1 w2", "quorum g")

    def note(self, text: str, *lines: str) -> dict[str, bytes]:
        return {bundles.checkpoint_name(text): (text + "\n" + "".join(lines)).encode()}

    def with_(self, *notes: dict[str, bytes], parts: Parts | None = None) -> bytes:
        """The bundle with these files for its evidence and proofs."""
        parts = self.base if parts is None else parts
        content = {
            name: value for name, value in parts.content().items() if not name.startswith(("evidence/", "consistency/"))
        }
        for one in notes:
            content |= one
        return parts.together(content)


def levels(bases: Bases) -> Iterator[Case]:
    """Which level is reached, and which evidence is enough."""
    scene = Scene(bases.masked)
    origin = scene.origin
    log = scene.log
    signed = scene.signed
    three = scene.three
    quorum = scene.quorum
    note = scene.note
    with_ = scene.with_
    text = scene.text
    small = scene.small
    smaller = scene.smaller
    wrong = scene.wrong
    wrong_small = scene.wrong_small
    own = scene.own
    cosigned = scene.cosigned
    yield Case("evidence: none, and no policy", with_())
    yield Case("evidence: none", with_(), signed)
    yield Case("evidence: signed", with_(note(text, own)), signed)
    yield Case("evidence: signed, no policy", with_(note(text, own)))
    yield Case("evidence: a smaller one signed", with_(note(small, log.line(small))), signed)
    yield Case("evidence: size 0", with_(note(z := bundles.checkpoint_text(origin, []), log.line(z))), signed)
    yield Case("evidence: another root", with_(note(wrong, log.line(wrong))), signed)
    yield Case("evidence: another root, no policy", with_(note(wrong, log.line(wrong))))
    yield Case(
        "evidence: another root below one that agrees",
        with_(note(wrong_small, log.line(wrong_small)), note(text, own)),
        signed,
    )
    yield Case(
        "evidence: another root above one that agrees",
        with_(note(wrong, log.line(wrong)), note(small, log.line(small))),
        signed,
    )
    yield Case(
        "evidence: another root above two",
        with_(note(wrong, log.line(wrong)), note(small, log.line(small)), note(smaller, log.line(smaller))),
        signed,
    )
    yield Case(
        "evidence: two with other roots",
        with_(note(wrong, log.line(wrong)), note(wrong_small, log.line(wrong_small)), note(smaller, log.line(smaller))),
        signed,
        first=False,
    )
    for count in range(4):
        lines = [own, *cosigned[:count]]
        for least in (1, 2, 3, "any", "all"):
            yield Case(f"evidence: {count} cosigned, quorum {least}", with_(note(text, *lines)), quorum(least))
        none = policy_of(f"log {log.vkey}", *(f"witness w{n} {one.vkey}" for n, one in enumerate(three)), "quorum none")
        yield Case(f"evidence: {count} cosigned, quorum none", with_(note(text, *lines)), none)
        single = policy_of(f"log {log.vkey}", *(f"witness w{n} {one.vkey}" for n, one in enumerate(three)), "quorum w1")
        yield Case(f"evidence: {count} cosigned, one witness asked", with_(note(text, *lines)), single)
    yield Case("evidence: cosigned, of witnesses unknown", with_(note(text, own, *cosigned)), signed)
    yield Case("evidence: cosigned, but not signed", with_(note(text, *cosigned)), quorum(1))
    yield Case(
        "evidence: cosigned below, signed above",
        with_(note(text, own), note(small, log.line(small), three[0].line(small, TIME))),
        quorum(1),
    )
    yield Case(
        "evidence: two cosigned below, one above",
        with_(
            note(text, own, cosigned[0]), note(small, log.line(small), *(one.line(small, TIME) for one in three[:2]))
        ),
        quorum(1),
    )
    yield Case("evidence: cosigned by one twice", with_(note(text, own, cosigned[0], cosigned[0])), quorum(2))
    yield Case(
        "evidence: cosigned by one at two times",
        with_(note(text, own, cosigned[0], three[0].line(text, TIME + 9))),
        quorum(2),
    )
    yield Case("evidence: signed twice", with_(note(text, own, own)), signed)
    yield Case("evidence: cosigned long ago", with_(note(text, own, three[0].line(text, 1))), quorum(1))
    yield Case(
        "evidence: cosigned long ago, two",
        with_(note(text, own, three[0].line(text, 1)), note(small, log.line(small), three[1].line(small, 1))),
        quorum(1),
    )
    at = base.open.entry(size - 1)["at"]
    last = int(datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp())
    for off in (-301, -300, -299, 0):
        yield Case(
            f"evidence: cosigned {off} s from the last entry",
            with_(note(text, own, three[0].line(text, last + off))),
            quorum(1),
        )
    yield Case(
        "evidence: cosigned at the end of time", with_(note(text, own, three[0].line(text, (1 << 63) - 1))), quorum(1)
    )
    yield Case(
        "evidence: cosigned after the end of time", with_(note(text, own, three[0].line(text, 1 << 63))), quorum(1)
    )


def signatures(bases: Bases) -> Iterator[Case]:
    """Signatures that fail."""
    scene = Scene(bases.masked)
    origin = scene.origin
    log = scene.log
    signed = scene.signed
    three = scene.three
    note = scene.note
    with_ = scene.with_
    text = scene.text
    broken = base64.b64encode(log.id + bytes(64)).decode()
    yield Case("evidence: a signature that fails", with_(note(text, f"— {origin} {broken}\n")), signed)
    yield Case(
        "evidence: a signature that fails beside one that holds",
        with_(note(text, own, f"— {origin} {broken}\n")),
        signed,
    )
    yield Case("evidence: a signature that fails, no policy", with_(note(text, f"— {origin} {broken}\n")))
    short = base64.b64encode(log.id + bytes(63)).decode()
    yield Case("evidence: a signature that is short", with_(note(text, f"— {origin} {short}\n")), signed)
    yield Case("evidence: a signature of another text", with_(note(text, log.line(small))), signed)
    yield Case("evidence: a cosignature that fails", with_(note(text, own, three[0].line(small, TIME))), quorum(1))
    yield Case(
        "evidence: a cosignature that fails beside one that holds",
        with_(note(text, own, cosigned[1], three[0].line(small, TIME))),
        quorum(1),
    )
    yield Case(
        "evidence: a cosignature that fails, of one below",
        with_(note(text, own, cosigned[1]), note(small, log.line(small), three[0].line(text, TIME))),
        quorum(1),
    )
    yield Case(
        "evidence: a cosignature that is short",
        with_(note(text, own, f"— {three[0].name} {base64.b64encode(three[0].id + bytes(8)).decode()}\n")),
        quorum(1),
    )
    yield Case(
        "evidence: another key ID",
        with_(note(text, f"— {origin} {base64.b64encode(bytes(4) + bytes(64)).decode()}\n")),
        signed,
    )
    yield Case("evidence: another key name", with_(note(text, own.replace(origin, "another.example"))), signed)


def notes(bases: Bases) -> Iterator[Case]:
    """What is no checkpoint, or an unusual one."""
    scene = Scene(bases.masked)
    origin = scene.origin
    leaves = scene.leaves
    size = scene.size
    log = scene.log
    signed = scene.signed
    three = scene.three
    quorum = scene.quorum
    note = scene.note
    with_ = scene.with_
    text = scene.text
    small = scene.small
    own = scene.own
    for name, value in {
        "stripped of signatures": text,
        "stripped, with the blank line": text + "\n",
        "no em dash": text + "\n" + own[1:],
        "no line feed": (text + "\n" + own)[:-1],
        "a line feed more": text + "\n" + own + "\n",
        "a carriage return": text.replace("\n", "\r\n") + "\r\n" + own,
        "a tab": text + "\n" + own.replace(" ", "\t"),
        "two spaces": text + "\n" + own.replace(" ", "  ", 1),
        "base64 that is none": text + f"\n— {origin} !!!!\n",
        "no signature bytes": text + f"\n— {origin} AAAA\n",
        "four bytes of a signature": text + f"\n— {origin} AAAAAA==\n",
        "five bytes of a signature": text + f"\n— {origin} AAAAAAA=\n",
        "stray bits": text + f"\n— {origin} AAAAAAB=\n",
        "a plus in a key name": text + "\n— a+b AAAAAAA=\n",
        "a space in a key name": text + "\n— a\u00a0b AAAAAAA=\n",
        "two lines": "\n".join(text.split("\n")[:2]) + "\n\n" + own,
        "a size with a nought": text.replace(f"\n{size}\n", f"\n0{size}\n") + "\n" + own,
        "a size that is negative": text.replace(f"\n{size}\n", f"\n-{size}\n") + "\n" + own,
        "a size with a plus": text.replace(f"\n{size}\n", f"\n+{size}\n") + "\n" + own,
        "a root of 31 bytes": f"{origin}\n{size}\n{base64.b64encode(bytes(31)).decode()}\n\n" + own,
        "an empty origin": f"\n{size}\n{base64.b64encode(bytes(32)).decode()}\n\n" + own,
        "nothing": "",
    }.items():
        yield Case(f"note: {name}", with_({bundles.checkpoint_name(text): value.encode()}), signed)
    yield Case(
        "note: no UTF-8", with_({bundles.checkpoint_name(text): text.encode() + b"\n\xff" + own.encode()}), signed
    )
    extended = bundles.checkpoint_text(origin, leaves, "more")
    yield Case(
        "note: an extension line", with_(note(extended, log.line(extended), three[0].line(extended, TIME))), quorum(1)
    )
    gap = text + "\nmore\n"
    yield Case("note: an empty line within", with_(note(gap, log.line(gap))), signed)
    yield Case(
        "note: the name of another size", with_({bundles.checkpoint_name(small): (text + "\n" + own).encode()}), signed
    )
    yield Case(
        "note: the name of another origin",
        with_({bundles.checkpoint_name(text)[:-19] + "00000000.checkpoint": (text + "\n" + own).encode()}),
        signed,
    )
    huge = bundles.checkpoint_text(origin, leaves).replace(f"\n{size}\n", f"\n{10**16}\n")
    yield Case(
        "note: a size of 17 digits",
        with_({"evidence/checkpoints/9999999999999999-00000000.checkpoint": (huge + "\n" + log.line(huge)).encode()}),
        signed,
    )
    for lines in (16, 17, 100, 1000):
        yield Case(
            f"note: {lines} signatures",
            with_(note(text, own, *(f"— other.example/{n} AAAAAAA=\n" for n in range(lines - 1)))),
            signed,
        )
    yield Case(
        "note: longer than may be",
        with_(note(text, own, *(f"— other.example/{n} {'AAAA' * 100}\n" for n in range(1000)))),
        signed,
    )


def other_origins(bases: Bases) -> Iterator[Case]:
    """Checkpoints of other origins, and of a ledger that went on."""
    scene = Scene(bases.masked)
    base = scene.base
    origin = scene.origin
    leaves = scene.leaves
    size = scene.size
    log = scene.log
    signed = scene.signed
    quorum = scene.quorum
    note = scene.note
    with_ = scene.with_
    text = scene.text
    own = scene.own
    foreign = "other.example/NCT/" + "0" * 32
    other = Key(foreign, bytes([9] * 32))
    text_other = bundles.checkpoint_text(foreign, leaves)
    yield Case(
        "origin: another, signed by its log",
        with_(note(text_other, other.line(text_other)), note(text, own)),
        policy_of(f"log {log.vkey}", f"log {other.vkey}", "quorum none"),
    )
    yield Case("origin: another, no policy", with_(note(text_other, other.line(text_other))))
    yield Case(
        "origin: another, of a log unknown", with_(note(text_other, other.line(text_other)), note(text, own)), signed
    )
    yield Case(
        "origin: another, signed by this log", with_(note(text_other, log.line(text_other)), note(text, own)), signed
    )
    yield Case("origin: another, only", with_(note(text_other, log.line(text_other))), signed)
    again = f"{origin.rsplit('/', 1)[0]}/{'1' * 32}"
    went = appended(
        base.copy(),
        "ledger.continued/1",
        canonical({"former_origin": origin, "occurred_at": "2020-01-01", "origin": again}),
        stream="trial",
        version=max(base.open.entry(s)["version"] for s in range(size) if base.open.entry(s)["stream"] == "trial") + 1,
    )
    went.rechained()
    went.headed()
    key_again = Key(again, bytes([8] * 32))
    for name, where_, key, count in (
        ("the new one", again, key_again, size + 1),
        ("the old one before", origin, log, size),
        ("the old one after", origin, log, size + 1),
        ("the new one before", again, key_again, size),
        ("the new one long before", again, key_again, size - 3),
    ):
        one = bundles.checkpoint_text(where_, went.open.leaves()[:count])
        yield Case(
            f"continued: {name}",
            with_(note(one, key.line(one)), parts=went),
            policy_of(f"log {log.vkey}", f"log {key_again.vkey}", "quorum none"),
        )
        yield Case(f"continued: {name}, no policy", with_(note(one, key.line(one)), parts=went))


def proofs(bases: Bases) -> Iterator[Case]:
    """The end of the book, and proofs of consistency."""
    scene = Scene(bases.masked)
    base = scene.base
    leaves = scene.leaves
    size = scene.size
    signed = scene.signed
    three = scene.three
    quorum = scene.quorum
    note = scene.note
    with_ = scene.with_
    text = scene.text
    smaller = scene.smaller
    own = scene.own
    cosigned = scene.cosigned
    cut = base.copy()
    keep = where(base.open, lambda told: told["command"]["n"] + 1 == told["command"]["of"], size * 3 // 4) + 1
    del cut.open.entries[keep:], cut.open.frames[keep:]
    cut.headed()
    proof = bundles.consistency(leaves, keep)
    name = f"consistency/{size:016d}"
    proved = "".join(base64.b64encode(one).decode() + "\n" for one in proof).encode()
    yield Case("proof: it holds", with_(note(text, own), parts=cut, **{name: proved}), signed)
    yield Case("proof: it holds, no policy", with_(note(text, own), parts=cut, **{name: proved}))
    yield Case(
        "proof: it holds, and is witnessed", with_(note(text, own, *cosigned), parts=cut, **{name: proved}), quorum(2)
    )
    yield Case(
        "proof: cosigned long ago",
        with_(note(text, own, three[0].line(text, 1)), parts=cut, **{name: proved}),
        quorum(1),
    )
    for label, value in {
        "missing": None,
        "empty": b"",
        "cut": proved[:-45],
        "longer": proved + proved[-45:],
        "another": proved[45:] + proved[:45],
    }.items():
        more = {} if value is None else {name: value}
        yield Case(f"proof: {label}", with_(note(text, own), parts=cut, **more), signed)
        yield Case(f"proof: {label}, no policy", with_(note(text, own), parts=cut, **more))
        kept = bundles.checkpoint_text(origin, leaves[: keep // 2])
        yield Case(
            f"proof: {label}, and a smaller one",
            with_(note(text, own), note(kept, log.line(kept)), parts=cut, **more),
            signed,
        )
    yield Case(
        "proof: under another size",
        with_(note(text, own), parts=cut, **{f"consistency/{size + 1:016d}": proved}),
        signed,
    )
    yield Case("proof: for a size that is reached", with_(note(text, own), **{name: proved}), signed)


def forks(bases: Bases) -> Iterator[Case]:
    """Books that are not those of their checkpoints."""
    scene = Scene(bases.masked)
    base = scene.base
    signed = scene.signed
    note = scene.note
    with_ = scene.with_
    text = scene.text
    smaller = scene.smaller
    own = scene.own
    forked = base.copy()
    k = mid(forked.open)
    forked.open.inside(k, "actor", org="another")
    forked.rechained()
    forked.headed()
    for label, one in (("the last", text), ("one before", smaller)):
        yield Case(f"forked: against {label}", with_(note(one, log.line(one)), parts=forked), signed)
    yield Case(
        "forked: against three",
        with_(*(note(one, log.line(one)) for one in (text, small, smaller)), parts=forked),
        signed,
        first=False,
    )
    altered = base.copy()
    altered.open.inside(k, "actor", org="another")
    yield Case("altered: beside evidence", with_(note(text, own), parts=altered), signed)
    gone = base.copy()
    del gone.open.entries[k], gone.open.frames[k]
    yield Case("missing: beside evidence", with_(note(text, own), parts=gone), signed)
    gone = base.copy()
    del gone.open.entries[k : k + 2], gone.open.frames[k : k + 2]
    yield Case("two missing: beside evidence", with_(note(text, own), parts=gone), signed)
