"""Descriptive statistics of measurements (age, weight, PaO2/FiO2, dose) in decimal arithmetic.

Rules of this file
- Sums and squares are exact fractions; a result is rounded half to even to 34 significant digits (those of an
  IEEE 754 decimal128), so it is exact wherever 34 digits can hold it and the same on every machine. Only the
  standard deviation is rounded on the way: its square root is taken at 68 digits.
- The standard deviation divides by n - 1 and is None below two values.
- The median of an even number of values is the mean of the two in the middle.
- Printing follows the habit of clinical reports: minimum and maximum with the decimals of the data as
  collected, mean and median with one more, standard deviation with two more. The decimals of the data are
  the most that any value was written with (70.0 has one).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Final

from projections.statistics.fixed_point import fixed

_DIGITS: Final = 34
# Handed to every operation: the context of the thread is somebody else's.
_RESULT: Final = Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)
_WIDE: Final = Context(prec=2 * _DIGITS, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Description:
    """`places`: the decimals of the data as collected. Without values all but `n` and `places` are None."""

    n: int
    mean: Decimal | None
    sd: Decimal | None
    median: Decimal | None
    minimum: Decimal | None
    maximum: Decimal | None
    places: int

    def printed(self, places: int | None = None) -> dict[str, str | None]:
        """The strings that a view shows, by the rule of this file; `places` overrides the decimals found."""
        base = self.places if places is None else places
        return {
            "n": str(self.n),
            "mean": fixed(self.mean, base + 1),
            "sd": fixed(self.sd, base + 2),
            "median": fixed(self.median, base + 1),
            "min": fixed(self.minimum, base),
            "max": fixed(self.maximum, base),
        }


def describe(values: Iterable[Decimal | int]) -> Description:
    """n, mean, standard deviation, median, minimum and maximum of `values`.

    Raises ValueError for a value that is not finite or has more than 34 digits, in all or
    beyond the point.
    """
    given = [Decimal(value) for value in values]
    places = 0
    for value in given:
        places = max(places, _places(value))
    if not given:
        return Description(0, None, None, None, None, None, 0)
    exact = sorted(Fraction(value) for value in given)
    n = len(exact)
    mean = sum(exact, Fraction(0)) / n
    median = (exact[(n - 1) // 2] + exact[n // 2]) / 2
    return Description(
        n,
        _decimal(mean),
        _deviation(exact, mean),
        _decimal(median),
        _decimal(exact[0]),
        _decimal(exact[-1]),
        places,
    )


def _deviation(exact: list[Fraction], mean: Fraction) -> Decimal | None:
    if len(exact) < 2:
        return None
    variance = sum(((value - mean) ** 2 for value in exact), Fraction(0)) / (len(exact) - 1)
    wide = _WIDE.divide(Decimal(variance.numerator), Decimal(variance.denominator))
    return _RESULT.plus(_WIDE.sqrt(wide))


def _decimal(exact: Fraction) -> Decimal:
    return _RESULT.divide(Decimal(exact.numerator), Decimal(exact.denominator))


def _places(value: Decimal) -> int:
    """The decimals that `value` was written with; the bounds keep an exponent from filling the memory."""
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"value: must be finite, got {value}")
    if value.adjusted() >= _DIGITS or exponent < -_DIGITS or len(value.as_tuple().digits) > _DIGITS:
        raise ValueError(f"value: must have at most {_DIGITS} digits in all and beyond the point, got {value}")
    return max(0, -exponent)
