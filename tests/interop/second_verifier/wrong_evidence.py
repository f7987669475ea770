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
    yield Case("evidence: none, and no policy", scene.with_())
    yield Case("evidence: none", scene.with_(), scene.signed)
    yield Case("evidence: signed", scene.with_(scene.logged(scene.text)), scene.signed)
    yield Case("evidence: signed, no policy", scene.with_(scene.logged(scene.text)))
    yield Case("evidence: a smaller one signed", scene.with_(scene.logged(scene.small)), scene.signed)
    yield Case(
        "evidence: size 0",
        scene.with_(scene.note(z := bundles.checkpoint_text(scene.origin, []), scene.log.line(z))),
        scene.signed,
    )
    yield Case("evidence: another root", scene.with_(scene.logged(scene.wrong)), scene.signed)
    yield Case("evidence: another root, no policy", scene.with_(scene.logged(scene.wrong)))
    yield Case(
        "evidence: another root below one that agrees",
        scene.with_(scene.logged(scene.wrong_small), scene.logged(scene.text)),
        scene.signed,
    )
    yield Case(
        "evidence: another root above one that agrees",
        scene.with_(scene.logged(scene.wrong), scene.logged(scene.small)),
        scene.signed,
    )
    yield Case(
        "evidence: another root above two",
        scene.with_(scene.logged(scene.wrong), scene.logged(scene.small), scene.logged(scene.smaller)),
        scene.signed,
    )
    yield Case(
        "evidence: two with other roots",
        scene.with_(scene.logged(scene.wrong), scene.logged(scene.wrong_small), scene.logged(scene.smaller)),
        scene.signed,
        first=False,
    )
    strong = [one.line(scene.wrong, TIME) for one in scene.three[:2]]
    enough = [scene.log.line(scene.small), *(one.line(scene.small, TIME) for one in scene.three[:2])]
    yield Case(
        "evidence: another root, with a quorum, above one that is signed",
        scene.with_(scene.logged(scene.wrong, *strong), scene.logged(scene.small)),
        scene.quorum(2),
    )
    yield Case(
        "evidence: another root, that is signed, above one with a quorum",
        scene.with_(scene.logged(scene.wrong), scene.note(scene.small, *enough)),
        scene.quorum(2),
    )
    yield Case(
        "evidence: another root, with a quorum, above one with a quorum",
        scene.with_(scene.logged(scene.wrong, *strong), scene.note(scene.small, *enough)),
        scene.quorum(2),
    )
    yield Case(
        "evidence: another root, that is signed, below one with a quorum",
        scene.with_(scene.logged(scene.wrong_small), scene.logged(scene.text, *scene.cosigned[:2])),
        scene.quorum(2),
    )
    yield Case(
        "evidence: another root, with a quorum, below one that is signed",
        scene.with_(
            scene.logged(scene.wrong_small, *(one.line(scene.wrong_small, TIME) for one in scene.three[:2])),
            scene.logged(scene.text),
        ),
        scene.quorum(2),
    )
    for count in range(4):
        lines = [scene.own, *scene.cosigned[:count]]
        for least in (1, 2, 3, "any", "all"):
            yield Case(
                f"evidence: {count} cosigned, quorum {least}",
                scene.with_(scene.note(scene.text, *lines)),
                scene.quorum(least),
            )
        none = policy_of(
            f"log {scene.log.vkey}", *(f"witness w{n} {one.vkey}" for n, one in enumerate(scene.three)), "quorum none"
        )
        yield Case(f"evidence: {count} cosigned, quorum none", scene.with_(scene.note(scene.text, *lines)), none)
        single = policy_of(
            f"log {scene.log.vkey}", *(f"witness w{n} {one.vkey}" for n, one in enumerate(scene.three)), "quorum w1"
        )
        yield Case(
            f"evidence: {count} cosigned, one witness asked", scene.with_(scene.note(scene.text, *lines)), single
        )
    yield Case(
        "evidence: cosigned, of witnesses unknown", scene.with_(scene.logged(scene.text, *scene.cosigned)), scene.signed
    )
    yield Case(
        "evidence: cosigned, but not signed", scene.with_(scene.note(scene.text, *scene.cosigned)), scene.quorum(1)
    )
    yield Case(
        "evidence: cosigned below, signed above",
        scene.with_(scene.logged(scene.text), scene.logged(scene.small, scene.three[0].line(scene.small, TIME))),
        scene.quorum(1),
    )
    yield Case(
        "evidence: two cosigned below, one above",
        scene.with_(
            scene.logged(scene.text, scene.cosigned[0]),
            scene.logged(scene.small, *(one.line(scene.small, TIME) for one in scene.three[:2])),
        ),
        scene.quorum(1),
    )
    yield Case(
        "evidence: cosigned by one twice",
        scene.with_(scene.logged(scene.text, scene.cosigned[0], scene.cosigned[0])),
        scene.quorum(2),
    )
    yield Case(
        "evidence: cosigned by one at two times",
        scene.with_(scene.logged(scene.text, scene.cosigned[0], scene.three[0].line(scene.text, TIME + 9))),
        scene.quorum(2),
    )
    yield Case("evidence: signed twice", scene.with_(scene.logged(scene.text, scene.own)), scene.signed)
    yield Case(
        "evidence: cosigned long ago",
        scene.with_(scene.logged(scene.text, scene.three[0].line(scene.text, 1))),
        scene.quorum(1),
    )
    yield Case(
        "evidence: cosigned long ago, two",
        scene.with_(
            scene.logged(scene.text, scene.three[0].line(scene.text, 1)),
            scene.logged(scene.small, scene.three[1].line(scene.small, 1)),
        ),
        scene.quorum(1),
    )
    at = scene.base.open.entry(scene.size - 1)["at"]
    last = int(datetime.datetime.fromisoformat(at.replace("Z", "+00:00")).timestamp())
    for off in (-301, -300, -299, 0):
        yield Case(
            f"evidence: cosigned {off} s from the last entry",
            scene.with_(scene.logged(scene.text, scene.three[0].line(scene.text, last + off))),
            scene.quorum(1),
        )
    yield Case(
        "evidence: cosigned at the end of time",
        scene.with_(scene.logged(scene.text, scene.three[0].line(scene.text, (1 << 63) - 1))),
        scene.quorum(1),
    )
    yield Case(
        "evidence: cosigned after the end of time",
        scene.with_(scene.logged(scene.text, scene.three[0].line(scene.text, 1 << 63))),
        scene.quorum(1),
    )


