"""Charts on the page: the pixels and the text that a reader gets."""

from pathlib import Path

import pypdfium2
import pytest
from PIL import Image, ImageChops

from tasks.report.chart.marks.mark import Boxes, Dots, TextMark, Wedge
from tasks.report.layout.theme import WHITE, Rgb, rgb
from tests.support.report.charts import MONTHS, WIDTH, block, marks_of, pdf_of, picture_of, wave

SCALE = 3
ACCENT, ACCENT2 = rgb("#1f5fa8"), rgb("#d9822b")


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "chart.pdf")


def pixel(picture: Image.Image, x: float, y: float) -> Rgb:
    value = picture.getpixel((int(x * SCALE), int(y * SCALE)))
    assert isinstance(value, tuple)
    red, green, blue = value
    return red / 255, green / 255, blue / 255


def text_of(path: str) -> str:
    document = pypdfium2.PdfDocument(path)
    text: str = document[0].get_textpage().get_text_bounded()
    document.close()
    return text


def test_bars_are_where_their_marks_say(path: str) -> None:
    marks = marks_of(block("bar", {"A": [3, -2], "B": [1, 4]}, ["x", "y"]))
    pdf_of(marks, path)
    picture = picture_of(path, SCALE)
    drawn = [
        (box, mark.colour) for mark in marks if isinstance(mark, Boxes) and mark.colour != WHITE for box in mark.edges
    ]
    assert len(drawn) == 2 + 4  # the legend's and the bars
    for box, colour in drawn:
        assert pixel(picture, (box.left + box.right) / 2, (box.top + box.bottom) / 2) == pytest.approx(colour, abs=0.02)
        if box.width > 10:
            assert pixel(picture, (box.left + box.right) / 2, box.top - 1) == pytest.approx((1, 1, 1), abs=0.2)


def test_slices_are_where_their_marks_say(path: str) -> None:
    marks = marks_of(block("donut", [1, 1, 2], ["a", "b", "c"]))
    pdf_of(marks, path)
    picture = picture_of(path, SCALE)
    wedges = [mark for mark in marks if isinstance(mark, Wedge)]
    (x, y), depth = wedges[0].centre, wedges[0].radius * 0.8
    for (right, down), wedge in zip([(0.7, -0.7), (0.7, 0.7), (-1, 0)], wedges, strict=True):
        assert pixel(picture, x + right * depth, y + down * depth) == pytest.approx(wedge.colour, abs=0.02)
    assert pixel(picture, x + wedges[0].radius * 0.5, y) == (1, 1, 1)


def test_dots_are_where_their_marks_say(path: str) -> None:
    marks = marks_of(block("scatter", [(0, 0), (5, 3), (9, 9)]))
    pdf_of(marks, path)
    picture = picture_of(path, SCALE)
    (dots,) = (mark for mark in marks if isinstance(mark, Dots))
    for x, y in dots.centres:
        assert pixel(picture, x, y)[2] > pixel(picture, x, y)[0] + 0.2  # blue, through which the grid may shine
        assert pixel(picture, x + 4, y - 4) == (1, 1, 1)


def test_all_text_can_be_read_out_and_stands_where_it_was_measured(path: str) -> None:
    marks = marks_of(
        block("line", {"東京": wave(12, 120, 40), "Überschuß": wave(12, 90, 30)}, MONTHS, title="売上 Æ 1")
    )
    pdf_of(marks, path)
    text = text_of(path)
    document = pypdfium2.PdfDocument(path)
    page = document[0].get_textpage()
    for mark in marks:
        if isinstance(mark, TextMark):
            assert mark.text in text
            found = page.search(mark.text, match_case=True).get_next()
            assert found is not None
    title = page.search("売上").get_next()
    assert title is not None
    left, *_ = page.get_charbox(title[0])
    assert left == pytest.approx(0, abs=1)
    document.close()


def test_markup_and_tricks_with_direction_are_only_text(path: str) -> None:
    pdf_of(marks_of(block("pie", [1, 2], ["<b>one</b> & (two)", "\u202e100\u202c\x00"], title="a\nb\tc")), path)
    text = text_of(path)
    assert "<b>one</b> & (two)" in text
    assert "100" in text
    assert "a b c" in text
    assert not set(text) & set("\u202e\u202c\x00")


def test_decimation_does_not_change_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chart = block("line", wave(2000, 20, 9, turns=40), [str(i) for i in range(2000)])
    pictures = []
    for name in ("decimated", "whole"):
        path = str(tmp_path / f"{name}.pdf")
        pdf_of(marks_of(chart), path)
        pictures.append(picture_of(path, 2))
        monkeypatch.setattr("tasks.report.chart.marks.line_chart.decimated", list)
    difference = ImageChops.difference(*pictures).convert("L")
    changed = sum(count for value, count in enumerate(difference.histogram()) if value > 96)
    assert changed < 0.001 * difference.width * difference.height
    assert (tmp_path / "decimated.pdf").stat().st_size < (tmp_path / "whole.pdf").stat().st_size


def test_a_page_of_2000_dots_stays_small(path: str) -> None:
    points = [(float(i * 7919 % 2003), float(i * 104729 % 1999)) for i in range(2000)]
    pdf_of(marks_of(block("scatter", points)), path, WIDTH)
    bare = Path(path).with_name("bare.pdf")
    pdf_of(marks_of(block("scatter", points[:1])), str(bare), WIDTH)
    assert Path(path).stat().st_size - bare.stat().st_size < 80_000
