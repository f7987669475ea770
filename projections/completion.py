"""The visit that counts as completing the treatment, as the trial itself shows it.

Rules
- It is the visit with the highest number among those that were done and at which the product has been given to
  anybody. Who gets the product next may move it on: it is the completion visit as of the position.
- It comes from records of the product, and so is for those who may see arms alone.
- Where administrations name no visit, or no such visit has a number, there is none: the protocol's planned visits
  do not say which of them completes the treatment.
"""

from collections.abc import Iterable
from decimal import Decimal


def completion_visit(given_at: Iterable[str | None], done: Iterable[tuple[str | None, str | None]]) -> str | None:
    """The completion visit. `given_at`: visits of administrations; `done`: (visit, number) of each visit done."""
    named = set(given_at)
    numbers: dict[str, Decimal] = {}
    for visit, number in done:
        if visit is not None and visit in named and number is not None:
            numbers[visit] = max(Decimal(number), numbers.get(visit, Decimal(number)))
    return max(numbers, key=lambda visit: (numbers[visit], visit), default=None)
