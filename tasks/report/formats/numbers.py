"""Numbers as CLDR patterns say, compiled once per column.

Babel looks at the pattern and the locale anew for every number (20 µs); what is made here says the same of the same
number at 0.3 µs. Patterns that are rare (significant digits, exponents, odd groups) are left to Babel.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from typing import Final, Literal

from babel import Locale
from babel.numbers import (
    NumberPattern,
    get_currency_precision,
    get_currency_symbol,
    get_decimal_symbol,
    get_group_symbol,
    parse_pattern,
)

from tasks.refusal import Refusal

Number = Decimal | int | float

EXACT: Final = Context(prec=100, rounding=ROUND_HALF_UP)
"""Enough for every number that a cell may hold, and for the sum of a million of them, without rounding.

Where a number is written with fewer digits, halves go away from zero, as spreadsheets and people round."""
MAX_PATTERN_CHARS: Final = 60

_GROUP, _NEGATIVE = "\x01", "\x02"
_NO_GROUPS: Final = 1000
_DIGIT_PLACES: Final = frozenset("0#@")
_QUOTED: Final = re.compile("'([^']*)'")
_NOT_ZERO: Final = re.compile("[1-9]")


class NumberFormat:
    """Writes numbers by one pattern.

    decimal_mark: what stands before the fraction. pattern: Babel's. plain: digits with affixes, not left to Babel; then
    affixes are what stands before and what after a number, each positive and negative, fraction the least and most
    digits after the mark, and grouped whether thousands are parted.
    """

    def __init__(self, pattern: NumberPattern, locale: Locale, currency: str | None, fraction: tuple[int, int]) -> None:
        self.pattern = pattern
        self.decimal_mark: str = get_decimal_symbol(locale)
        self.fraction = fraction
        self.currency = currency
        self._locale = locale
        self._group: str = get_group_symbol(locale)
        affixes = _affixes(pattern, locale, currency)
        self.affixes = affixes or (("", "-"), ("", ""))
        self._scale: int = pattern.scale
        grouped = "" if pattern.grouping[0] == _NO_GROUPS else ","
        self.grouped = bool(grouped)
        self._write: Callable[[Decimal], str] = f"{{:z{grouped}.{fraction[1]}f}}".format  # z: no -0.00
        self._indian = pattern.grouping == (3, 2)
        self.plain = (
            affixes is not None
            and pattern.exp_prec is None
            and "@" not in pattern.pattern
            and pattern.number_pattern != ""
            and pattern.int_prec[0] <= 1
            and pattern.grouping in ((3, 3), (3, 2), (_NO_GROUPS, _NO_GROUPS))
        )

    @property
    def last_digit(self) -> Decimal:
        """The worth of the last digit that is written: 0.01 of an amount in euros."""
        return Decimal(1).scaleb(-self.fraction[1] - self._scale)

    def __call__(self, value: Number) -> str:
        """One number, written."""
        return self.all((value,))[0]

    def all(self, values: Sequence[Number]) -> list[str]:
        """Many numbers, written; ten times as fast as one by one."""
        if not values:
            return []
        decimals = [value if isinstance(value, Decimal) else Decimal(str(value)) for value in values]
        if not self.plain:
            return [self._slow(value) for value in decimals]
        if self._scale:
            scale = self._scale
            decimals = [value.scaleb(scale, EXACT) for value in decimals]
        with localcontext(EXACT):
            written = list(map(self._write, decimals))
        least, most = self.fraction
        if least == 0 < most:
            written = [text.rstrip("0").rstrip(".") for text in written]
        elif least < most:
            cut = least - most
            written = [text[:cut] + text[cut:].rstrip("0") for text in written]
        if self._indian:
            written = [_lakhs(text) for text in written]
        return self._dress(written)

    def _dress(self, written: list[str]) -> list[str]:
        """The locale's marks, signs and affixes, put into all numbers in one go: into one long string."""
        (prefix, negative_prefix), (suffix, negative_suffix) = self.affixes
        if suffix != negative_suffix:
            return [
                f"{negative_prefix}{self._marks(text[1:])}{negative_suffix}"
                if text[0] == "-"
                else f"{prefix}{self._marks(text)}{suffix}"
                for text in written
            ]
        lines = self._marks("\n" + "\n".join(written))
        if prefix or negative_prefix != "-":
            lines = lines.replace("\n-", _NEGATIVE).replace("\n", f"\n{prefix}")
            lines = lines.replace(_NEGATIVE, f"\n{negative_prefix}")
        if suffix:
            lines = lines.replace("\n", f"{suffix}\n") + suffix
        return lines.split("\n")[1:]

    def _marks(self, text: str) -> str:
        if self._group != ",":
            text = text.replace(",", _GROUP)
        if self.decimal_mark != ".":
            text = text.replace(".", self.decimal_mark)
        return text if self._group == "," else text.replace(_GROUP, self._group)

    def _slow(self, value: Decimal) -> str:
        with localcontext(EXACT):
            text: str = self.pattern.apply(value, self._locale, currency=self.currency, currency_digits=False)
            if value.is_signed() and not _NOT_ZERO.search(text):
                text = self.pattern.apply(abs(value), self._locale, currency=self.currency, currency_digits=False)
        return text


