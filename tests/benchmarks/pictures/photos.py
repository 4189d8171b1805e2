"""The pictures of `bin/bench images`: of a dozen kinds, the same each time, and those of a folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pyvips
from PIL import Image, ImageDraw, ImageFont

ORIENTATION_TAG: Final = 0x0112
SUFFIXES: Final = {".avif", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}

STORY: Final = (
    "The quick brown fox jumps over the lazy dog, and the invoice of the third quarter is due at the end of the month. "
)


def pictures(folder: Path, more: Path | None) -> Iterator[tuple[str, Path]]:
    """Make the pictures in a folder, one after the other, and go on with those of another folder.

    Args:
        folder: Where they are written.
        more: A folder of pictures, or None.

    Returns:
        Each one's name, as it is printed, and its file.
    """
    for name, (file, draw) in _KINDS.items():
        path = folder / file
        draw(path)
        yield name, path
    for path in sorted(more.iterdir()) if more else ():
        if path.suffix.lower() in SUFFIXES:
            yield path.name, path


def scene(width: int, height: int, seed: int, *, detail: float = 1.0, grain: float = 1.5) -> Image.Image:
    """Draw what has the statistics of a photo: contrast at every scale, hard edges, smooth places, soft colours, grain.

    Args:
        width: In pixels.
        height: In pixels.
        seed: Another one is another picture.
        detail: Contrast of the two finest scales.
        grain: Standard deviation of the sensor's noise.
    """
    down = pyvips.Image.xyz(width, height)[1] * (-70 / height) + 150
    shapes = _noise(width, height, seed + 1, (0, 0, 0, 0, 3, 6, 12))
    hills = (shapes > 4).ifthenelse(38, 0) + (shapes > -9).ifthenelse(22, 0)
    rough = (shapes < 0).ifthenelse(1, 0.15)
    light = down + hills + _noise(width, height, seed + 2, (3 * detail, 7 * detail, 9, 9, 8, 6, 4)) * rough
    colour = _noise(width, height, seed + 3, (0, 0.5, 1, 2, 3, 5, 9))
    picture = (light + colour).bandjoin([light, light * 0.9 + 14 - colour])
    sensor = pyvips.Image.gaussnoise(width, height, sigma=grain, mean=0, seed=seed)
    pixels = (picture + sensor).cast("uchar").write_to_memory()
    return Image.frombytes("RGB", (width, height), pixels)


def _noise(width: int, height: int, seed: int, contrasts: tuple[float, ...]) -> Any:
    """Sum noise of several scales, each of which is twice as coarse as the one before."""
    contrast, *coarser = contrasts
    noise = pyvips.Image.gaussnoise(width, height, sigma=contrast, mean=0, seed=seed)
    if not coarser:
        return noise
    half = _noise(width // 2 + 2, height // 2 + 2, seed + 100, tuple(coarser))
    return noise + half.resize(2, kernel="cubic").crop(0, 0, width, height)


def _portrait(path: Path) -> None:
    """A face before a blurred wall, taken with the camera held upright: stored on its side."""
    soft = scene(1365, 2048, 11, detail=0.1, grain=1)
    pen = ImageDraw.Draw(soft)
    pen.ellipse((330, 420, 1035, 1400), fill=(214, 170, 146))
    for left in (520, 760):
        pen.ellipse((left, 780, left + 110, 840), fill=(250, 248, 246), outline=(60, 40, 36), width=6)
        pen.ellipse((left + 36, 788, left + 76, 832), fill=(52, 88, 110))
    pen.arc((560, 960, 820, 1180), 20, 160, fill=(150, 64, 66), width=22)
    for hair in range(0, 760, 6):
        pen.line(
            (300 + hair, 640 - hair % 90, 250 + hair * 1.1, 330 + hair % 70), fill=(58, 40 + hair % 24, 30), width=3
        )
    mixed = Image.blend(soft, scene(1365, 2048, 12, detail=0.5, grain=3), 0.2)
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = 6
    mixed.transpose(Image.Transpose.ROTATE_90).save(path, quality=90, exif=exif)


def _page(path: Path) -> None:
    """A page of text, photographed: grain on the paper."""
    paper = Image.new("RGB", (1654, 2339), (250, 249, 245))
    pen = ImageDraw.Draw(paper)
    font = ImageFont.load_default(26)
    for line in range(56):
        start = line * 17 % len(STORY)
        pen.text((140, 160 + line * 36), (STORY[start:] + STORY)[:104], fill=(30, 30, 34), font=font)
    Image.blend(paper, scene(1654, 2339, 21, detail=0.2, grain=4), 0.06).save(path, quality=85)


def _screenshot(path: Path) -> None:
    """Windows, buttons and small text in flat colours."""
    screen = Image.new("RGB", (1920, 1080), (238, 240, 243))
    pen = ImageDraw.Draw(screen)
    font, title = ImageFont.load_default(15), ImageFont.load_default(28)
    pen.rectangle((0, 0, 260, 1080), fill=(33, 41, 54))
    for row in range(18):
        pen.text((30, 30 + row * 40), f"Menu entry {row + 1}", fill=(190, 198, 210), font=font)
    for card in range(6):
        left, top = 300 + card % 3 * 530, 60 + card // 3 * 500
        pen.rounded_rectangle((left, top, left + 500, top + 460), 12, fill="white", outline=(210, 214, 220))
        pen.text((left + 24, top + 20), f"Revenue {2020 + card}", fill=(20, 24, 32), font=title)
        for bar in range(12):
            height = 40 + (bar * 53 + card * 71) % 200
            colour = ((66, 99, 235), (18, 184, 134), (250, 82, 82))[card % 3]
            pen.rectangle((left + 30 + bar * 37, top + 300 - height, left + 56 + bar * 37, top + 300), fill=colour)
        for line in range(5):
            pen.text((left + 24, top + 325 + line * 24), STORY[line * 9 :][:64], fill=(90, 96, 106), font=font)
    screen.save(path)


def _logo(path: Path) -> None:
    """A sign on nothing, its edges and its shadow half transparent."""
    sign = Image.new("RGBA", (4800, 4800))
    pen = ImageDraw.Draw(sign)
    pen.ellipse((500, 560, 4460, 4520), fill=(0, 0, 0, 70))
    pen.ellipse((400, 400, 4400, 4400), fill=(230, 73, 128, 255))
    pen.polygon([(1400, 3300), (2400, 1000), (3400, 3300)], fill=(255, 255, 255, 255))
    pen.ellipse((2100, 2200, 2700, 2800), fill=(76, 110, 245, 180))
    sign.resize((1200, 1200), Image.Resampling.BOX).save(path)


def _chart(path: Path) -> None:
    """Thin lines and lattices, as fine as a pixel: the hardest to shrink."""
    picture = Image.new("RGB", (1600, 1200), "white")
    pen = ImageDraw.Draw(picture)
    for step in range(0, 1600, 8):
        pen.line((step, 0, 1600 - step, 1200), fill=(step % 256, 90, 200), width=1 + step % 3)
    for ring in range(10, 560, 9):
        pen.ellipse((800 - ring, 600 - ring, 800 + ring, 600 + ring), outline=(20, 20, 20), width=1)
    picture.save(path, quality=92)


def _saved(width: int, height: int, seed: int, **options: Any) -> Callable[[Path], None]:
    look = {key: options.pop(key) for key in ("detail", "grain") if key in options}
    mode = options.pop("mode", "RGB")
    return lambda path: scene(width, height, seed, **look).convert(mode).save(path, **options)


_KINDS: Final[dict[str, tuple[str, Callable[[Path], None]]]] = {
    "landscape, 2048 × 1365": ("landscape.jpg", _saved(2048, 1365, 1, quality=92)),
    "portrait on its side, 2048 × 1365": ("portrait.jpg", _portrait),
    "of a phone, 12 MP": ("phone.jpg", _saved(4032, 3024, 2, quality=85, detail=0.6, grain=3)),
    "of a camera, 24 MP": ("camera.jpg", _saved(6000, 4000, 3, quality=90, detail=0.5)),
    "foliage, 4:4:4, 6 MP": ("foliage.jpg", _saved(3000, 2000, 4, quality=95, subsampling=0, detail=2.4)),
    "progressive, 1600 × 1200": ("progressive.jpg", _saved(1600, 1200, 5, quality=85, progressive=True)),
    "grey, 1500 × 1000": ("grey.jpg", _saved(1500, 1000, 6, quality=90, mode="L", grain=5)),
    "small, 640 × 480": ("small.jpg", _saved(640, 480, 7, quality=80)),
    "page of text": ("page.jpg", _page),
    "thin lines": ("lines.jpg", _chart),
    "PNG of a photo, 1200 × 800": ("photo.png", _saved(1200, 800, 8)),
    "screenshot, PNG": ("screenshot.png", _screenshot),
    "logo with alpha, PNG": ("logo.png", _logo),
    "WebP, 1600 × 1067": ("photo.webp", _saved(1600, 1067, 9, quality=82)),
}
