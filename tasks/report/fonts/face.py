"""Faces: text in one style, whatever its scripts. A face measures text and says which font draws which part of it.

Scripts that run from right to left or need shaping (Arabic, Hebrew, Devanagari, Thai) are not set: rather than wrongly,
their characters are drawn as MISSING, and told of.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, Literal

from tasks.report.fonts.font_file import Font, font

MISSING: Final = "\N{REPLACEMENT CHARACTER}"
"""Drawn in place of a character that no font covers."""

# Seen by nobody, and in no font: soft hyphen, grapheme joiner, variation selectors.
_UNSEEN: Final = re.compile(r"[\u00ad\u034f\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
# Accents that stand after their letter, and the parts of Korean syllables. Fonts hold most of them composed.
COMBINING: Final = re.compile(r"[\u0300-\u036f\u3099\u309a\u1100-\u11ff]")
_DECOMPOSED: Final = re.compile(r"[^\u0300-\u036f]?[\u0300-\u036f]+|.?[\u3099\u309a]|[\u1100-\u11ff]+")
_CACHED_RUNS: Final = 4_096
_CJK: Final = {"ja": ("JP", "SC", "KR"), "zh": ("SC", "JP", "KR"), "ko": ("KR", "JP", "SC")}

Style = Literal["regular", "bold", "italic", "bold_italic", "code"]
_LATIN: Final[dict[Style, str]] = {
    "regular": "NotoSans-Regular",
    "bold": "NotoSans-SemiBold",
    "italic": "NotoSans-Italic",
    "bold_italic": "NotoSans-SemiBoldItalic",
    "code": "NotoSansMono-Regular",
}
# What every report uses is parsed when this module is imported, before children are forked.
for _name in _LATIN.values():
    font(_name)


class _Widths(dict[str, float]):
    """The width of each character in ems, looked up when first seen."""

    def __init__(self, face: "Face") -> None:
        self._face = face

    def __missing__(self, character: str) -> float:
        width = self[character] = self._face.adopt(character)
        return width


class Face:
    """A chain of fonts; each character is drawn with the first that covers it.

    One face belongs to one job and one thread. ascent, descent, cap_height: of the first font, in ems.
    """

    def __init__(self, chain: Sequence[str], missing: Callable[[str], None]) -> None:
        self._chain = chain
        self._missing = missing
        self._first = font(chain[0])
        self.name = self._first.name
        metrics = self._first.embedded.face
        self.ascent: float = metrics.ascent / 1000
        self.descent: float = -metrics.descent / 1000
        self.cap_height: float = metrics.capHeight / 1000
        self._fonts: dict[str, Font] = {}
        self._widths = _Widths(self)
        self._runs: dict[str, list[tuple[str, str]]] = {}

    def width(self, text: str, size: float) -> float:
        """Points that `text` takes at `size` points. Text is expected clean (`tasks.report.formats.cleaning`)."""
        return sum(map(self._widths.__getitem__, text)) * size

    def ends(self, text: str) -> list[float]:
        """How far from the beginning of `text` each of its characters ends, in ems."""
        return list(accumulate(map(self._widths.__getitem__, text)))

    def runs(self, text: str) -> list[tuple[str, str]]:
        """`text` in parts, each with the name of the font that draws it; what none covers has become MISSING."""
        if text.isascii():
            return [(self.name, text)]
        found = self._runs.get(text)
        if found is None:
            if len(self._runs) >= _CACHED_RUNS:
                self._runs.clear()
            found = self._runs[text] = self._split(text)
        return found

    def fit(self, text: str, size: float, width: float) -> str:
        """`text`, or as much of its beginning as `width` points hold with an ellipsis after it."""
        if self.width(text, size) <= width:
            return text
        room = width / size - self._widths["…"]
        widths = self._widths
        for index, character in enumerate(text):
            room -= widths[character]
            if room < 0:
                return text[:index].rstrip() + "…"
        return text

    def adopt(self, character: str) -> float:
        """Choose the font for a character that was not seen before, and return its width in ems."""
        if _UNSEEN.match(character):
            return 0.0
        for name in self._chain:
            candidate = font(name)
            width = candidate.width(character)
            if width is not None:
                self._fonts[character] = candidate
                return width / 1000
        if character == MISSING:
            raise ValueError(f"{self._chain[0]} has no glyph for missing glyphs")
        self._missing(character)
        return self._widths[MISSING]

    def _split(self, text: str) -> list[tuple[str, str]]:
        text = _UNSEEN.sub("", text)
        # Only what stands apart is composed; other characters are drawn as they were sent.
        text = _DECOMPOSED.sub(lambda found: unicodedata.normalize("NFC", found[0]), text)
        self.width(text, 1)  # every character gets its font
        runs: list[tuple[str, str]] = []
        start, current = 0, ""
        drawn = text
        for index, character in enumerate(text):
            chosen = self._fonts.get(character)
            if chosen is None:
                drawn = drawn.replace(character, MISSING)
                chosen = self._fonts[MISSING]
            if chosen.name != current:
                if index:
                    runs.append((current, drawn[start:index]))
                start, current = index, chosen.name
        if drawn:
            runs.append((current, drawn[start:]))
        return runs


@dataclass(frozen=True, slots=True)
class Faces:
    """The styles of one job's text."""

    regular: Face
    bold: Face
    italic: Face
    bold_italic: Face
    code: Face


def faces(lang: str, missing: Callable[[str], None]) -> Faces:
    """The faces of a document in `lang`, which decides whose shapes Han characters have.

    missing: called for a character that no font covers, at least once and perhaps again from another face.
    """
    language = lang.replace("_", "-").split("-")[0]
    regions = _CJK.get(language, _CJK["ja"])
    symbols = ("NotoSansMath-Regular", "NotoSansSymbols2-Regular")

    def face(style: Style) -> Face:
        weight = "SemiBold" if style.startswith("bold") else "Regular"
        cjk = tuple(f"NotoSans{region}-{weight}" for region in regions)
        # The shapes of a CJK document's own font win over those of the symbol fonts.
        tail = (cjk[0], *symbols, *cjk[1:]) if language in _CJK else (*symbols, *cjk)
        first = (_LATIN[style],) if style in ("regular", "bold", "code") else (_LATIN[style], _LATIN["regular"])
        return Face((*first, *tail), missing)

    return Faces(face("regular"), face("bold"), face("italic"), face("bold_italic"), face("code"))
