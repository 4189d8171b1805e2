"""Untrusted text made safe to print: no control characters, nothing invisible that moves the text beside it."""

import re
from typing import Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
QUOTED_CHARS: Final = 60

# Each is invisible, or moves its neighbours: amounts could be made to read backwards. \r\n is settled before these.
_DROPPED: Final = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f"  # controls; \x85 is a line end
    "\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # marks of direction, zero widths
    "\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f"  # interlinear marks, no characters, tags
)
_LINE_ENDS: Final = "\r\x85\u2028\u2029"
_SURROGATES: Final = "\ud800-\udfff"
_ODD: Final = re.compile(f"\r\n|[\t{_LINE_ENDS}{_DROPPED}{_SURROGATES}]")
_ODD_ASCII: Final = bytes({*range(32), 127} - {ord("\n")})


def clean(text: str) -> str:
    """`text` without controls, marks of direction, zero widths. Line ends become \\n, tabs blanks, surrogates �."""
    return _ODD.sub(_instead, text)


def clean_line(text: str) -> str:
    """`text` cleaned, and on one line."""
    return " ".join(clean(text).split("\n"))


def quoted(text: str) -> str:
    """A name or text as messages tell it: in quotes, on one line, at most `QUOTED_CHARS` of it."""
    return repr(short(clean_line(text), QUOTED_CHARS))


def short(text: str, most: int) -> str:
    """The text, or its beginning with an ellipsis: at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def clean_all(texts: list[str]) -> list[str]:
    """`clean` for each of `texts`; much faster where there is nothing to do."""
    joined = "\n".join(texts)
    if joined.isascii():
        dirty = len(joined.encode("ascii").translate(None, _ODD_ASCII)) != len(joined)
    else:
        dirty = _ODD.search(joined) is not None
    return [clean(text) for text in texts] if dirty else texts


def _instead(odd: re.Match[str]) -> str:
    character = odd[0]
    if character == "\t":
        return " "
    if character[0] in _LINE_ENDS:
        return "\n"
    return REPLACEMENT if "\ud800" <= character <= "\udfff" else ""
