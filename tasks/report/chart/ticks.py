"""Where an axis has its ticks: round numbers, never more than asked for, exact however small or large the values."""

from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

MANTISSAS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5))
DIGITS = 120
"""Enough for the sum of the largest and the smallest number that a chart may hold to a dozen significant digits."""
FLAT = Decimal("1e-7")
"""Values that differ by less than this part of themselves are one value to the eye."""
TINY = Decimal("1e-300")
"""Below this floats lose their digits; it is zero to the eye."""
ANY = Decimal(0)
HALF, LITTLE = Decimal("0.5"), Decimal("0.08")


@dataclass(frozen=True, slots=True)
class Ticks:
    """The ticks of an axis: `values` rise by `step`. low, high: where the axis begins and ends."""

    values: tuple[float, ...]
    step: Decimal
    low: float
    high: float


def nice_ticks(low: float, high: float, most: int, finest: Decimal = ANY) -> Ticks:
    """At least two and at most `most` ticks (3 at the least) on an axis that covers low to high.

    The axis ends at a tick, unless that would leave more than half a step empty: then it ends a little beyond the data.
    finest: the step is a multiple of it, so that labels written to that digit differ: 1 for things that are counted.
    """
    most = max(most, 3)
    with localcontext(Context(prec=DIGITS)):
        first, last = _widened(Decimal(str(low)), Decimal(str(high)))
        step = max(_step_above((last - first) / most), finest)
        while (finest and step % finest) or len(_indexes(first, last, step)) > most:
            step = _step_above(step)
        indexes = _indexes(first, last, step)
        start, end = indexes[0] * step, indexes[-1] * step
        if first - start > step * HALF and len(indexes) > 2:
            indexes, start = indexes[1:], first - step * LITTLE
        if end - last > step * HALF and len(indexes) > 2:
            indexes, end = indexes[:-1], last + step * LITTLE
        return Ticks(tuple(float(index * step) for index in indexes), step, float(start), float(end))


def _widened(low: Decimal, high: Decimal) -> tuple[Decimal, Decimal]:
    """low and high, moved apart where they are the same to the eye: then zero belongs to the axis."""
    size = max(abs(low), abs(high))
    if size < TINY:
        return Decimal(0), Decimal(1)
    if high - low > size * FLAT:
        return low, high
    return min(low, Decimal(0)), max(high, Decimal(0))


def _step_above(size: Decimal) -> Decimal:
    """The next round number above size."""
    exponent = size.adjusted()
    for mantissa in (*MANTISSAS, Decimal(10)):
        step = mantissa.scaleb(exponent)
        if step > size:
            return step.normalize()
    raise ArithmeticError(f"{size} has no step above")  # ten times its own power of ten is above any number


def _indexes(first: Decimal, last: Decimal, step: Decimal) -> range:
    """Which multiples of step reach from first to last."""
    below = (first / step).to_integral_value("ROUND_FLOOR")
    above = (last / step).to_integral_value("ROUND_CEILING")
    return range(int(below), int(above) + 1)
