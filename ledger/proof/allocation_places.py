"""Whether each draw stands where it must, and the record of its subject beside it says the same.

1. A draw stands on the stream of its list, `allocation/<list>`.
2. Its command holds one `subject.randomized/1`, of the same subject, stratum, index and `claimed`; and no subject is
   randomized without a draw.
3. The stratum has a part for each stratification factor of the protocol as it then was, or is `ALL` if there are
   none; where one of them is SITE, that part is the site at which the subject was randomized. Parts of other factors
   come from screenings, and are not compared.
4. What a source claims was imported: its provenance says so. Its stratum is the source's, and exempt from rule 3.
"""

from collections.abc import Collection, Iterator, Sequence
from typing import Final

from ledger.proof.allocation_facts import AllocationFinding, Assigned, Draw, Lost, Randomized
from ledger.proof.minimisation import ALL

SITE: Final = "SITE"


def check_places(
    draws: Sequence[Draw],
    randomized: Sequence[Randomized],
    lost: Sequence[Lost] = (),
    unread: Collection[str] = (),
    blamed: Collection[int] = (),
) -> Iterator[AllocationFinding]:
    """What is wrong with the places of the draws.

    `unread`: commands that hold an event which cannot be read; `blamed`: draws whose `claimed` is a finding already.
    """
    beside = {(one.command, one.subject): one for one in reversed(randomized)}
    for draw in draws:
        if draw.stream != f"allocation/{draw.place[0]}":
            text = f"was drawn from the list {draw.place[0]}, on the stream {draw.stream}"
            yield AllocationFinding("place", draw.subject, draw.seq, text)
        if draw.claimed and not draw.imported and draw.seq not in blamed:
            text = "is claimed by a source, though nothing says that it was imported"
            yield AllocationFinding("claimed", draw.subject, draw.seq, text)
        one = beside.get((draw.command, draw.subject))
        if one is None:
            if draw.command not in unread:
                text = "drew an index, and the same command does not randomize the subject"
                yield AllocationFinding("place", draw.subject, draw.seq, text)
            continue
        if told := differing(draw, one, ignored=draw.seq in blamed):
            text = f"the draw has {told[0]}, and the subject was randomized with {told[1]}"
            yield AllocationFinding("place", draw.subject, draw.seq, text)
        elif not draw.claimed and (fault := _stratum(draw, one.site)):
            yield AllocationFinding("place", draw.subject, draw.seq, fault)
    drawn = {(draw.command, draw.subject) for draw in draws}
    without = {one.command for one in lost}
    for one in randomized:
        if (one.command, one.subject) not in drawn and one.command not in without:
            yield AllocationFinding("place", one.subject, one.seq, "was randomized, and the command draws no index")


def differing(draw: Draw, other: Randomized | Assigned, *, ignored: bool = False) -> tuple[str, str] | None:
    """What both say, of what they say differently; `ignored`: but for `claimed`."""
    names = ("stratum", "index") if ignored else ("stratum", "index", "claimed")
    differ = [name for name in names if getattr(draw, name) != getattr(other, name)]
    if not differ:
        return None
    return _words(draw, differ), _words(other, differ)


def _words(told: Draw | Randomized | Assigned, names: Sequence[str]) -> str:
    said = {name: getattr(told, name) for name in names}
    return ", ".join(f"{name} {str(value).lower() if type(value) is bool else value}" for name, value in said.items())


def _stratum(draw: Draw, site: str) -> str | None:
    """Rule 3."""
    parts = draw.stratum.split("/")
    if draw.factors is None:
        return None
    if not draw.factors:
        return None if draw.stratum == ALL else f"has the stratum {draw.stratum}, and the protocol no factors"
    if len(parts) != len(draw.factors):
        return f"has the stratum {draw.stratum}, and the protocol the factors {', '.join(draw.factors)}"
    if SITE in draw.factors and (named := parts[draw.factors.index(SITE)]) != site:
        return f"has the stratum {draw.stratum}, of the site {named}, and was randomized at the site {site}"
    return None