def signatures(bases: Bases) -> Iterator[Case]:
    """Signatures that fail."""
    scene = Scene(bases.masked)
    broken = base64.b64encode(scene.log.id + bytes(64)).decode()
    yield Case(
        "evidence: a signature that fails",
        scene.with_(scene.note(scene.text, f"— {scene.origin} {broken}\n")),
        scene.signed,
    )
    yield Case(
        "evidence: a signature that fails beside one that holds",
        scene.with_(scene.logged(scene.text, f"— {scene.origin} {broken}\n")),
        scene.signed,
    )
    yield Case(
        "evidence: a signature that fails, no policy",
        scene.with_(scene.note(scene.text, f"— {scene.origin} {broken}\n")),
    )
    short = base64.b64encode(scene.log.id + bytes(63)).decode()
    yield Case(
        "evidence: a signature that is short",
        scene.with_(scene.note(scene.text, f"— {scene.origin} {short}\n")),
        scene.signed,
    )
    yield Case(
        "evidence: a signature of another text",
        scene.with_(scene.note(scene.text, scene.log.line(scene.small))),
        scene.signed,
    )
    yield Case(
        "evidence: a cosignature that fails",
        scene.with_(scene.logged(scene.text, scene.three[0].line(scene.small, TIME))),
        scene.quorum(1),
    )
    yield Case(
        "evidence: a cosignature that fails beside one that holds",
        scene.with_(scene.logged(scene.text, scene.cosigned[1], scene.three[0].line(scene.small, TIME))),
        scene.quorum(1),
    )
    yield Case(
        "evidence: a cosignature that fails, of one below",
        scene.with_(
            scene.logged(scene.text, scene.cosigned[1]),
            scene.logged(scene.small, scene.three[0].line(scene.text, TIME)),
        ),
        scene.quorum(1),
    )
    yield Case(
        "evidence: a cosignature that is short",
        scene.with_(
            scene.logged(
                scene.text, f"— {scene.three[0].name} {base64.b64encode(scene.three[0].id + bytes(8)).decode()}\n"
            )
        ),
        scene.quorum(1),
    )
    yield Case(
        "evidence: another key ID",
        scene.with_(scene.note(scene.text, f"— {scene.origin} {base64.b64encode(bytes(4) + bytes(64)).decode()}\n")),
        scene.signed,
    )
    yield Case(
        "evidence: another key name",
        scene.with_(scene.note(scene.text, scene.own.replace(scene.origin, "another.example"))),
        scene.signed,
    )


