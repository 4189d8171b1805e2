"""Where lines may break: at spaces and hyphens, between Han and kana characters except where Japanese and Chinese
forbid it (kinsoku), and inside a word only when it is longer than a line: at the joints of URLs, ids and names with
underscores, or else between letters, of which no one stands alone."""

import re
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from tasks.report.fonts.face import Face

_WIDE: Final = (
    "\u2e80-\u2fff\u3000-\u312f\u31a0-\u9fff\uf900-\ufaff\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003ffff"
)
_NO_START: Final = (
    "、。，．・：；？！゛゜ヽヾゝゞ々ー）］｝〕〉》」』】〙〗〟’”»"  # noqa: RUF001 - the very characters
    "ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮヵヶ,.!?:;)\\]}%‰℃°′″"  # noqa: RUF001
)
_NO_END: Final = "（［｛〔〈《「『【〘〖〝‘“«(\\[{¥￥$＄£€№"  # noqa: RUF001 - the very characters
_FIGURES: Final = "\uff10-\uff19"
# After spaces; at a wide character, unless it may not begin or end a line or is a figure among figures; after a hyphen
# between letters.
_BREAK: Final = re.compile(
    f"(?<= )(?! )|(?<![ {_NO_END}])(?![ {_NO_START}])(?!(?<=[{_FIGURES}])[{_FIGURES}])"
    f"(?:(?<=[{_WIDE}])|(?=[{_WIDE}])|(?<=[A-Za-z]-)(?=[A-Za-z]))"
)
_ROUNDING_EM: Final = 1e-9
_JOINTS: Final = ((frozenset("/\\-_?&=@+|#%~"), 0.0), (frozenset(".:;,"), 0.3))
"""Characters after which a word that is longer than a line is broken rather than elsewhere, the better ones first; and
how much of the line they must fill."""
_AMONG_DIGITS: Final = re.compile("(?<=[0-9])[.,:][0-9]")
_FEWEST_LETTERS: Final = 2
"""That are broken off at an end of a word, if there is room for so many."""


def pieces(text: str) -> Iterator[str]:
    """`text` (one line of it, clean) cut wherever a line may end; spaces stay at the end of the piece before them."""
    return filter(None, _BREAK.split(text))


def break_lines(text: str, face: Face, size: float, width: float) -> list[str]:
    """The lines that `text` takes in `width` points: at least one. A line feed begins a new one.

    A character wider than `width` has a line of its own; nothing is lost but spaces at the ends of lines.
    """
    lines: list[str] = []
    for paragraph in text.split("\n"):
        lines.extend(_break(paragraph, face, size, width))
    return lines


def cut_word(word: str, face: Face, size: float, room: float, start: int = 0) -> int:
    """Where `word` is cut so that what is between `start` and there fits in `room` points; `start` if nothing does."""
    used = 0.0
    for index in range(start, len(word)):
        used += face.width(word[index], size)
        if used > room:
            return _best_cut(word, start, index)
    return len(word)


def _best_cut(text: str, start: int, fits: int) -> int:
    """Where a word is broken that is too long for a line.

    Args:
        text: Contains it.
        start: Where the line begins.
        fits: Where it must end at the latest.
    """
    letters = 0  # of the word that are left, as far as it matters: a word may be as long as a text
    for place in range(fits, min(len(text), fits + _FEWEST_LETTERS)):
        if text[place] == " " or (letters and _BREAK.match(text, place)):
            break
        letters += 1
    if not letters:
        return fits
    for joints, least in _JOINTS:
        for place in range(fits, max(start + 1, start + int(least * (fits - start))), -1):
            if text[place - 1] in joints and not _AMONG_DIGITS.match(text, place - 1):
                return place
    return max(fits + letters - _FEWEST_LETTERS, min(fits, start + _FEWEST_LETTERS))


def limit_lines(lines: list[str], most: int, face: Face, size: float, width: float) -> tuple[list[str], bool]:
    """The lines, or the first `most` of them with an ellipsis at the end; and whether something was cut off.

    Args:
        lines: As `break_lines` made them.
        most: How many there may be, at least 1.
        face: What they are drawn in.
        size: In points.
        width: In points.
    """
    if len(lines) <= most:
        return lines, False
    rest = " ".join(lines[most - 1 :])
    last = face.fit(rest, size, width)
    return [*lines[: most - 1], last], last != rest


def _break(text: str, face: Face, size: float, width: float) -> Iterator[str]:
    """The lines of a text without line feeds."""
    ends = face.ends(text)
    room = width / size + _ROUNDING_EM
    start, before = 0, 0.0
    while True:
        cut = _past_spaces(text, bisect_right(ends, before + room, start))
        if cut == len(text):
            yield text[start:].rstrip(" ")
            return
        fits = cut
        while cut > start and not _BREAK.match(text, cut):
            cut -= 1
        if cut == start:  # a word longer than the line
            cut = _past_spaces(text, _best_cut(text, start, max(fits, start + 1)))
        line = text[start:cut].rstrip(" ")
        if line:
            yield line
        if cut == len(text):
            return
        start, before = cut, ends[cut - 1]


def _past_spaces(text: str, place: int) -> int:
    """Spaces at the end of a line may hang over."""
    while place < len(text) and text[place] == " ":
        place += 1
    return place
