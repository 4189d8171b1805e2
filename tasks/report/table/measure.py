"""How wide the cells of a table are: the first reading of its rows. Widths are in ems, so they hold at any size."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

from tasks.report.fonts.codes import SEPARATOR
from tasks.report.fonts.face import Face

ZEROS: Final = str.maketrans("123456789", "0" * 9)
_MAX_SHAPES: Final = 10_000
_SAMPLED_WORDS: Final = 5_000
_BIN_EM: Final = 0.5
_GOOD_SHARE: Final = 0.95
_LONGEST_WORD_EM: Final = 14.0


class Extent(Protocol):
    """What has been found out about one column."""

    whole: float
    """Of the widest cell."""
    multiline: bool
    """Whether a cell has a line feed in it."""

    def add(self, cells: Sequence[str]) -> None: ...

    def good(self) -> float:
        """Wide enough for nearly all cells."""
        ...

    def words(self) -> float:
        """Wide enough for the longest word."""
        ...


class NumberExtent:
    """Numbers and dates. When all digits are as wide as a zero, a column has only a few shapes, however many rows.

    Numbers are lined up at their decimal separator: `tail` is the widest part from there on, `head` the widest before.
    """

    def __init__(self, face: Face, decimal: str | None) -> None:
        self.whole = self.head = self.tail = 0.0
        self.multiline = False
        self._face = face
        self._decimal = decimal
        self._seen: set[str] = set()

    def add(self, cells: Sequence[str]) -> None:
        shapes = set(SEPARATOR.join(cells).translate(ZEROS).split(SEPARATOR))
        for shape in shapes - self._seen:
            head, tail = self.parts(shape)
            self.head, self.tail = max(self.head, head), max(self.tail, tail)
            self.whole = self.head + self.tail
        self._seen |= shapes
        if len(self._seen) > _MAX_SHAPES:
            self._seen.clear()

    def include(self, other: "NumberExtent") -> None:
        """Line up with the numbers of `other` too."""
        self.head, self.tail = max(self.head, other.head), max(self.tail, other.tail)
        self.whole = self.head + self.tail

    def parts(self, shape: str) -> tuple[float, float]:
        """The widths before and from the decimal separator; where there is none, from behind the last digit."""
        if self._decimal is None:
            return self._face.width(shape, 1), 0.0
        place = shape.rfind(self._decimal)
        if place < 0:
            place = shape.rfind("0") + 1
        return self._face.width(shape[:place], 1), self._face.width(shape[place:], 1)

    def good(self) -> float:
        return self.whole

    def words(self) -> float:
        return self.whole


class TextExtent:
    """Texts. Of those that repeat, each is measured once per batch."""

    def __init__(self, face: Face) -> None:
        self.whole = 0.0
        self.multiline = False
        self._face = face
        self._histogram: Counter[int] = Counter()
        self._longest_word = 0.0
        self._sampled = 0

    def add(self, cells: Sequence[str]) -> None:
        width = self._face.width
        distinct: Iterable[str] = set(cells)
        if any("\n" in text for text in distinct):
            self.multiline = True
            distinct = {line for text in distinct for line in text.split("\n")}
        widths = [width(text, 1) for text in distinct]
        self.whole = max(self.whole, *widths)
        self._histogram.update([int(wide / _BIN_EM) for wide in widths])
        if self._sampled < _SAMPLED_WORDS:
            self._sampled += len(widths)
            words = {word for text in distinct for word in text.split()}
            self._longest_word = max([self._longest_word, *(width(word, 1) for word in words)])

    def good(self) -> float:
        wanted = _GOOD_SHARE * self._histogram.total()
        for place in sorted(self._histogram):
            wanted -= self._histogram[place]
            if wanted <= 0:
                return min(self.whole, (place + 1) * _BIN_EM)
        return self.whole

    def words(self) -> float:
        return min(self.whole, self._longest_word, _LONGEST_WORD_EM)
