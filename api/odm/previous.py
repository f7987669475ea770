"""What an item was before: the value that its source last stated of it.

1. `Value` and `IsNull` state a value, and so does a Remove (none). A record without any of them (a query, a comment, a
   change of visibility) leaves the value as it is.
2. Only what is stated of the very item counts: that its form was removed says nothing of it, and a source that removes
   the items too says so item by item.
3. A value that was left out at the import, or whose record was, is not the value of anything later.
"""

import hashlib

from ledger.domain.events.source import SourceRecord


class Previous:
    """The values of the items of a source, as its records state them one after another."""

    def __init__(self) -> None:
        self._values: dict[bytes, str] = {}

    def old_value(self, record: SourceRecord) -> str | None:
        """What the item was before `record`, where that states a value. Takes the record in."""
        if record.item is None:
            return None
        place = _place(record)
        if record.value is not None:
            old = self._values.get(place)
            self._values[place] = record.value
            return old
        if record.withheld or record.is_null or record.transaction == "Remove":
            return self._values.pop(place, None)
        return None

    def forget(self, record: SourceRecord) -> None:
        """Take in that `record` was left out: what the item is after it is not known."""
        if record.item is not None:
            self._values.pop(_place(record), None)


def _place(record: SourceRecord) -> bytes:
    """Where an item stands, in few bytes: there may be many."""
    steps = (
        record.subject_key, record.study_event, record.study_event_repeat, record.form, record.form_repeat,
        record.item_group, record.item_group_repeat, record.item,
    )  # fmt: skip
    # No OID has a control character in it.
    return hashlib.sha256("\0".join("\1" if step is None else step for step in steps).encode()).digest()[:16]
