"""Shows the value of a spreadsheet's cell as its number format has it."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from functools import cached_property
from typing import Final

from babel import Locale
from babel.numbers import get_decimal_symbol, get_group_symbol

from tasks.report.data.workbooks.date_display import show_date
from tasks.report.data.workbooks.format_codes import FormatSection, SectionKind, Token, sections_of
from tasks.report.formats.numbers import EXACT

_DENOMINATOR: Final = frozenset("0123456789#?")
_PLACES: Final = 30
"""Digits after the mark that a format may ask for; more are cut off."""
_LARGEST_SHOWN: Final = 60
"""Digits before the mark that a format is used for."""
_LARGEST_PLAIN: Final = 15
_SMALLEST_PLAIN: Final = -10


class CellFormat:
    """One number format.

    Args:
        code: As the workbook has it.
        locale: Of the report: its marks and the names of its months are used.
        starts_1904: Whether the workbook counts its days from 1904, not 1900.
    """

    def __init__(self, code: str, locale: Locale, *, starts_1904: bool = False) -> None:
        self._sections = sections_of(code)
        self._locale = locale
        self._starts_1904 = starts_1904

    @cached_property
    def is_date(self) -> bool:
        """Whether it shows numbers as dates or times of a day."""
        first = self._sections[0]
        return first.kind is SectionKind.DATE and all(token.kind != "elapsed" for token in first.tokens)

    @cached_property
    def is_general(self) -> bool:
        """Whether it shows numbers and texts as they are."""
        return len(self._sections) == 1 and [token.kind for token in self._sections[0].tokens] in (["general"], [])

    def show(self, number: str) -> str:
        """A number, which is digits with a point and maybe an exponent, as the sheet shows it."""
        value = Decimal(number)
        if self.is_general or value.adjusted() > _LARGEST_SHOWN:
            return self.general(number)
        section, has_sign = self._section_for(value)
        shown = abs(value) if has_sign else value
        match section.kind:
            case SectionKind.GENERAL:
                general = self.general(str(shown))
                return "".join(general if token.kind == "general" else token.text for token in section.tokens).strip()
            case SectionKind.DATE:
                date = show_date(section, value, self._locale, starts_1904=self._starts_1904)
                return self.general(number) if date is None else date
            case SectionKind.NUMBER:
                text = self._number(section.tokens, abs(value))
            case SectionKind.FRACTION:
                text = _fraction(section.tokens, abs(value))
            case SectionKind.TEXT:
                return self.general(number)
            case SectionKind.LITERAL:
                return "".join(token.text for token in section.tokens if token.kind != "half").strip()
        minus = not has_sign and value < 0 and any(character in "123456789" for character in text)
        return f"{'-' * minus}{text}".strip()

    def text(self, text: str) -> str:
        """A text, as the format's part for texts shows it."""
        section = next((one for one in self._sections if one.kind is SectionKind.TEXT), None)
        if section is None or len(section.tokens) == 1:
            return text
        return "".join(text if token == Token("char", "@") else token.text for token in section.tokens).strip()

    def general(self, number: str) -> str:
        """A number of the format General: its digits, and an exponent only where it has very many of them."""
        if "e" in number.lower():
            value = Decimal(number)
            plain = _SMALLEST_PLAIN < value.adjusted() < _LARGEST_PLAIN
            number = f"{value.normalize(EXACT):f}" if plain else f"{value.normalize(EXACT):E}"
        return number.replace(".", self._decimal)

    @cached_property
    def _decimal(self) -> str:
        return str(get_decimal_symbol(self._locale, numbering_system="latn"))

    @cached_property
    def _group(self) -> str:
        return str(get_group_symbol(self._locale, numbering_system="latn"))

    def _section_for(self, value: Decimal) -> tuple[FormatSection, bool]:
        """The part for a value, and whether it shows the minus of a negative one by itself."""
        sections = self._sections
        if any(section.condition for section in sections[:2]):
            chosen = next((one for one in sections[:3] if one.condition and one.holds(value)), None)
            rest = [one for one in sections[:3] if one.condition is None]
            return chosen or (rest[-1] if rest else sections[0]), False
        if value < 0 and len(sections) > 1:
            return sections[1], True
        if value == 0 and len(sections) > 2:
            return sections[2], False
        return sections[0], False

    def _number(self, tokens: Sequence[Token], value: Decimal) -> str:
        exponent = next((index for index, token in enumerate(tokens) if token.kind == "exponent"), None)
        if exponent is not None:
            return self._scientific(tokens, exponent, value)
        return self._fixed(tokens, value.scaleb(2 * _count(tokens, "%"), EXACT))

    def _fixed(self, tokens: Sequence[Token], value: Decimal) -> str:
        point = next((n for n, token in enumerate(tokens) if token == Token("char", ".")), len(tokens))
        whole = list(tokens[:point])
        fraction = [token for token in tokens[point + 1 :] if token.text != ","]
        digits = [index for index, token in enumerate(whole) if token.kind == "digit"]
        commas = [index for index, token in enumerate(whole) if token == Token("char", ",")]
        trailing = [index for index in commas if not digits or index > digits[-1]]
        grouped = len(commas) > len(trailing)
        value = value.scaleb(-3 * (len(trailing) + _count(tokens[point:], ",")), EXACT)
        places = min(sum(token.kind == "digit" for token in fraction), _PLACES)
        rounded = value.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, EXACT)
        whole_digits, _, fraction_digits = f"{rounded:f}".partition(".")
        text = self._whole(
            [token for n, token in enumerate(whole) if n not in commas], whole_digits.lstrip("0"), grouped
        )
        if point == len(tokens):
            return text
        return f"{text}{self._decimal}{_after_point(fraction, fraction_digits)}"

    def _whole(self, tokens: Sequence[Token], digits: str, grouped: bool) -> str:
        """The digits before the mark put into their places, from the right."""
        first = next((index for index, token in enumerate(tokens) if token.kind == "digit"), None)
        parts: list[str] = []
        count = 0

        def put(digit: str) -> None:
            nonlocal count
            parts.append(self._group if grouped and count and count % 3 == 0 else "")
            parts.append(digit)
            count += 1

        for index in range(len(tokens) - 1, -1, -1):
            token = tokens[index]
            if token.kind != "digit":
                parts.append(token.text)
                continue
            if digits:
                put(digits[-1])
                digits = digits[:-1]
            elif token.text == "0":
                put("0")
            elif token.text == "?":
                parts.append(" ")
            while index == first and digits:
                put(digits[-1])
                digits = digits[:-1]
        if digits:  # the format begins with its mark
            parts.append(digits)
        return "".join(reversed(parts))

    def _scientific(self, tokens: Sequence[Token], at: int, value: Decimal) -> str:
        mantissa, power = tokens[:at], tokens[at + 1 :]
        point = next((n for n, token in enumerate(mantissa) if token == Token("char", ".")), len(mantissa))
        width = max(sum(token.kind == "digit" for token in mantissa[:point]), 1)
        places = min(sum(token.kind == "digit" for token in mantissa[point:]), _PLACES)
        exponent = value.adjusted() // width * width if value else 0
        rounded = value.scaleb(-exponent, EXACT).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, EXACT)
        if rounded.adjusted() >= width:
            exponent += width
            rounded = value.scaleb(-exponent, EXACT).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, EXACT)
        sign = "-" if exponent < 0 else "+" if tokens[at].text[1] == "+" else ""
        digits = self._whole([token for token in power if token.text != ","], str(abs(exponent)).lstrip("0"), False)
        return f"{self._fixed(mantissa, rounded)}E{sign}{digits}"


