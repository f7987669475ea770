"""What became of an append whose answer was lost: its first entry is looked for, by its random id and all it has."""

from ledger.proof.entry import complete, complete_sealed, parse_open, parse_sealed
from ledger.recording.drafts import Recorded
from ledger.recording.postgres.standing import Standing
from ledger.recording.postgres.steps import Planned


def recorded_as(at: Standing, planned: Planned) -> Recorded | None:
    """Where just these entries stand, told by the first of them; None where they are not there."""
    drafts, sealed = planned.ticket.wanted.open, planned.sealed
    places = [(row[0], parse_sealed(row[1])) for row in at.at_slot(sealed[0][2].slot)] if sealed else []
    if drafts:
        rows = at.fetch(
            "SELECT e.entry FROM open_book.entry e JOIN open_book.stream s ON s.trial = e.trial "
            "AND s.id = e.stream WHERE e.trial = %s AND s.name = %s AND e.version = %s",
            (at.key, drafts[0].stream, drafts[0].version),
        )
        if not rows:
            return None
        entry = parse_open(rows[0][0])
        if complete(drafts[0].fragments, entry.at, entry.prev, entry.seq) != entry.raw:
            return None
        seq = places[0][0] if places else 0
        return Recorded(entry.seq, len(drafts), seq, len(sealed), entry.at)
    if not places:
        return None
    seq, said = places[0]
    head = said.open_head_hash, said.open_head_seq
    if complete_sealed(sealed[0][2].fragments, said.at, head, said.prev, said.seq) != said.raw:
        return None
    return Recorded(0, 0, seq, len(sealed), said.at)
