"""Numbers as people write them: grouped, with a decimal comma, in parentheses, with a currency or a percent sign."""

import re
from decimal import Decimal
from typing import Final

from babel import Locale
from babel.numbers import get_currency_symbol

from tasks.report.data.source import WrittenForms
from tasks.report.formats.numbers import EXACT

MISSING: Final = frozenset({"-", "--", "—", "–", "na", "n/a", "#n/a", "nan", "null", "none", "nil", ".", "?"})
"""Texts that often stand for an empty cell, in lower case."""
_MINUS: Final = "-\u2212"
_SHARED_SIGNS: Final = "$¥£"
"""A currency whose symbol ends in one of these is also written with that alone."""
_SPACES: Final = " \u00a0\u202f"
_NUMBER: Final = re.compile(
    r"(?P<before>[^0-9.,+\-\u2212()]*)(?P<sign>[+\-\u2212]?)(?P<middle>[^0-9.,+\-\u2212()]*)"
    r"(?P<digits>[0-9.,][0-9.,'\u2019 \u00a0\u202f]*)(?P<exponent>[eE][+-]?[0-9]{1,4})?"
    r"(?P<after>.*?)(?P<trailing>[\-\u2212]?)",
    re.DOTALL,
)


class NotANumber(ValueError):  # noqa: N818 - what it says is shown to people
    """A text that is no number. cure: what would help, as a sentence without a full stop; empty if nothing is known."""

    def __init__(self, cure: str = "") -> None:
        super().__init__(cure)
        self.cure = cure


class NumberReader:
    """Reads the numbers of a column.

    Args:
        forms: How the source writes them.
        percent: Whether the column is one of percentages: then `7.5 %` is 0.075.
        currency: The currency of a column of money: then its signs may stand beside the number.
        locale: The language of the report.
    """

    def __init__(
        self,
        forms: WrittenForms,
        *,
        percent: bool = False,
        currency: str | None = None,
        locale: Locale | None = None,
    ) -> None:
        self._forms = forms
        self._percent = percent
        self._currency = currency
        self._signs = _signs(currency, locale) if currency else frozenset()

    def read(self, text: str) -> Decimal:
        """Raises: NotANumber."""
        text = text.strip()
        negative = text.startswith("(") and text.endswith(")")
        found = _NUMBER.fullmatch(text[1:-1].strip() if negative else text)
        if found is None or found["digits"].strip(_SPACES) in (".", ","):
            raise NotANumber(_cure_of_words(text))
        if found["sign"] and found["trailing"]:
            raise NotANumber
        percent = self._check_signs(found["before"], found["middle"], found["after"])
        negative ^= (found["sign"] in _MINUS and bool(found["sign"])) or bool(found["trailing"])
        value = Decimal(
            self._plain(found["digits"].strip(_SPACES), bool(found["exponent"])) + (found["exponent"] or "")
        )
        value = value.scaleb(-2, EXACT) if percent else value
        return -value if negative else value

    def _check_signs(self, *affixes: str) -> bool:
        """Whether there is a percent sign. Raises: NotANumber for whatever else is neither that nor the currency's."""
        signs = [sign for affix in affixes if (sign := affix.strip())]
        percents = signs.count("%")
        others = [sign for sign in signs if sign != "%"]
        if percents and not self._percent:
            raise NotANumber("Give the column the type percent")
        if percents + len(others) > 1:
            raise NotANumber
        if others and others[0].upper() not in self._signs:
            if self._currency:
                raise NotANumber(f"It is not in {self._currency}, the currency of the column; set 'currency'")
            raise NotANumber("Give the column the type money" if len(others[0]) <= 3 else "")
        return bool(percents)

    def _plain(self, digits: str, has_exponent: bool) -> str:
        """The digits with a point. Raises: NotANumber."""
        decimal, thousands = self._forms.decimal, self._forms.thousands
        whole, mark, fraction = digits.rpartition(decimal)
        if not mark:
            whole, fraction = digits, ""
        groups = re.split(f"[{re.escape(thousands)}]", whole) if thousands else [whole]
        if not all(map(_is_digits, filter(None, (*groups, fraction)))) or not (whole or fraction):
            raise NotANumber(self._cure_of_marks(digits))
        if len(groups) > 1 and (not _grouped(groups) or len({*whole} - {*"0123456789"}) > 1 or has_exponent):
            raise NotANumber(self._cure_of_marks(digits))
        if self._forms.ambiguous and not mark and len(groups) == 2 and "," in whole:
            raise NotANumber(f"It may be {''.join(groups)} or {'.'.join(groups)}: set 'decimal' to '.' or ','")
        return f"{''.join(groups) or '0'}.{fraction}" if fraction else "".join(groups)

    def _cure_of_marks(self, digits: str) -> str:
        other = "," if self._forms.decimal == "." else "."
        if other in digits:
            return (
                f"Its decimal mark was taken to be '{self._forms.decimal}': set 'decimal' to '{other}' if that is wrong"
            )
        return ""


def _is_digits(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _grouped(groups: list[str]) -> bool:
    """Whether digits are parted in threes; the Indian way, in pairs before the last three, is one too."""
    head, *middle, last = groups
    return (
        1 <= len(head) <= 3
        and len(last) == 3
        and (all(len(group) == 3 for group in middle) or (len(head) <= 2 and all(len(group) == 2 for group in middle)))
    )


def _signs(currency: str, locale: Locale | None) -> frozenset[str]:
    symbols = {currency, *(get_currency_symbol(currency, one) for one in ("en", locale) if one)}
    symbols |= {symbol[-1] for symbol in symbols if symbol[-1] in _SHARED_SIGNS}
    return frozenset(symbol.upper() for symbol in symbols)


def _cure_of_words(text: str) -> str:
    return f"Set 'nulls' to {text!r} if that means an empty cell" if text.lower() in MISSING else ""
