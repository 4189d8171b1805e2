from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from tasks.report.fonts.face import Faces, faces
from tasks.report.layout.theme import Rgb, rgb
from tasks.report.pdf.canvas import Canvas, Outline
from tasks.report.pdf.document import Pdf

RED, BLUE = rgb("#ff0000"), rgb("#0000ff")
WHITE = (255, 255, 255)


class Sheet:
    """A page of 100 × 100 points that is drawn on and looked at."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faces: Faces = faces("en", lambda _: None)

    @contextmanager
    def drawing(self) -> Iterator[Canvas]:
        with Pdf(str(self.path), "en") as pdf:
            yield pdf.begin_page(100, 100)
            pdf.end_page()
            pdf.finish({})

    def picture(self) -> Image.Image:
        with pypdfium2.PdfDocument(self.path) as document:
            picture: Image.Image = document[0].render(scale=2).to_pil()
            return picture.convert("RGB")

    def colour(self, x: float, y: float) -> tuple[int, ...]:
        pixel = self.picture().getpixel((round(2 * x), round(2 * y)))
        assert isinstance(pixel, tuple)
        return pixel

    def text(self) -> str:
        with pypdfium2.PdfDocument(self.path) as document:
            return str(document[0].get_textpage().get_text_range())

    def left_of(self, index: int) -> float:
        with pypdfium2.PdfDocument(self.path) as document:
            return float(document[0].get_textpage().get_charbox(index, loose=True)[0])


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    return Sheet(tmp_path / "sheet.pdf")


def bright(colour: Rgb) -> tuple[int, ...]:
    return tuple(round(255 * part) for part in colour)


def test_y_grows_downwards(sheet: Sheet) -> None:
    with sheet.drawing() as canvas:
        canvas.rect(10, 20, 30, 5, fill=RED)
    assert [sheet.colour(15, y) for y in (18, 22, 27, 78)] == [WHITE, (255, 0, 0), WHITE, WHITE]


def test_many_boxes_and_lines_are_drawn_as_one_is(sheet: Sheet) -> None:
    with sheet.drawing() as canvas:
        canvas.rects([(0, 0, 10, 10), (20, 0, 10, 10)], RED)
        canvas.lines([(0, 50, 100, 50), (0, 60, 100, 60)], BLUE, 4)
        canvas.rects([], RED)
        canvas.lines([], RED)
    assert [sheet.colour(x, 5) for x in (5, 15, 25)] == [(255, 0, 0), WHITE, (255, 0, 0)]
    assert [sheet.colour(50, y) for y in (50, 55, 60)] == [(0, 0, 255), WHITE, (0, 0, 255)]


def test_a_dashed_line_leaves_no_dashes_to_the_next(sheet: Sheet) -> None:
    with sheet.drawing() as canvas:
        canvas.line(0, 20, 100, 20, RED, 4, dash="10 10")
        canvas.line(0, 40, 100, 40, RED, 4)
    assert sheet.colour(15, 20) == WHITE
    assert sheet.colour(15, 40) == (255, 0, 0)


def test_shapes_are_filled_and_outlined(sheet: Sheet) -> None:
    with sheet.drawing() as canvas:
        canvas.polygon([(10, 40), (30, 40), (20, 10)], fill=RED)
        canvas.circle(70, 25, 15, fill=BLUE)
        canvas.rect(10, 60, 30, 30, fill=BLUE, outline=Outline(RED, 4), radius=10)
        canvas.polygon([(60, 60), (60, 90), (90, 90)], outline=Outline(RED, 4), closed=False)
        canvas.polygon([(1, 1)], fill=RED)
    assert sheet.colour(20, 35) == sheet.colour(60, 75) == (255, 0, 0)
    assert sheet.colour(70, 25) == sheet.colour(25, 75) == (0, 0, 255)
    assert sheet.colour(11, 15) == sheet.colour(10.5, 60.5) == sheet.colour(75, 74) == WHITE


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.75, 1.0])
def test_a_wedge_covers_its_share_clockwise_from_the_top(sheet: Sheet, share: float) -> None:
    with sheet.drawing() as canvas:
        canvas.wedge((50, 50), 40, 0, 360 * share, fill=RED)
    picture = sheet.picture()
    red = sum(picture.getpixel((x, y)) == (255, 0, 0) for x in range(200) for y in range(200))
    assert red / (3.14159 * 80**2) == pytest.approx(share, rel=0.06)
    assert sheet.colour(55, 20) == (255, 0, 0)
    if share < 0.8:
        assert sheet.colour(45, 20) == WHITE


def test_a_ring_has_a_hole(sheet: Sheet) -> None:
    with sheet.drawing() as canvas:
        canvas.wedge((50, 50), 40, 0, 360, inner=20, fill=RED)
    assert (sheet.colour(50, 50), sheet.colour(50, 80)) == (WHITE, (255, 0, 0))


def test_text_stands_left_in_the_middle_or_right(sheet: Sheet) -> None:
    face = sheet.faces.regular
    with sheet.drawing() as canvas:
        canvas.text(50, 20, "Hamburg", face, 8)
        canvas.text(50, 40, "Hamburg", face, 8, align="center")
        canvas.text(50, 60, "Hamburg", face, 8, align="right")
    width = face.width("Hamburg", 8)
    lefts = [sheet.left_of(index) for index in (0, 9, 18)]
    assert lefts == pytest.approx([50, 50 - width / 2, 50 - width], abs=0.05)


def test_text_of_every_kind_is_extracted_as_it_was_drawn(sheet: Sheet) -> None:
    words = [
        "(parentheses) \\ and \\n",
        "Größe ½ ©",
        "Ünïcödé ŁŐŘ",
        "Ελληνικά",
        "русский",
        "日本語",
        "한국어",
        "简体字",
    ]
    with sheet.drawing() as canvas:
        for number, word in enumerate(words):
            canvas.text(2, 10 + 12 * number, word, sheet.faces.regular, 6)
    assert sheet.text().split("\r\n") == words


def test_more_characters_than_one_part_of_a_font_holds_are_drawn(sheet: Sheet) -> None:
    words = [
        "".join(map(chr, range(start, start + 32))) for start in (*range(0xC0, 0x240, 32), *range(0x48A, 0x52A, 32))
    ]
    with sheet.drawing() as canvas:
        canvas.texts(((2, 5 + 5 * number, word) for number, word in enumerate(words)), sheet.faces.regular, 2)
    assert sheet.text().split("\r\n") == words


def test_what_is_clipped_turned_or_faded_ends_with_its_block(sheet: Sheet) -> None:
    with sheet.drawing() as canvas:
        canvas.rect(0, 0, 5, 5, fill=BLUE)
        with canvas.clipped(10, 10, 20, 20):
            canvas.rect(0, 0, 100, 100, fill=RED)
        with canvas.rotated(70, 20, 90):
            canvas.rect(70, 20, 20, 4, fill=RED)
        with canvas.faded(0.5):
            canvas.rect(10, 60, 20, 20, fill=RED)
        canvas.rect(60, 60, 20, 20, fill=BLUE)
        canvas.text(60, 95, "after", sheet.faces.regular, 6)
    assert [sheet.colour(*place) for place in ((20, 20), (40, 20), (72, 10), (80, 22))] == [
        (255, 0, 0),
        WHITE,
        (255, 0, 0),
        WHITE,
    ]
    assert sheet.colour(20, 70) == pytest.approx((255, 127, 127), abs=2)
    assert sheet.colour(70, 70) == (0, 0, 255)
    assert sheet.text() == "after"


def test_operators_made_elsewhere_do_not_change_what_is_drawn_after_them(sheet: Sheet) -> None:
    face = sheet.faces.regular
    with sheet.drawing() as canvas:
        canvas.text(10, 20, "before", face, 8, RED)
        (font, operand), *_ = canvas.operands(face, "inside")
        canvas.text_object(f"0 0 1 rg {font} 20 Tf 1 0 0 1 10 {canvas.height - 50:g} Tm {operand} Tj")
        canvas.text(10, 80, "after", face, 8, RED)
    assert sheet.text().split() == ["before", "inside", "after"]
