"""`python -m tools.pictures [NAME …]`: draws the pictures of docs/images.md, with the kind's own code."""

import base64
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from tasks.picture_result.markup import markup_of
from tasks.picture_result.record import unfolded
from tasks.report.fonts.font_file import FOLDER
from tasks.thumbnail.imaging import render
from tasks.thumbnail.variants import variants_of
from tests.support.thumbnail.drawing import LIMITS, silent
from tools.documents import ROOT
from tools.pictures import decoding, sources
from tools.pictures.sheet import INK, Shown, save

PICTURES: Final = ROOT / "docs" / "pictures"
CARD: Final = {"width": 200, "height": 200, "fit": "cover", "gravity": "west"}
WATERMARK: Final = "0" * 32
PHOTO_W: Final = 330
CANDIDATE: Final = re.compile(r"(\S+) (\d+)w")
SCREENS: Final = (("Watch", 200, 1), ("Phone", 360, 1), ("Desktop", 1440, 1))
"""Name, width in CSS pixels, and pixels for each of these."""


def main(names: Sequence[str]) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in names or DRAWN:
        with tempfile.TemporaryDirectory() as folder:
            made = DRAWN[name](Path(folder))
        sys.stdout.write(f"{made.relative_to(ROOT)}: {made.stat().st_size:,} bytes\n")


def job(source: Path, *variants: dict[str, Any]) -> dict[str, Any]:
    """Do what an image job does. Returns the picture, with the fields that answers have, and the files."""
    into = source.parent / "drawn"
    into.mkdir(exist_ok=True)
    dumped = [one.model_dump() for one in variants_of(list(variants))]
    for one in dumped:
        if one["watermark"]:
            one["watermark"]["path"] = str(source.parent / "logo.png")
    made = render(str(source), str(into), dumped, LIMITS, report=silent)
    return {"picture": unfolded(made["picture"]), "files": made["files"]}


def drawn(source: Path, *variants: dict[str, Any]) -> list[Image.Image]:
    """The pictures of the files of a job."""
    return [Image.open(file["path"]) for file in job(source, *variants)["files"]]


def heic(folder: Path) -> Path:
    """What a browser makes of a phone's file, and what comes out."""
    source = sources.photo(folder / "IMG_0042.heic")
    small, square = drawn(source, {"name": "small", "width": PHOTO_W}, {"name": "square", **CARD})
    broken = Image.new("RGBA", small.size, "#ffffff")
    draw = ImageDraw.Draw(broken)
    draw.rectangle((0, 0, small.width - 1, small.height - 1), outline="#9ca3af")
    font = ImageFont.truetype(FOLDER / "NotoSans-Regular.ttf", 16)
    draw.text((small.width / 2, small.height / 2), "IMG_0042.heic", "#9ca3af", font, anchor="mm")
    size = f"{source.stat().st_size // 1024} KB, HEIC, turned by 90°"
    save(
        PICTURES / "heic.jpg",
        [
            Shown(broken, f"as most browsers show it\n{size}"),
            Shown(small, f"small.jpg\n{small.width} × {small.height}, upright"),
            Shown(square, f"square.jpg\n{square.width} × {square.height}"),
        ],
    )
    return PICTURES / "heic.jpg"


def animation(folder: Path) -> Path:
    """An animated variant, as it comes out of the job."""
    source = sources.animation(folder / "balloon.gif")
    [file] = job(source, {"name": "small", "width": 240, "format": "gif", "animated": True})["files"]
    shutil.copyfile(file["path"], PICTURES / "animation.gif")
    return PICTURES / "animation.gif"


def focal(folder: Path) -> Path:
    """A tall crop by the middle, by directions, and around a point."""
    source = sources.photo(folder / "photo.jpg")
    tall = {"width": 130, "height": 220, "fit": "cover"}
    choices: dict[str, dict[str, Any]] = {
        "gravity: center": {},
        "gravity: east": {"gravity": "east"},
        "focal: 0.2, 0.34": {"focal": {"x": sources.BALLOON[0], "y": sources.BALLOON[1]}},
        "gravity: west": {"gravity": "west"},
    }
    whole, *crops = drawn(
        source,
        {"name": "whole", "height": 220},
        *({"name": str(number), **tall, **choice} for number, choice in enumerate(choices.values())),
    )
    marked = whole.convert("RGB")
    x, y = (share * side for share, side in zip(sources.BALLOON, marked.size, strict=True))
    ImageDraw.Draw(marked).ellipse((x - 34, y - 34, x + 34, y + 34), outline="#ffffff", width=3)
    row = [Shown(crop, caption) for crop, caption in zip(crops, choices, strict=True)]
    save(PICTURES / "focal.jpg", [Shown(marked, "the picture, and its focal point"), *row])
    return PICTURES / "focal.jpg"


