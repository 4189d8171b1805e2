"""The gravity `attention` keeps the part of a picture that draws the eye, and both engines keep the same."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFilter

from tests.support.pictures import encoded
from tests.support.thumbnail.drawing import Renderer, close

SKIN = (224, 172, 140)


def landscape(*, face_at: int, width: int = 240, height: int = 80) -> Image.Image:
    """A soft, grey landscape with a disc of the colour of skin and two dark eyes."""
    picture = Image.linear_gradient("L").resize((width, height)).point([90 + level // 4 for level in range(256)])
    picture = picture.filter(ImageFilter.GaussianBlur(3)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((face_at - 18, 22, face_at + 18, 58), fill=SKIN)
    for eye in (-7, 7):
        draw.ellipse((face_at + eye - 3, 33, face_at + eye + 3, 39), fill="black")
    return picture


def attended(renderer: Renderer, data: bytes, **variant: Any) -> Image.Image:
    box = {"width": 40, "height": 40, "fit": "cover", "gravity": "attention", "format": "png"}
    return renderer.picture(data, **(box | variant))


def face_of(picture: Image.Image) -> tuple[float, float]:
    """Where the middle of the face is, in fractions of the picture."""
    skin = [
        (x, y) for y in range(picture.height) for x in range(picture.width) if close(picture.getpixel((x, y)), SKIN, 30)
    ]
    assert skin, "the face is not in the picture"
    count, (width, height) = len(skin), picture.size
    return (sum(x for x, _ in skin) + count / 2) / count / width, (sum(y for _, y in skin) + count / 2) / count / height


@pytest.mark.parametrize("name", ["PNG", "JPEG"])
@pytest.mark.parametrize("face_at", [30, 80, 120, 205])
def test_a_face_is_kept_wherever_it_is(renderer: Renderer, face_at: int, name: str) -> None:
    picture = attended(renderer, encoded(landscape(face_at=face_at), name))
    assert picture.size == (40, 40)
    across, down = face_of(picture)
    assert 0.3 <= across <= 0.7
    assert 0.4 <= down <= 0.6


def test_a_face_is_kept_in_every_turn_and_crop(renderer: Renderer) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(landscape(face_at=205).transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif)
    for options in (
        {},
        {"rotate": 90},
        {"rotate": 180},
        {"crop": {"x": 0.4, "y": 0, "width": 0.6, "height": 1, "unit": "fraction"}},
    ):
        across, down = face_of(attended(renderer, data, **options))
        assert 0.25 <= across <= 0.75, options
        assert 0.25 <= down <= 0.75, options


@pytest.mark.parametrize("alpha", [255, 0])
def test_the_middle_is_kept_where_nothing_draws_the_eye(renderer: Renderer, alpha: int) -> None:
    source = Image.new("RGBA", (120, 40), (0, 0, 0, 255))
    for x in range(120):  # a ramp, of which each column shows where it is
        source.paste((2 * x, 2 * x, 2 * x, alpha), (x, 0, x + 1, 40))
    level = attended(renderer, encoded(source.convert("LA"), "PNG"), fit="cover").convert("LA").getpixel((20, 20))
    assert level[1] == alpha  # type: ignore[index]
    if alpha:
        assert abs(level[0] - 120) <= 6  # type: ignore[index]


def test_both_engines_keep_the_same(tmp_path: Path) -> None:
    data = encoded(landscape(face_at=190), "JPEG", quality=95)
    places = []
    for engine in ("vips", "pillow"):
        folder = tmp_path / engine
        folder.mkdir()
        places.append(face_of(attended(Renderer(folder, engine), data, width=30)))
    assert all(abs(one - other) <= 0.05 for one, other in zip(*places, strict=True))


def test_other_variants_of_the_request_are_as_without_it(renderer: Renderer) -> None:
    data = encoded(landscape(face_at=30, width=480, height=160), "JPEG")
    plain = {"name": "plain", "width": 60, "format": "png"}
    alone = Image.open(renderer.render(data, plain)[0]["path"])
    with alone:
        expected = alone.tobytes()
    eye = {"name": "eye", "width": 40, "height": 40, "fit": "cover", "gravity": "attention"}
    with Image.open(renderer.render(data, plain, eye)[0]["path"]) as beside:
        levels = zip(beside.tobytes(), expected, strict=True)
        assert max(abs(one - other) for one, other in levels) <= 12
