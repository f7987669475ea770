"""How a number becomes the characters that a view shows, and how a confidence level is read.

Rules of this file
- Rounding is half to even, on the decimal number that a person would read: 0.125 at two digits is "0.12".
- A float is first taken to 12 significant digits. Its last bits may differ between machines and versions of
  scipy; without this, a limit of 0.025 held as 0.025000000000000001 on one machine would print as 0.03
  there and 0.02 elsewhere. Fractions, integers and decimals are exact and are rounded once.
- Zero has no sign.
"""

import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final, TypeAlias, overload

Number: TypeAlias = int | float | Decimal | Fraction

_FLOAT_DIGITS: Final = 12


@overload
def fixed(x: None, digits: int) -> None: ...
@overload
def fixed(x: Number, digits: int) -> str: ...
def fixed(x: Number | None, digits: int) -> str | None:
    """`x` in plain notation with exactly `digits` decimals, half to even; None (not estimable) stays None.

    A float carries 12 significant digits; those beyond print as zeros. Raises ValueError for NaN,
    infinities and a negative number of digits.
    """
    if x is None:
        return None
    if digits < 0:
        raise ValueError(f"digits: must not be negative, got {digits}")
    if not math.isfinite(x):
        raise ValueError(f"x: must be finite, got {x}")
    exact = Fraction(format(x, f".{_FLOAT_DIGITS - 1}e")) if isinstance(x, float) else Fraction(x)
    scaled = round(exact * 10**digits)
    sign = "-" if scaled < 0 else ""
    whole, part = divmod(abs(scaled), 10**digits)
    return f"{sign}{whole}.{part:0{digits}d}" if digits else f"{sign}{whole}"


def tail_of(confidence: str) -> Fraction:
    """The probability left in each tail of a two-sided interval: "0.95" gives 1/40.

    Raises ValueError unless `confidence` is a decimal string strictly between 0 and 1.
    """
    try:
        level = Decimal(confidence)
    except InvalidOperation:
        level = Decimal("NaN")
    if not (level.is_finite() and 0 < level < 1):
        raise ValueError(f'confidence: must be a decimal between 0 and 1, such as "0.95", got {confidence!r}')
    return (1 - Fraction(level)) / 2