def notes(bases: Bases) -> Iterator[Case]:
    """What is no checkpoint, or an unusual one."""
    scene = Scene(bases.masked)
    for name, value in {
        "stripped of signatures": scene.text,
        "stripped, with the blank line": scene.text + "\n",
        "no em dash": scene.text + "\n" + scene.own[1:],
        "no line feed": (scene.text + "\n" + scene.own)[:-1],
        "a line feed more": scene.text + "\n" + scene.own + "\n",
        "a carriage return": scene.text.replace("\n", "\r\n") + "\r\n" + scene.own,
        "a tab": scene.text + "\n" + scene.own.replace(" ", "\t"),
        "two spaces": scene.text + "\n" + scene.own.replace(" ", "  ", 1),
        "base64 that is none": scene.text + f"\n— {scene.origin} !!!!\n",
        "no signature bytes": scene.text + f"\n— {scene.origin} AAAA\n",
        "four bytes of a signature": scene.text + f"\n— {scene.origin} AAAAAA==\n",
        "five bytes of a signature": scene.text + f"\n— {scene.origin} AAAAAAA=\n",
        "stray bits": scene.text + f"\n— {scene.origin} AAAAAAB=\n",
        "a plus in a key name": scene.text + "\n— a+b AAAAAAA=\n",
        "a space in a key name": scene.text + "\n— a\u00a0b AAAAAAA=\n",
        "two lines": "\n".join(scene.text.split("\n")[:2]) + "\n\n" + scene.own,
        "a size with a nought": scene.text.replace(f"\n{scene.size}\n", f"\n0{scene.size}\n") + "\n" + scene.own,
        "a size that is negative": scene.text.replace(f"\n{scene.size}\n", f"\n-{scene.size}\n") + "\n" + scene.own,
        "a size with a plus": scene.text.replace(f"\n{scene.size}\n", f"\n+{scene.size}\n") + "\n" + scene.own,
        "a root of 31 bytes": f"{scene.origin}\n{scene.size}\n{base64.b64encode(bytes(31)).decode()}\n\n" + scene.own,
        "an empty origin": f"\n{scene.size}\n{base64.b64encode(bytes(32)).decode()}\n\n" + scene.own,
        "nothing": "",
    }.items():
        yield Case(f"note: {name}", scene.with_({bundles.checkpoint_name(scene.text): value.encode()}), scene.signed)
    yield Case(
        "note: no UTF-8",
        scene.with_({bundles.checkpoint_name(scene.text): scene.text.encode() + b"\n\xff" + scene.own.encode()}),
        scene.signed,
    )
    extended = bundles.checkpoint_text(scene.origin, scene.leaves, "more")
    yield Case(
        "note: an extension line",
        scene.with_(scene.logged(extended, scene.three[0].line(extended, TIME))),
        scene.quorum(1),
    )
    gap = scene.text + "\nmore\n"
    yield Case("note: an empty line within", scene.with_(scene.logged(gap)), scene.signed)
    yield Case(
        "note: the name of another size",
        scene.with_({bundles.checkpoint_name(scene.small): (scene.text + "\n" + scene.own).encode()}),
        scene.signed,
    )
    yield Case(
        "note: the name of another origin",
        scene.with_(
            {
                bundles.checkpoint_name(scene.text)[:-19] + "00000000.checkpoint": (
                    scene.text + "\n" + scene.own
                ).encode()
            }
        ),
        scene.signed,
    )
    huge = bundles.checkpoint_text(scene.origin, scene.leaves).replace(f"\n{scene.size}\n", f"\n{10**16}\n")
    yield Case(
        "note: a size of 17 digits",
        scene.with_(
            {"evidence/checkpoints/9999999999999999-00000000.checkpoint": (huge + "\n" + scene.log.line(huge)).encode()}
        ),
        scene.signed,
    )
    for lines in (16, 17, 100, 1000):
        yield Case(
            f"note: {lines} signatures",
            scene.with_(scene.logged(scene.text, *(f"— other.example/{n} AAAAAAA=\n" for n in range(lines - 1)))),
            scene.signed,
        )
    yield Case(
        "note: longer than may be",
        scene.with_(scene.logged(scene.text, *(f"— other.example/{n} {'AAAA' * 100}\n" for n in range(1000)))),
        scene.signed,
    )
