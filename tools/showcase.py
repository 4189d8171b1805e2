"""`python -m tools.showcase`: draws docs/pictures/result.jpg, the picture at the top of the README.

On the left the thumbnails of a drawn photo, made by the kind's own code and shown in true proportion to each other; on
the right a page of the gallery.
"""

import sys
import tempfile
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageFont

from tasks.report.fonts.font_file import FOLDER
from tasks.thumbnail import imaging
from tasks.thumbnail.variants import variants_of
from tests.support.pictures import scene
from tests.support.thumbnail.drawing import LIMITS
from tools.documents import ROOT
from tools.gallery import GALLERY, silent

FILE: Final = ROOT / "docs" / "pictures" / "result.jpg"
PAGES: Final = (GALLERY / "quarterly-3.png", GALLERY / "invoice-1.png")
PHOTO_SIZE: Final = (3000, 2000)
SIZE: Final = (1564, 684)
MARGIN: Final = 32
GAP: Final = 20
CAPTION_PX: Final = 48
SCALE: Final = 0.5
"""Of the thumbnails: pixels of this picture for one of theirs."""
BACKGROUND: Final = "#eef0f3"
INK: Final = "#374151"
QUALITY: Final = 88


def main() -> None:
    FILE.parent.mkdir(parents=True, exist_ok=True)
    draw(FILE)
    sys.stdout.write(f"{FILE.relative_to(ROOT)}: {FILE.stat().st_size:,} bytes\n")


def draw(into: Path) -> None:
    """Draw the picture.

    Args:
        into: The JPEG file to write.
    """
    picture = Image.new("RGB", SIZE, BACKGROUND)
    with tempfile.TemporaryDirectory() as folder:
        thumbnails = _thumbnails(Path(folder))
    large = thumbnails.pop("large")
    y = _place(picture, large, "large.jpg", MARGIN, MARGIN)
    x = MARGIN
    for name in ("medium", "small", "square"):
        _place(picture, thumbnails[name], f"{name}.jpg", x, y)
        x += round(thumbnails[name].width * SCALE) + GAP
    x, height = SIZE[0] - MARGIN, SIZE[1] - 2 * MARGIN
    for path in reversed(PAGES):
        page = Image.open(path).convert("RGB")
        page = page.resize((round(page.width * height / page.height), height), Image.Resampling.LANCZOS)
        x -= page.width
        picture.paste(page, (x, MARGIN))
        x -= GAP
    picture.save(into, quality=QUALITY, optimize=True)


def _thumbnails(folder: Path) -> dict[str, Image.Image]:
    photo = folder / "photo.jpg"
    scene(*PHOTO_SIZE).save(photo, quality=92)
    variants = [variant.model_dump() for variant in variants_of("default")]
    drawn = imaging.render(str(photo), str(folder), variants, LIMITS, report=silent)
    return {Path(one["name"]).stem: Image.open(one["path"]).copy() for one in drawn["files"]}


def _place(picture: Image.Image, thumbnail: Image.Image, name: str, x: int, y: int) -> int:
    """Paste a thumbnail with its caption. Returns the y below it."""
    width, height = (round(side * SCALE) for side in thumbnail.size)
    picture.paste(thumbnail.resize((width, height), Image.Resampling.LANCZOS), (x, y))
    font = ImageFont.truetype(FOLDER / "NotoSans-Regular.ttf", 15)
    caption = f"{name}\n{thumbnail.width} × {thumbnail.height}"
    ImageDraw.Draw(picture).text((x, y + height + 4), caption, INK, font, spacing=2)
    return y + height + CAPTION_PX + GAP


if __name__ == "__main__":
    main()
