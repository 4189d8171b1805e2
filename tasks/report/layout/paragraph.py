"""Paragraphs of runs in several styles, broken into lines."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.report.fonts.face import Face
from tasks.report.fonts.line_breaking import cut_word, pieces
from tasks.report.formats.cleaning import clean
from tasks.report.layout.theme import ReportTheme, Rgb
from tasks.report.spec.structs import RichText


@dataclass(frozen=True, slots=True)
class Span:
    """Text in one style."""

    text: str
    face: Face
    colour: Rgb
    link: str | None = None
    code: bool = False


@dataclass(slots=True)
class TextLine:
    """One line: parts (x from its left end, text, span it belongs to, width)."""

    parts: list[tuple[float, str, Span, float]] = field(default_factory=list)
    width: float = 0.0


def styled_spans(rich: RichText, theme: ReportTheme, *, colour: Rgb, bold: bool = False) -> list[Span]:
    """The runs of the spec with the faces and colours of the theme. bold: all of it is."""
    faces = theme.faces
    if isinstance(rich, str):
        return [Span(clean(rich), faces.bold if bold else faces.regular, colour)]
    found: list[Span] = []
    for run in rich:
        strong = bold or run.bold
        face = (
            faces.code
            if run.code
            else (faces.bold_italic if strong else faces.italic)
            if run.italic
            else (faces.bold if strong else faces.regular)
        )
        default = theme.accent if run.link else colour
        found.append(Span(clean(run.text), face, theme.colour(run.colour, default), run.link, run.code))
    return found


def plain_text(rich: RichText) -> str:
    """The text alone, on one line."""
    text = rich if isinstance(rich, str) else "".join(run.text for run in rich)
    return " ".join(clean(text).split())


def layout_lines(runs: Sequence[Span], size: float, width: float) -> list[TextLine]:
    """The lines of a paragraph in `width` points: at least one."""
    lines = [TextLine()]
    for index, paragraph in enumerate(_paragraphs(runs)):
        if index:
            lines.append(TextLine())
        _fill(paragraph, size, width, lines)
    for line in lines:
        _trim(line, size)
    return lines


def _paragraphs(runs: Sequence[Span]) -> list[list[tuple[str, Span]]]:
    """What stands between line feeds, as (text, span)."""
    paragraphs: list[list[tuple[str, Span]]] = [[]]
    for run in runs:
        for index, text in enumerate(run.text.split("\n")):
            if index:
                paragraphs.append([])
            if text:
                paragraphs[-1].append((text, run))
    return paragraphs


def _fill(paragraph: list[tuple[str, Span]], size: float, width: float, lines: list[TextLine]) -> None:
    text = "".join(part for part, _ in paragraph)
    owners = _Owners(paragraph)
    at = 0
    for piece in pieces(text):
        parts = owners.take(at, len(piece))
        at += len(piece)
        needed = sum(span.face.width(part, size) for part, span in _stripped(parts))
        if lines[-1].parts and lines[-1].width + needed > width:
            lines.append(TextLine())
        for part, span in parts:
            _add(part, span, size, width, lines, whole=needed <= width)


class _Owners:
    """Which span each stretch of a paragraph's text belongs to; asked from left to right."""

    def __init__(self, paragraph: list[tuple[str, Span]]) -> None:
        self._paragraph = paragraph
        self._index = 0
        self._start = 0

    def take(self, at: int, length: int) -> list[tuple[str, Span]]:
        """The `length` characters at `at`, by span."""
        parts: list[tuple[str, Span]] = []
        while length:
            text, span = self._paragraph[self._index]
            part = text[at - self._start : at - self._start + length]
            parts.append((part, span))
            at, length = at + len(part), length - len(part)
            if at == self._start + len(text):
                self._start, self._index = at, self._index + 1
        return parts


def _stripped(parts: list[tuple[str, Span]]) -> list[tuple[str, Span]]:
    """The parts without the spaces at their end, which take no room at the end of a line."""
    *first, (text, span) = parts
    return [*first, (text.rstrip(" "), span)]


def _add(text: str, span: Span, size: float, width: float, lines: list[TextLine], *, whole: bool) -> None:
    """Put `text` at the end of the lines. whole: it is not to be cut, as it fits."""
    start, left = 0, span.face.width(text.rstrip(" "), size)  # spaces at the end of a line may hang over
    while not whole and lines[-1].width + left > width:
        end = cut_word(text, span.face, size, width - lines[-1].width, start)
        if end == start and lines[-1].parts:
            lines.append(TextLine())
            continue
        end = max(start + 1, end)
        _append(lines[-1], text[start:end], span, size)
        left -= span.face.width(text[start:end], size)
        start = end
        if start == len(text):
            return
        lines.append(TextLine())
    _append(lines[-1], text[start:], span, size)


def _trim(line: TextLine, size: float) -> None:
    """Take the spaces from the line's end, so that it is as wide as it looks."""
    while line.parts:
        x, text, span, _ = line.parts.pop()
        text = text.rstrip(" ")
        line.width = x
        if text:
            _append(line, text, span, size)
            return


def _append(line: TextLine, text: str, span: Span, size: float) -> None:
    wide = span.face.width(text, size)
    if line.parts and line.parts[-1][2] is span:
        x, before, _, taken = line.parts[-1]
        line.parts[-1] = (x, before + text, span, taken + wide)
    else:
        line.parts.append((line.width, text, span, wide))
    line.width += wide
