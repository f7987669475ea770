"""A word on stderr where an as-of lies in the future: nothing can be known of then, and what is shown is of now.

It is no error: views that count days (`duties`, `follow-up`) answer for that day from what is recorded so far. The
answer itself does not say it, for it follows from its position alone.
"""

from datetime import UTC, date, datetime

from api.cli.output import say


def note_if_ahead(option: str, asked: str | None, now: datetime | None = None) -> None:
    """Say so if `asked`, the value of `option`, is a day or time after `now` (by default, the clock's)."""
    if asked is not None and _ahead(asked, now or datetime.now(UTC)):
        say(f"note: {option} {asked} lies in the future, later than the last entry: shown is all up to the last entry.")


def _ahead(asked: str, now: datetime) -> bool:
    if asked.isascii() and asked.isdigit():
        return False  # a position, though it may look like a day
    try:
        return date.fromisoformat(asked) > now.date()
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(asked)
        return moment.tzinfo is not None and moment > now
    except ValueError:
        return False  # a position or `halt`; or it is refused elsewhere
