"""Files with bytes changed, lost and added at random: each is drawn or refused, and nothing else happens."""

import random
from typing import Any

import pytest
from PIL import Image, ImageCms

from tasks.refusal import Refusal
from tests.support.pictures import detailed, encoded
from tests.support.thumbnail.drawing import Renderer

FILES_PER_FORMAT = 100
FEWER = {"svg": 20, "pdf": 20}
"""Of formats that take longer, since they are drawn in a large size."""
SVG = (
    b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 7"><g id="a"><rect width="4" height="3"/></g>'
    b'<use href="#a" x="2"/><text y="6" style="fill: #07c">ab &amp; c</text><image href="data:image/png;base64,iVBO"/>'
    b"<desc>" + b"words " * 400 + b"</desc></svg>"
)
HEADER_BYTES = 400
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"s\0R\0G\0B", b"o\0t\0h\0r")


def sound(name: str) -> list[bytes]:
    picture = detailed(90, 70)
    clear = picture.convert("RGBA")
    clear.putalpha(picture.getchannel("R"))
    exif = Image.Exif()
    exif[0x0112] = 6
    more: dict[str, Any] = {"save_all": True, "append_images": [picture.rotate(9)]}
    return {
        "jpeg": lambda: [
            encoded(picture, "JPEG", exif=exif, icc_profile=PROFILE, comment=b"words"),
            encoded(picture, "JPEG", progressive=True),
            encoded(picture.convert("CMYK"), "JPEG"),
            encoded(picture, "MPO", **more),
        ],
        "png": lambda: [
            encoded(clear, "PNG", exif=exif, icc_profile=PROFILE),
            encoded(picture.quantize(16), "PNG", transparency=2),
            encoded(picture, "PNG", **more),
        ],
        "webp": lambda: [encoded(clear, "WEBP", exif=exif, icc_profile=PROFILE), encoded(picture, "WEBP", **more)],
        "avif": lambda: [encoded(clear, "AVIF", exif=exif, speed=10)],
        "heic": lambda: [encoded(clear, "HEIF", exif=exif, icc_profile=PROFILE), encoded(picture, "HEIF")],
        "gif": lambda: [encoded(picture.quantize(16), "GIF", **more)],
        "tiff": lambda: [encoded(picture, "TIFF", compression="tiff_lzw", exif=exif), encoded(clear, "TIFF")],
        "bmp": lambda: [encoded(picture, "BMP")],
        "jp2": lambda: [encoded(picture, "JPEG2000"), encoded(clear, "JPEG2000")],
        "ico": lambda: [
            encoded(clear, "ICO", bitmap_format=form, sizes=[(16, 16), (32, 32)]) for form in ("bmp", "png")
        ],
        "svg": lambda: [SVG],
        "pdf": lambda: [encoded(picture, "PDF")],
    }[name]()


def mutilated(dice: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(dice.choice((1, 2, 5, 30))):
        position = dice.randrange(dice.choice((min(HEADER_BYTES, len(changed)), len(changed))))
        match dice.randrange(3):
            case 0:
                changed[position] = dice.choice((0, 1, 127, 128, 255, dice.randrange(256)))
            case 1:
                del changed[position : position + dice.randrange(1, 9)]
            case 2:
                changed[position:position] = dice.randbytes(dice.randrange(1, 5))
    return bytes(changed)


@pytest.mark.parametrize(
    "name", ["jpeg", "png", "webp", "avif", "heic", "gif", "tiff", "bmp", "jp2", "ico", "svg", "pdf"]
)
def test_a_mutilated_file_is_drawn_or_refused(renderer: Renderer, name: str) -> None:
    dice = random.Random(name)  # noqa: S311 - the same files every time
    seeds = sound(name)
    drawn = 0
    codes: set[str] = set()
    for _ in range(FEWER.get(name, FILES_PER_FORMAT)):
        data = mutilated(dice, dice.choice(seeds))
        try:
            renderer.probe(data)
            files = renderer.render(
                data,
                {"name": "a", "width": 40, "height": 40, "fit": "pad", "animated": True},
                {"name": "b", "width": 16, "resize": "linear", "colour": "p3", "sharpen": 1},
                draw_truncated=len(data) % 2,
            )
        except Refusal as refusal:
            codes.add(refusal.code)
            assert not list(renderer.drawn.iterdir())
        else:
            assert (files[0]["width"], files[0]["height"]) == (40, 40)
            for path in renderer.drawn.iterdir():
                path.unlink()
            drawn += 1
    assert drawn > 0
    assert "corrupt" in codes or "truncated" in codes
    sizes = {"too_many_pixels", "side_too_long", "too_much_memory"}
    assert codes <= {"unsupported_format", "corrupt", "truncated"} | sizes
