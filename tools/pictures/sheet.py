"""A picture of pictures in a row, each with a caption."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from PIL import Image, ImageDraw, ImageFont

from tasks.report.fonts.font_file import FOLDER

BACKGROUND: Final = "#eef0f3"
INK: Final = "#374151"
MARGIN: Final = 20
GAP: Final = 16
CAPTION_LINE_PX: Final = 19
FONT_PX: Final = 14
QUALITY: Final = 85


class Shown(NamedTuple):
    """A picture, and what stands below it."""

    picture: Image.Image
    caption: str


def save(path: Path, row: Sequence[Shown]) -> None:
    """Save pictures side by side, with their captions, as a JPEG.

    Args:
        path: The file to write.
        row: From left to right.
    """
    lines = max(one.caption.count("\n") + 1 for one in row)
    font = ImageFont.truetype(FOLDER / "NotoSans-Regular.ttf", FONT_PX)
    widths = [max(one.picture.width, *(round(font.getlength(line)) for line in one.caption.split("\n"))) for one in row]
    height = max(one.picture.height for one in row)
    size = (2 * MARGIN + sum(widths) + GAP * (len(row) - 1), 2 * MARGIN + height + 8 + lines * CAPTION_LINE_PX)
    sheet = Image.new("RGB", size, BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    x = MARGIN
    for one, width in zip(row, widths, strict=True):
        picture = one.picture.convert("RGBA")
        sheet.paste(picture, (x, MARGIN + height - picture.height), picture)
        draw.text((x, MARGIN + height + 8), one.caption, INK, font, spacing=CAPTION_LINE_PX - FONT_PX)
        x += width + GAP
    sheet.save(path, quality=QUALITY, optimize=True)
