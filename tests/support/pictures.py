"""Makes the pictures that tests and the demo need: sound, odd and malicious ones, always the same."""

import io
import math
import random
import struct
import zlib
from typing import Any

import pillow_heif
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tests.support.thumbnail.raw_files import png_of

pillow_heif.register_heif_opener()  # so that Pillow can write HEIC

TURNS_OF_ORIENTATION = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""EXIF orientation → how an upright picture is turned before it is stored with that orientation."""


def scene(width: int, height: int) -> Image.Image:
    """A landscape at dusk, from 24 × 16 pixels up: ridges in haze, a lake, reeds. Full of fine detail, like a photo."""
    dice = random.Random(7)  # noqa: S311 - the same picture every time
    picture = _sky(width, height)
    horizon = round(height * 0.62)
    unit = min(width, height)
    sun = (round(width * 0.68), round(height * 0.36), round(unit * 0.075))
    picture = _glow(picture, sun)
    draw = ImageDraw.Draw(picture)
    x, y, radius = sun
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 236, 196))
    for layer in range(5):
        _ridge(draw, dice, width, horizon, layer)
    _lake(picture, horizon)
    _reeds(ImageDraw.Draw(picture), dice, width, height)
    grain = _noise(dice, width, height).point([122 + level // 20 for level in range(256)])
    return ImageChops.add(picture, Image.merge("RGB", [grain] * 3), scale=1, offset=-128)


def _noise(dice: random.Random, width: int, height: int) -> Image.Image:
    return Image.frombytes("L", (width, height), dice.randbytes(width * height))


def _sky(width: int, height: int) -> Image.Image:
    gradient = Image.linear_gradient("L").resize((width, height))
    return Image.merge(
        "RGB",
        [
            gradient.point([round(low + (high - low) * (level / 255) ** 0.8) for level in range(256)])
            for low, high in ((38, 255), (52, 176), (104, 118))
        ],
    )


def _glow(picture: Image.Image, sun: tuple[int, int, int]) -> Image.Image:
    x, y, radius = sun
    reach = radius * 7
    light = (
        Image.radial_gradient("L").resize((2 * reach, 2 * reach)).point([max(0, 150 - level) for level in range(256)])
    )
    mask = Image.new("L", picture.size)
    mask.paste(light, (x - reach, y - reach))
    return Image.composite(Image.new("RGB", picture.size, (255, 214, 150)), picture, mask)


def _ridge(draw: ImageDraw.ImageDraw, dice: random.Random, width: int, horizon: int, layer: int) -> None:
    """A line of mountains, and on the two nearest ones firs."""
    waves = [(dice.uniform(1.5, 4) * 2**octave, dice.uniform(0, math.tau), 0.5**octave) for octave in range(6)]
    top = horizon * (0.55 + 0.1 * layer)
    colour = tuple(round(far + (near - far) * layer / 4) for far, near in ((168, 22), (128, 32), (132, 40)))
    heights = [
        top
        + horizon * 0.09 * sum(size * math.sin(speed * x / width * math.tau + shift) for speed, shift, size in waves)
        for x in range(width)
    ]
    draw.polygon([(0, horizon), *enumerate(heights), (width, horizon)], fill=colour)
    if layer < 3:
        return
    for _ in range(width // 5):
        x = dice.randrange(width)
        tall = horizon * dice.uniform(0.02, 0.07) * (layer - 1) / 2
        dark = dice.uniform(0.55, 0.95)
        shade = tuple(round(part * dark) for part in colour)
        foot = min(horizon, heights[x] + tall * 0.4)
        for tier in range(4):
            spread, peak = tall * 0.1 * (tier + 1), foot - tall + tall * 0.2 * tier
            draw.polygon([(x - spread, peak + tall * 0.3), (x, peak), (x + spread, peak + tall * 0.3)], fill=shade)


def _lake(picture: Image.Image, horizon: int) -> None:
    """The land mirrored, darker, with rows shifted by ripples that grow nearer."""
    width, height = picture.size
    depth = height - horizon
    mirrored = picture.crop((0, max(0, horizon - depth), width, horizon)).transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    mirrored = mirrored.resize((width, depth)).point([round(level * 0.72) for level in range(256)] * 3)
    for row in range(depth):
        near = row / depth
        shift = round(width * 0.012 * near * math.sin(row * (0.9 - 0.6 * near) + math.sin(row * 0.17) * 3))
        line = mirrored.crop((0, row, width, row + 1))
        picture.paste(ImageChops.offset(line, shift, 0), (0, horizon + row))


def _reeds(draw: ImageDraw.ImageDraw, dice: random.Random, width: int, height: int) -> None:
    for _ in range(max(12, width // 9)):
        x = dice.triangular(0, width, 0)
        length = height * dice.uniform(0.05, 0.26)
        lean = dice.uniform(-0.25, 0.25) * length
        points = [(x + lean * (step / 8) ** 2, height - length * step / 8) for step in range(9)]
        colour = (dice.randrange(8, 40), dice.randrange(16, 44), dice.randrange(10, 30))
        draw.line(points, fill=colour, width=max(1, round(height / 500)))
        tip_x, tip_y = points[-1]
        draw.ellipse((tip_x - height / 400, tip_y, tip_x + height / 400, tip_y + height / 45), fill=(44, 26, 16))


def quarters(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Four plain quarters, red, green, blue and yellow from the top left: shows how it was turned and coloured."""
    picture = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(picture)
    half = (width // 2, height // 2)
    for index, colour in enumerate([(220, 30, 30), (30, 180, 40), (30, 40, 220), (230, 210, 40)]):
        left, top = half[0] * (index % 2), half[1] * (index // 2)
        draw.rectangle(
            (left, top, width if index % 2 else half[0] - 1, height if index > 1 else half[1] - 1), fill=colour
        )
    return picture.convert(mode)


def detailed(width: int, height: int) -> Image.Image:
    """Smooth noise in colours, quick to make."""
    dice = random.Random(3)  # noqa: S311
    blurs = [ImageFilter.GaussianBlur(radius) for radius in (1, 2, 3)]
    return Image.merge("RGB", [_noise(dice, width, height).filter(blur) for blur in blurs])


def encoded(picture: Image.Image, name: str, **options: Any) -> bytes:
    """The bytes of a picture file of format `name` (Pillow's)."""
    buffer = io.BytesIO()
    picture.save(buffer, name, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A sound PNG of a few bytes that promises width × height pixels."""
    return png_of((width, height, 8, 2, 0, 0, 0), zlib.compress(b"\0" * 64))


def webp_header(width: int, height: int) -> bytes:
    """The first bytes of a WebP that promises width × height pixels."""
    body = (
        b"WEBPVP8X"
        + struct.pack("<I", 10)
        + bytes(4)
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little")
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def gif_of_frames(count: int) -> bytes:
    """A GIF of `count` frames of one pixel, 17 bytes each."""
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x4c\x01\x00"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff" + frame * count + b";"


def tiff_of_pages(count: int) -> bytes:
    """A TIFF of `count` pages that share a pixel."""
    buffer = io.BytesIO()
    page = Image.new("L", (1, 1))
    page.save(buffer, "TIFF", save_all=True, append_images=[page] * (count - 1))
    return buffer.getvalue()


def jpeg_of_scans(count: int) -> bytes:
    """A progressive JPEG of at least `count` scans: its last scan, repeated."""
    data = encoded(scene(64, 64), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]
