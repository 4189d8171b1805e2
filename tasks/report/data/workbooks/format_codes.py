"""The number formats of spreadsheets, such as `#,##0.00;[Red]-#,##0.00`, taken apart once for each format."""

import locale as system_locale
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from enum import Enum
from functools import lru_cache
from typing import Final, NamedTuple

MAX_CODE_CHARS: Final = 1_000
_TOKEN: Final = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.?)|_(?P<blank>.?)|\*(?P<fill>.?)|\[(?P<bracket>[^\]]*)\]?'
    r"|(?P<general>General)|(?P<half>AM/PM|A/P|上午/下午)|(?P<exponent>[Ee][+-])"
    r"|(?P<date>[Yy]+|[Mm]+|[Dd]+|[Hh]+|[Ss]+|[Ee]+|[Bb]+|[Gg]+)|(?P<digit>[0#?])|(?P<char>.)",
    re.DOTALL | re.IGNORECASE,
)
_ELAPSED: Final = re.compile("h+|m+|s+", re.IGNORECASE)
_CONDITION: Final = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]+(?:E[+-]?[0-9]+)?)", re.IGNORECASE)
_CURRENCY: Final = re.compile(r"\$([^-]*)(?:-([0-9A-Fa-f]+))?.*", re.DOTALL)


class SectionKind(Enum):
    """What a part of a format shows."""

    GENERAL = "general"
    NUMBER = "number"
    FRACTION = "fraction"
    DATE = "date"
    TEXT = "text"
    LITERAL = "literal"


class Token(NamedTuple):
    """A piece of a format. kind: `literal`, `digit`, `char`, `exponent`, `date`, `elapsed`, `half`, `general`."""

    kind: str
    text: str


@dataclass(slots=True)
class FormatSection:
    """One of the parts that semicolons separate. condition: the operator and number of values that it is for.

    language: the locale that it names for the words of dates, such as `de_DE`.
    """

    tokens: list[Token] = field(default_factory=list)
    condition: tuple[str, Decimal] | None = None
    language: str | None = None

    @property
    def kind(self) -> SectionKind:
        kinds = {token.kind for token in self.tokens}
        if "general" in kinds:
            return SectionKind.GENERAL
        if kinds & {"date", "elapsed"}:
            return SectionKind.DATE
        characters = {token.text for token in self.tokens if token.kind == "char"}
        if "digit" in kinds:
            return SectionKind.FRACTION if "/" in characters else SectionKind.NUMBER
        return SectionKind.TEXT if "@" in characters else SectionKind.LITERAL

    def holds(self, value: Decimal) -> bool:
        """Whether the condition is true of a value."""
        if self.condition is None:
            return True
        operator, limit = self.condition
        return {
            "<": value < limit,
            "<=": value <= limit,
            ">": value > limit,
            ">=": value >= limit,
            "=": value == limit,
            "<>": value != limit,
        }[operator]


@lru_cache(maxsize=1_000)
def sections_of(code: str) -> Sequence[FormatSection]:
    """The parts of a format: for positive numbers, negative ones, zero, and text; fewer if fewer are given."""
    sections = [FormatSection()]
    for found in _TOKEN.finditer(code[:MAX_CODE_CHARS]):
        kind, text = found.lastgroup or "char", found[found.lastgroup or 0]
        section = sections[-1]
        if kind == "char" and text == ";":
            sections.append(FormatSection())
        elif kind == "bracket":
            _read_bracket(section, text)
        elif kind in ("quoted", "escaped"):
            section.tokens.append(Token("literal", text))
        elif kind == "blank":
            section.tokens.append(Token("literal", " "))
        elif kind != "fill":
            section.tokens.append(Token(kind, text))
    return tuple(sections)


def _read_bracket(section: FormatSection, text: str) -> None:
    if _ELAPSED.fullmatch(text):
        section.tokens.append(Token("elapsed", text))
    elif found := _CONDITION.fullmatch(text.strip()):
        try:
            section.condition = (found[1], Decimal(found[2]))
        except InvalidOperation:
            section.condition = None
    elif found := _CURRENCY.fullmatch(text):
        if found[1]:
            section.tokens.append(Token("literal", found[1]))
        if found[2]:
            section.language = system_locale.windows_locale.get(int(found[2][-4:], 16))
