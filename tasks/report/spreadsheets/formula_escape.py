"""Text that a spreadsheet program could take for a formula."""

import re
from typing import Final

# As OWASP's page on CSV injection has them, the full-width ones too; line ends and tabs hide what comes after.
_STARTERS: Final = frozenset("=+-@\t\r\n＝＋－＠")  # noqa: RUF001 - the full-width ones are meant
_NUMBER: Final = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)*%?")


def looks_like_formula(text: str) -> bool:
    """Whether a program that guesses types could run `text`. A number with a sign is none, whatever its column."""
    return text[:1] in _STARTERS and text != "" and not _NUMBER.fullmatch(text)


def escape_formula(text: str) -> str:
    """`text`, behind an apostrophe if it looks like a formula: then it is text to every program."""
    return f"'{text}" if looks_like_formula(text) else text
