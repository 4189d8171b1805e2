"""Files as people upload them, all drawn here: a photo of a phone, a logo with transparency and an animation."""

import math
from pathlib import Path
from typing import Any, Final

import pillow_heif
from PIL import ExifTags, Image, ImageDraw, ImageFilter, ImageFont
from PIL.ExifTags import GPS, Base

from tasks.report.fonts.font_file import FOLDER
from tests.support.pictures import scene

PHOTO_SIZE: Final = (1200, 800)
LOGO_SIZE: Final = (600, 180)
ANIMATION_SIZE: Final = (320, 214)
FRAMES: Final = 24
FRAME_MS: Final = 80
BALLOON: Final = (0.2, 0.34)
"""Where the balloon is in the photo, in fractions of it."""
BALLOON_SHARE: Final = 0.09
"""Its radius, as a share of the photo's height."""


def photo(path: Path, size: tuple[int, int] | None = None) -> Path:
    """Save a balloon over a lake as a camera would: lying on its side, with the place and the camera in its EXIF.

    Args:
        path: The file to write. Its ending is the format: .jpg or .heic.
        size: Width and height of the upright picture in pixels; PHOTO_SIZE without it.
    """
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    exif[Base.Make], exif[Base.Model] = "Example", "Phone 7"
    taken: dict[int, Any] = {
        Base.DateTimeOriginal: "2026:11:20 16:31:07",
        Base.OffsetTimeOriginal: "+01:00",
        Base.ExposureTime: 1 / 250,
        Base.FNumber: 1.8,
    }
    exif.get_ifd(ExifTags.IFD.Exif).update(taken)
    place: dict[int, Any] = {GPS.GPSLatitudeRef: "N", GPS.GPSLatitude: (53.0, 4.0, 45.5)}
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(place | {GPS.GPSLongitudeRef: "E", GPS.GPSLongitude: (8.0, 48.0, 6.1)})
    size = size or PHOTO_SIZE
    picture = scene(*size)
    _balloon(picture, BALLOON[0] * size[0], BALLOON[1] * size[1], BALLOON_SHARE * size[1])
    lying = picture.transpose(Image.Transpose.ROTATE_90)
    if path.suffix == ".heic":
        # A HEIC file turns by itself, and its EXIF repeats how: the writer does both from the EXIF.
        pillow_heif.from_pillow(lying).save(path, quality=80, exif=exif.tobytes())
    else:
        lying.save(path, quality=92, exif=exif)
    return path


def logo(path: Path) -> Path:
    """Save a word beside a sun as a PNG with soft edges on a clear ground."""
    height = LOGO_SIZE[1]
    picture = Image.new("RGBA", LOGO_SIZE, (255, 255, 255, 0))
    draw = ImageDraw.Draw(picture)
    glow = Image.new("L", LOGO_SIZE)
    ImageDraw.Draw(glow).ellipse((20, 20, height - 20, height - 20), fill=190)
    picture.paste((255, 196, 92), mask=glow.filter(ImageFilter.GaussianBlur(12)))
    draw.ellipse((40, 40, height - 40, height - 40), fill="#f59e0b")
    font = ImageFont.truetype(FOLDER / "NotoSans-SemiBold.ttf", 78)
    draw.text((height, height / 2), "Northwind", "#ffffff", font, anchor="lm", stroke_width=4, stroke_fill="#1f2937")
    picture.save(path)
    return path


def animation(path: Path) -> Path:
    """Save a balloon that drifts over a lake as an animated GIF, for ever."""
    width, height = ANIMATION_SIZE
    ground = scene(*ANIMATION_SIZE).filter(ImageFilter.GaussianBlur(1.2)).quantize(96, kmeans=1).convert("RGB")
    frames = []
    for number in range(FRAMES):
        turn = number / FRAMES * math.tau
        x, y = width * (0.45 + 0.25 * math.cos(turn)), height * (0.36 + 0.16 * math.sin(turn))
        frames.append(ground.copy())
        _balloon(frames[-1], x, y, 24)
    palette = frames[0].quantize(200)
    indexed = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    indexed[0].save(path, save_all=True, append_images=indexed[1:], duration=FRAME_MS, loop=0)
    return path


def _balloon(picture: Image.Image, x: float, y: float, radius: float) -> None:
    draw = ImageDraw.Draw(picture)
    rope, basket = max(1, round(radius / 24)), radius / 5
    for side in (-1, 1):
        line = (x + side * radius * 0.5, y + radius * 0.8, x + side * basket * 0.8, y + radius * 1.7)
        draw.line(line, fill="#374151", width=rope)
    draw.rectangle((x - basket, y + radius * 1.65, x + basket, y + radius * 2), fill="#78350f")
    for share, colour in ((1, "#dc2626"), (0.62, "#fbbf24"), (0.25, "#dc2626")):
        draw.ellipse((x - radius * share, y - radius, x + radius * share, y + radius), fill=colour)
