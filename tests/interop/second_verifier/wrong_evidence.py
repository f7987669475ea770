"""Checkpoints and signatures that are another, and policies that ask for more."""

import base64
import datetime
from collections.abc import Iterator

from tests.interop.second_verifier import bundles
from tests.interop.second_verifier.making import (
    TIME,
    Bases,
    Case,
    policy_of,
)
from tests.interop.second_verifier.scene import Scene


def levels(bases: Bases) -> Iterator[Case]:
    """Which level is reached, and which evidence is enough."""
    scene = Scene(bases.masked)
    base = scene.base
    origin = scene.origin
    size = scene.size
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
    strong = [one.line(wrong, TIME) for one in three[:2]]
    enough = [log.line(small), *(one.line(small, TIME) for one in three[:2])]
    yield Case(
        "evidence: another root, with a quorum, above one that is signed",
        with_(note(wrong, log.line(wrong), *strong), note(small, log.line(small))),
        quorum(2),
    )
    yield Case(
        "evidence: another root, that is signed, above one with a quorum",
        with_(note(wrong, log.line(wrong)), note(small, *enough)),
        quorum(2),
    )
    yield Case(
        "evidence: another root, with a quorum, above one with a quorum",
        with_(note(wrong, log.line(wrong), *strong), note(small, *enough)),
        quorum(2),
    )
    yield Case(
        "evidence: another root, that is signed, below one with a quorum",
        with_(note(wrong_small, log.line(wrong_small)), note(text, own, *cosigned[:2])),
        quorum(2),
    )
    yield Case(
        "evidence: another root, with a quorum, below one that is signed",
        with_(
            note(wrong_small, log.line(wrong_small), *(one.line(wrong_small, TIME) for one in three[:2])),
            note(text, own),
        ),
        quorum(2),
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
    quorum = scene.quorum
    note = scene.note
    with_ = scene.with_
    text = scene.text
    small = scene.small
    own = scene.own
    cosigned = scene.cosigned
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