def watermark(folder: Path) -> Path:
    """A logo over a photo: in a corner, and large and faint."""
    source = sources.photo(folder / "photo.jpg")
    sources.logo(folder / "logo.png")
    marks: list[dict[str, Any]] = [
        {"position": "southeast", "scale": 0.35, "margin": 10},
        {"position": "center", "scale": 0.8, "opacity": 0.35},
    ]
    results = drawn(
        source,
        *(
            {"name": str(number), "width": PHOTO_W, "watermark": {"upload": WATERMARK, **mark}}
            for number, mark in enumerate(marks)
        ),
    )
    row = [
        Shown(one, ", ".join(f"{name}: {value}" for name, value in mark.items()))
        for one, mark in zip(results, marks, strict=True)
    ]
    save(PICTURES / "watermark.jpg", row)
    return PICTURES / "watermark.jpg"


def thumbhash(folder: Path) -> Path:
    """A picture, its placeholders as a browser draws them, and its colours."""
    result = job(sources.photo(folder / "photo.jpg"), {"name": "small", "width": 240})
    found, picture = result["picture"], Image.open(result["files"][0]["path"])
    hashed, text = base64.b64decode(found["thumbhash"]), found["blurhash"]
    swatches = Image.new("RGB", (150, picture.height))
    for number, colour in enumerate(found["palette"]):
        top, bottom = (picture.height * row // len(found["palette"]) for row in (number, number + 1))
        ImageDraw.Draw(swatches).rectangle((0, top, 150, bottom), fill=colour)
        light = sum(bytes.fromhex(colour[1:])) > 384
        font = ImageFont.truetype(FOLDER / "NotoSans-Regular.ttf", 14)
        draw = ImageDraw.Draw(swatches)
        draw.text((10, (top + bottom) / 2), colour, "#111827" if light else "#f9fafb", font, anchor="lm")
    save(
        PICTURES / "thumbhash.jpg",
        [
            Shown(picture, "small.jpg"),
            Shown(decoding.of_thumbhash(hashed, picture.size), f"thumbhash, {len(hashed)} bytes"),
            Shown(decoding.of_blurhash(text, picture.size), f"blurhash, {len(text)} characters"),
            Shown(swatches, "palette; the first is the\ndominant colour"),
        ],
    )
    return PICTURES / "thumbhash.jpg"


def srcset(folder: Path) -> Path:
    """Which file of the default preset a browser takes on three screens, by the markup of the job."""
    source = sources.photo(folder / "photo.jpg")
    sides = {"small": 256, "medium": 512, "large": 1024}
    files = job(source, *({"name": name, "width": side, "height": side} for name, side in sides.items()))["files"]
    paths = {Path(file["path"]).name: file for file in files}
    listed = [
        {"name": name, "type": file["type"], "about": {"width": file["width"], "height": file["height"]}}
        for name, file in paths.items()
    ]
    [markup] = markup_of(listed, lambda file: str(file["name"]), {})
    candidates = [(url.rpartition("/")[2], int(width)) for url, width in CANDIDATE.findall(markup["srcset"])]
    row = []
    for name, css_px, density in SCREENS:
        shown_px = min(css_px, markup["width"])
        needed = shown_px * density
        taken, width = next((one for one in candidates if one[1] >= needed), candidates[-1])
        caption = f"{name}, {css_px} px at {density}x\nneeds {needed} px: {taken}, {width}w"
        row.append(Shown(_screen(Image.open(paths[taken]["path"]), css_px, shown_px), caption))
    save(PICTURES / "srcset.jpg", row)
    return PICTURES / "srcset.jpg"


def _screen(picture: Image.Image, css_px: int, shown_px: int) -> Image.Image:
    """A screen with a page that shows the picture, at a quarter of its size."""
    width = css_px // 4
    height = round(width * (1.9 if css_px < 500 else 1.2 if css_px < 1000 else 0.6))
    screen = Image.new("RGB", (width, height), "#ffffff")
    draw = ImageDraw.Draw(screen)
    size = (shown_px // 4, round(shown_px / 4 * picture.height / picture.width))
    left = (width - size[0]) // 2
    screen.paste(picture.convert("RGB").resize(size, Image.Resampling.LANCZOS), (left, 22))
    draw.rectangle((left, 8, left + size[0] // 3, 14), fill=INK)
    for number, top in enumerate(range(22 + size[1] + 10, height - 8, 10)):
        draw.rectangle(
            (left + 4, top, left + size[0] - (8 if number % 3 < 2 else size[0] // 3), top + 3), fill="#d1d5db"
        )
    draw.rectangle((0, 0, width - 1, height - 1), outline=INK, width=2)
    return screen


DRAWN: Final[dict[str, Callable[[Path], Path]]] = {
    "heic": heic,
    "animation": animation,
    "focal": focal,
    "watermark": watermark,
    "thumbhash": thumbhash,
    "srcset": srcset,
}

if __name__ == "__main__":
    main(sys.argv[1:])
