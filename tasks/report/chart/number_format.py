"""Numbers as charts write them: short on the axis, one digit finer at the marks, in the document's language."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from babel import Locale
from babel.numbers import get_currency_symbol

from tasks.report.chart.ticks import ANY, Ticks, nice_ticks
from tasks.report.formats.numbers import EXACT, number_format

Write = Callable[[float], str]

COMPACT_FROM: Final = 100_000.0
"""From here on an axis says 150K, 15万 or 1,5 Mio."""
SCIENTIFIC_BELOW: Final = 1e-4
"""Below it an axis says 2×10⁻⁷."""
SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True, slots=True)
class _Unit:
    """What numbers are divided by before they are written, and what is written around them: 1e6, "", "M"."""

    divisor: float
    before: str = ""
    after: str = ""


class ChartNumberFormat:
    """Writes the numbers of one chart.

    pattern: CLDR's, for the value axis and the marks; without one, numbers are as short as lets them be told apart.
    Raises: Refusal `invalid_format` if the pattern is none.
    """

    def __init__(self, locale: Locale, pattern: str | None = None, currency: str = "EUR") -> None:
        self._locale = locale
        self._currency = currency
        self._percent = number_format(None, locale, percent=True, decimals=0)
        self._asked = number_format(pattern, locale, currency=currency, field="format") if pattern else None

    def finest(self, values: Iterable[float]) -> Decimal:
        """The finest step between ticks that makes sense: 1 if all values are whole, the pattern's last digit."""
        if self._asked is None:
            return Decimal(1) if all(value == int(value) for value in values) else ANY
        if self._asked.pattern.exp_prec:
            return ANY
        return Decimal(1).scaleb(-self._asked.fraction[1] - self._asked.pattern.scale)

    def for_ticks(self, ticks: Ticks, *, short: bool = False) -> Write:
        """How the ticks are written: all alike, with the digits that their step needs.

        short: of a pattern only what stands around its digits, where the whole would take too much room.
        """
        if self._asked and not (short and self._asked.pattern.scale == 0):
            return self._asked
        return self._writer(ticks, _decimals_of_step)

    def for_marks(self, values: Iterable[float], ticks: Ticks, more: int = 1) -> Write:
        """How values are written beside their marks: in the unit of the axis, at most `more` digits finer."""
        known = list(values)

        def decimals(ticks: Ticks, divisor: float) -> int:
            finer = _decimals_of_step(ticks, divisor) + more
            return min(finer, max((_decimals(value / divisor, finer) for value in known), default=0))

        return self._asked or self._writer(ticks, decimals)

    def brief(self, value: float) -> str:
        """One number by itself, in three digits or so."""
        if self._asked and self._asked.pattern.scale:
            return self._asked(value)

        def decimals(ticks: Ticks, divisor: float) -> int:
            return min(_decimals_of_step(ticks, divisor) + 1, _decimals(value / divisor, 2))

        return self._writer(nice_ticks(min(value, 0), max(value, 0), 5), decimals)(value)

    def share(self, part: float) -> str:
        """A part of a whole (0 to 1) as a percentage; a part too small to write is less than 1 %."""
        return "<" + self._percent(0.01) if 0 < part < 0.005 else self._percent(part)

    def _writer(self, ticks: Ticks, decimals_for: Callable[[Ticks, float], int]) -> Write:
        unit = self._unit(ticks)
        decimals = decimals_for(ticks, unit.divisor)
        write_digits = number_format(None, self._locale, decimals=decimals)
        before, after = self._asked_around()
        before, after = before + unit.before, unit.after + after

        def write(value: float) -> str:
            number = Decimal(str(value / unit.divisor)).quantize(Decimal(1).scaleb(-decimals), context=EXACT)
            sign = "-" if number < 0 else ""
            return f"{sign}{before}{write_digits(abs(number))}{after}" if number else "0"

        return write

    def _asked_around(self) -> tuple[str, str]:
        """What the pattern writes before and after its digits."""
        if not self._asked:
            return "", ""
        symbol = get_currency_symbol(self._currency, self._locale)
        before, after = self._asked.pattern.prefix[0], self._asked.pattern.suffix[0]
        return before.replace("¤", symbol).replace("'", ""), after.replace("¤", symbol).replace("'", "")

    def _unit(self, ticks: Ticks) -> _Unit:
        size = max(abs(ticks.low), abs(ticks.high))
        if size < SCIENTIFIC_BELOW:
            exponent = Decimal(str(size)).adjusted()
            return _Unit(float(f"1e{exponent}"), after="×10" + str(exponent).translate(SUPERSCRIPTS))
        return self._compact(size) if size >= COMPACT_FROM else _Unit(1.0)

    def _compact(self, size: float) -> _Unit:
        """The locale's short unit for a number of that size; none where the language has none for it."""
        patterns = self._locale.compact_decimal_formats["short"]["other"]
        magnitudes = [magnitude for magnitude in patterns if float(magnitude) <= size]
        if not magnitudes:
            return _Unit(1.0)
        magnitude = max(magnitudes, key=float)
        text = patterns[magnitude].pattern.replace("'", "")
        zeros = text.count("0")
        before, after = text.split("0" * zeros)
        if not before + after or not all(_drawable(character) for character in before + after):
            return _Unit(1.0)
        return _Unit(float(magnitude) / 10 ** (zeros - 1), before, after)


def _drawable(character: str) -> bool:
    """Whether the character belongs to a script that needs no shaping."""
    return not "\u0590" <= character <= "\u109f"


def _decimals_of_step(ticks: Ticks, divisor: float) -> int:
    step = ticks.step / Decimal(str(divisor))
    return max(0, -int(step.normalize().as_tuple().exponent))


def _decimals(value: float, most: int) -> int:
    """How many decimals the value has, looked at with at most `most`."""
    number = Decimal(str(value)).quantize(Decimal(1).scaleb(-most), context=EXACT) if abs(value) < 1e15 else Decimal(0)
    return max(0, -int(number.normalize().as_tuple().exponent))