def _count(tokens: Sequence[Token], character: str) -> int:
    return sum(token == Token("char", character) for token in tokens)


def _after_point(tokens: Sequence[Token], digits: str) -> str:
    """The digits after the mark; zeros in places of # and ? at their end are left out."""
    kept = len(digits.rstrip("0"))
    places = [token.text for token in tokens if token.kind == "digit"]
    last_zero = max((index for index, place in enumerate(places) if place == "0"), default=-1) + 1
    kept = max(kept, last_zero)
    parts, index = [], 0
    for token in tokens:
        if token.kind != "digit":
            parts.append(token.text)
            continue
        if index < min(kept, len(digits)):
            parts.append(digits[index])
        elif token.text == "?":
            parts.append(" ")
        index += 1
    return "".join(parts)


def _fraction(tokens: Sequence[Token], value: Decimal) -> str:
    """A number as a fraction: `# ?/?`, `# ??/16`, `0/0`."""
    slash = next(index for index, token in enumerate(tokens) if token == Token("char", "/"))
    after = [
        token.text for token in tokens[slash + 1 :] if token.kind in ("digit", "char") and token.text in "0123456789#?"
    ]
    before = [index for index, token in enumerate(tokens[:slash]) if token.kind == "digit"]
    gap = next((index for index in range(slash - 1, -1, -1) if tokens[index].text.isspace()), None)
    mixed = gap is not None and any(index < gap for index in before)
    exact = Fraction(value)
    whole = exact.numerator // exact.denominator if mixed else 0
    fixed = "".join(after)
    rest = exact - whole
    if fixed.isdigit() and int(fixed) > 0:
        denominator = int(fixed)
        numerator = int(rest * denominator + Fraction(1, 2))
    else:
        near = rest.limit_denominator(10 ** min(max(len(after), 1), 7) - 1)
        numerator, denominator = near.numerator, near.denominator
    if mixed and numerator == denominator:
        whole, numerator = whole + 1, 0
    if not numerator:
        return str(whole)
    return f"{whole} {numerator}/{denominator}" if whole else f"{numerator}/{denominator}"
