"""Every option, drawn by both engines: the pictures are of one size and look alike."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from tests.support.pictures import encoded, scene
from tests.support.thumbnail.drawing import Renderer

TOLERANCE = 5.0
"""Root mean square difference in levels of 256: libvips rounds a region to whole pixels."""
BOX = {"width": 48, "height": 40}
COVER = {**BOX, "fit": "cover"}
OPTIONS: tuple[dict[str, Any], ...] = (
    *({**BOX, "fit": fit} for fit in ("contain", "pad", "exact")),
    *({**COVER, "gravity": gravity} for gravity in ("center", "northwest", "southeast", "attention")),
    {**COVER, "focal": {"x": 0.2, "y": 0.8}},
    {**COVER, "crop": {"x": 0.2, "y": 0.1, "width": 0.5, "height": 0.6, "unit": "fraction"}},
    {"width": 30, "crop": {"x": 13, "y": 21, "width": 47, "height": 33}},
    *({**COVER, "rotate": degrees, "gravity": "east"} for degrees in (90, 180, 270)),
    {**BOX, "fit": "pad", "background": "auto", "gravity": "north"},
    {"width": 40, "blur": 1.5},
    {"width": 40, "sharpen": 0.8},
    {"width": 40, "resize": "linear", "rotate": 90},
    {"width": 40, "watermark": {"scale": 0.5, "opacity": 0.6, "margin": 3}},
)


def source(kind: str) -> bytes:
    picture = scene(120, 90)
    match kind:
        case "turned":
            exif = Image.Exif()
            exif[0x0112] = 7
            return encoded(picture, "JPEG", exif=exif, quality=95)
        case "transparent":
            picture.putalpha(Image.radial_gradient("L").resize(picture.size))
            return encoded(picture, "PNG")
        case "grey":
            return encoded(picture.convert("L"), "PNG")
        case _:
            return encoded(picture.convert("CMYK"), "JPEG", quality=95)


@pytest.mark.parametrize("kind", ["turned", "transparent", "grey", "ink"])
def test_both_engines_draw_every_option_alike(tmp_path: Path, kind: str) -> None:
    mark = encoded(Image.new("RGBA", (20, 10), (255, 40, 40, 200)), "PNG")
    drawn = []
    for engine in ("vips", "pillow"):
        folder = tmp_path / engine
        folder.mkdir()
        renderer = Renderer(folder, engine)
        variants = [{"name": f"v{number}", "format": "png", **options} for number, options in enumerate(OPTIONS)]
        for variant in variants:
            if "watermark" in variant:
                variant["watermark"] = {**variant["watermark"], "upload": renderer.upload(mark)}
        drawn.append(renderer.render(source(kind), *variants))
    for options, one, other in zip(OPTIONS, *drawn, strict=True):
        with Image.open(one["path"]) as left, Image.open(other["path"]) as right:
            assert (left.size, left.mode) == (right.size, right.mode), options
            bands = ImageStat.Stat(ImageChops.difference(left.convert("RGBA"), right.convert("RGBA"))).rms
        assert max(bands) <= TOLERANCE, (options, bands)
