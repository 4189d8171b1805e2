"""Watermarks: where and how they are drawn, and which are refused."""

from itertools import product
from typing import Any

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.thumbnail.options.regions import GRAVITIES
from tasks.thumbnail.options.watermark import mark_box
from tests.support.pictures import encoded, png_header, quarters
from tests.support.thumbnail.drawing import Renderer, close, corners

RED = (220, 20, 20)


def marked(renderer: Renderer, source: Image.Image, mark: Image.Image, **watermark: Any) -> Image.Image:
    watermark["upload"] = renderer.upload(encoded(mark, "PNG"))
    return renderer.picture(encoded(source, "PNG"), width=source.width, format="png", watermark=watermark)


@pytest.mark.parametrize("position", GRAVITIES)
def test_a_watermark_is_drawn_where_it_is_asked_for(renderer: Renderer, position: str) -> None:
    across, down = GRAVITIES[position]
    mark = Image.new("RGB", (8, 4), RED)
    picture = marked(renderer, Image.new("RGB", (40, 30), "navy"), mark, position=position, scale=0.25, margin=2)
    left, top = 2 + int(26 * across), 2 + int(21 * down)
    right = Image.new("RGB", (40, 30), "navy")
    right.paste(RED, (left, top, left + 10, top + 5))
    assert picture.tobytes() == right.tobytes()


def test_a_watermark_has_an_opacity_besides_its_own(renderer: Renderer) -> None:
    mark = Image.new("RGBA", (10, 10), (255, 255, 255, 255))
    mark.paste((255, 255, 255, 0), (5, 0, 10, 10))
    picture = marked(renderer, Image.new("L", (20, 20), 100), mark, position="center", scale=1, opacity=0.4)
    assert picture.mode == "RGB"
    assert close(picture.getpixel((3, 10)), (162,) * 3, 2)  # 100 + 40 % of 155
    assert close(picture.getpixel((17, 10)), (100,) * 3, 1)


def test_a_watermark_on_transparency_keeps_it(renderer: Renderer) -> None:
    source = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    picture = marked(renderer, source, Image.new("RGB", (4, 4), RED), position="northwest", scale=0.5)
    assert picture.mode == "RGBA"
    assert picture.getpixel((4, 4)) == (*RED, 255)
    assert picture.getpixel((15, 15))[3] == 0  # type: ignore[index]


def test_a_watermark_is_drawn_over_the_border_and_in_every_density_and_format_alike(renderer: Renderer) -> None:
    watermark = {"upload": renderer.upload(encoded(Image.new("RGB", (4, 4), RED), "PNG")), "scale": 0.25, "margin": 2}
    variant = {"name": "v", "width": 32, "height": 16, "fit": "pad", "dpr": [1, 2], "formats": ["png", "jpeg"]}
    data = encoded(Image.new("RGB", (16, 16), "navy"), "PNG")
    for file in renderer.render(data, variant | {"watermark": watermark, "quality": 100, "enlarge": True}):
        with Image.open(file["path"]) as picture:
            scale = picture.width // 32
            assert close(picture.getpixel((26 * scale, 10 * scale)), RED, 30)
            assert close(picture.getpixel((32 * scale - scale, 15 * scale)), (255, 255, 255), 30)


def test_a_watermark_is_upright_whatever_the_picture_is(renderer: Renderer) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    mark = quarters(24, 24)
    watermark = {
        "upload": renderer.upload(encoded(mark.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)),
        "scale": 1,
    }
    data = encoded(Image.new("RGB", (24, 24)), "PNG", exif=exif)
    picture = renderer.picture(data, width=24, rotate=90, format="png", watermark=watermark)
    assert all(map(close, corners(picture), corners(mark)))


REFUSED = {
    "text": (b"no picture at all", "unsupported_format"),
    "nothing": (b"", "truncated"),
    "half a file": (encoded(quarters(), "PNG")[:120], "truncated"),
    "too many pixels": (png_header(1500, 1000), "too_many_pixels"),
}


@pytest.mark.parametrize("bad", REFUSED)
def test_a_watermark_that_cannot_be_read_is_refused_by_its_field(renderer: Renderer, bad: str) -> None:
    data, code = REFUSED[bad]
    good = {"name": "good", "width": 8}
    variant = {"name": "bad", "width": 8, "watermark": {"upload": renderer.upload(data)}}
    with pytest.raises(Refusal, match="The watermark of the variant 'bad' cannot be used") as caught:
        renderer.render(encoded(quarters(), "PNG"), good, variant)
    assert (caught.value.code, caught.value.field) == (code, "variants.1.watermark.upload")
    assert not list(renderer.drawn.iterdir())
    if bad != "half a file":
        with pytest.raises(Refusal, match="'bad' cannot be used"):
            renderer.probe(encoded(quarters(), "PNG"), good, variant)


def test_a_watermark_takes_memory(prober: Renderer) -> None:
    data, mark = encoded(quarters(), "PNG"), encoded(Image.new("RGBA", (1000, 800)), "PNG")
    variant = {"name": "v", "width": 8}
    plain = prober.probe(data, variant)["memory_mb"]
    marked = prober.probe(data, variant | {"watermark": {"upload": prober.upload(mark)}})["memory_mb"]
    assert 20 <= marked - plain <= 25


def test_a_watermark_is_inside_of_every_picture() -> None:
    for mark, result, scale, margin in product(
        ((1, 1), (400, 3), (3, 400)), ((1, 1), (2, 50), (50, 2), (64, 64)), (0.01, 1), (0, 5, 1000)
    ):
        for position in GRAVITIES:
            watermark = {"position": position, "scale": scale, "margin": margin}
            left, top, width, height = mark_box(mark, result, watermark)
            assert left >= 0
            assert top >= 0
            assert 1 <= width <= result[0] - left
            assert 1 <= height <= result[1] - top


def test_a_square_drawing_without_pixels_is_not_too_large_for_a_watermark(renderer: Renderer) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9" fill="#dc1414"/></svg>'
    watermark = {"upload": renderer.upload(svg), "position": "center", "scale": 0.5}
    variant = {"name": "v", "width": 32, "format": "png", "watermark": watermark}
    limit = Settings(_env_file=None).max_watermark_pixels
    file = renderer.render(encoded(Image.new("RGB", (32, 32)), "PNG"), variant, max_watermark_pixels=limit)[0]
    with Image.open(file["path"]) as picture:
        assert close(picture.getpixel((16, 16)), RED, 3)