def number_format(
    pattern: str | None,
    locale: Locale,
    *,
    percent: bool = False,
    currency: str | None = None,
    decimals: int | None = None,
    field: str | None = None,
) -> NumberFormat:
    """The format that `pattern` asks for, or the locale's own for decimals, `percent`, or money in `currency`.

    decimals: digits after the mark, whatever the pattern says. Without it money has its currency's, unless a pattern is
    given. Raises: Refusal `invalid_format` naming `field`.
    """
    if pattern is not None:
        parsed = _parse(pattern, field)
    elif currency is not None:
        parsed = locale.currency_formats["standard"]
        decimals = get_currency_precision(currency) if decimals is None else decimals
    else:
        parsed = (locale.percent_formats if percent else locale.decimal_formats)[None]
    fraction = parsed.frac_prec if decimals is None else (decimals, decimals)
    if fraction != parsed.frac_prec:
        parsed = NumberPattern(
            parsed.pattern,
            parsed.prefix,
            parsed.suffix,
            parsed.grouping,
            parsed.int_prec,
            fraction,
            parsed.exp_prec,
            parsed.exp_plus,
            parsed.number_pattern,
        )
    return NumberFormat(parsed, locale, currency, fraction)


def _parse(pattern: str, field: str | None) -> NumberPattern:
    if len(pattern) > MAX_PATTERN_CHARS or "\n" in pattern:
        raise Refusal(
            "invalid_format",
            f"A number pattern must be one line of at most {MAX_PATTERN_CHARS} characters.",
            field=field,
        )
    try:
        parsed = parse_pattern(pattern)
        if not _DIGIT_PLACES.intersection(parsed.number_pattern or ""):
            raise ValueError(pattern)  # noqa: TRY301 - as Babel does of others
        with localcontext(EXACT):
            for sample in (Decimal(0), Decimal("-1234567.891")):
                parsed.apply(sample, "en", currency="EUR", currency_digits=False)
    except (ValueError, ArithmeticError, AssertionError, IndexError) as error:
        message = "The number pattern is not valid. Use a Unicode CLDR pattern such as #,##0.00."
        raise Refusal("invalid_format", message, field=field) from error
    return parsed


def _affixes(
    pattern: NumberPattern, locale: Locale, currency: str | None
) -> tuple[tuple[str, str], tuple[str, str]] | None:
    """What stands before and after a number: positive, negative. None where it depends on the number, or on quotes that
    reach over it."""
    affixes = (*pattern.prefix, *pattern.suffix)
    if any("¤¤¤" in affix or affix.count("'") % 2 for affix in affixes):
        return None
    if currency is not None:
        names = (("¤¤", currency), ("¤", get_currency_symbol(currency, locale)))
        before = [_named(affix, names, -1) for affix in pattern.prefix]
        after = [_named(affix, names, 0) for affix in pattern.suffix]
        affixes = (before[0], before[1], after[0], after[1])
    plain = [_QUOTED.sub(lambda quoted: quoted[1] or "'", affix) for affix in affixes]
    return (plain[0], plain[1]), (plain[2], plain[3])


def _named(affix: str, names: Sequence[tuple[str, str]], edge: Literal[-1, 0]) -> str:
    """The currency in its place. Where letters of it would touch the digits, at the affix's `edge`, there is a space
    (CLDR's currencySpacing, which Babel leaves out)."""
    for mark, name in names:
        touches = affix.endswith(mark) if edge else affix.startswith(mark)
        affix = affix.replace(mark, name)
        if touches and unicodedata.category(name[edge])[0] not in "SZ":
            affix = f"{affix}\u00a0" if edge else f"\u00a0{affix}"
    return affix


def _lakhs(text: str) -> str:
    """Groups of three, then of two: 12,34,567.89."""
    whole, mark, fraction = text.partition(".")
    digits = whole.replace(",", "")
    sign = "-" if digits[0] == "-" else ""
    digits = digits[len(sign) :]
    head, tail = digits[:-3], digits[-3:]
    if not head:
        return text
    pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)]
    return f"{sign}{','.join(reversed(pairs))},{tail}{mark}{fraction}"
