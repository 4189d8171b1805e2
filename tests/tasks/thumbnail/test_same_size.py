"""Variants without width and height: the picture is converted, and keeps its size."""

import io
from typing import Any

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tasks.thumbnail.options.turning import swaps
from tests.support.pictures import detailed, encoded
from tests.support.thumbnail.drawing import Renderer, close, corners

SAME = {"name": "same"}


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "avif", "gif"])
def test_every_format_has_the_size_of_the_picture(renderer: Renderer, name: str) -> None:
    source = detailed(301, 207)
    [file] = renderer.render(encoded(source, "PNG"), {**SAME, "format": name})
    with Image.open(file["path"]) as drawn:
        assert (drawn.format, drawn.size) == (name.upper(), source.size)
        assert (file["width"], file["height"]) == source.size
        if name == "png":
            assert drawn.tobytes() == source.tobytes()


def test_a_picture_longer_than_any_box_keeps_its_size(renderer: Renderer) -> None:
    long = encoded(Image.new("RGB", (9000, 20)), "PNG")
    assert renderer.picture(long, format="jpeg").size == (9000, 20)
    assert renderer.picture(encoded(Image.new("RGB", (20, 9000)), "JPEG"), format="png").size == (20, 9000)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_result_is_upright(renderer: Renderer, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    source = detailed(120, 80)
    data = encoded(source, "JPEG", exif=exif)
    drawn = renderer.picture(data, format="png")
    assert drawn.size == ((80, 120) if swaps(orientation) else (120, 80))
    with Image.open(io.BytesIO(data)) as stored:
        expected = corners(renderer.picture(data, width=120, height=120, format="png"))
        assert stored.size == source.size
    assert all(close(one, other) for one, other in zip(corners(drawn), expected, strict=True))
    assert not drawn.getexif()


def test_the_other_options_work(renderer: Renderer) -> None:
    data = encoded(detailed(200, 100), "PNG")
    mark = renderer.upload(encoded(Image.new("RGB", (10, 10), "red"), "PNG"))
    files = renderer.render(
        data,
        {"name": "cropped", "crop": {"x": 50, "y": 0, "width": 101, "height": 60}},
        {"name": "turned", "rotate": 90},
        {"name": "marked", "watermark": {"upload": mark, "scale": 0.5, "opacity": 1}, "format": "png"},
        {"name": "soft", "blur": 3, "format": "png"},
        {"name": "limited", "format": "webp", "max_bytes": 3000},
        {"name": "rough", "quality": 10},
        {"name": "fine", "quality": 95},
        {"name": "several", "formats": ["avif", "jpeg"]},
        {"name": "lit", "resize": "linear", "format": "png"},
        {"name": "small", "width": 50},
    )
    found: dict[str, Any] = {file["name"]: file for file in files}
    sizes = {name: (file["width"], file["height"]) for name, file in found.items()}
    assert (sizes.pop("cropped"), sizes.pop("turned"), sizes.pop("small")) == ((101, 60), (100, 200), (50, 25))
    assert set(sizes.values()) == {(200, 100)}
    assert len(files) == 11
    with Image.open(found["marked"]["path"]) as marked:
        assert marked.getpixel((140, 50)) == (255, 0, 0)
    assert found["limited"]["bytes"] <= 3000
    assert found["limited"]["max_bytes_met"]
    assert found["rough"]["bytes"] < found["fine"]["bytes"]
    with Image.open(found["lit"]["path"]) as lit:
        pairs = zip(lit.tobytes(), detailed(200, 100).tobytes(), strict=True)
        assert max(abs(one - other) for one, other in pairs) <= 2


def test_the_pixels_of_all_outputs_are_limited(prober: Renderer) -> None:
    data = encoded(Image.new("L", (200, 100)), "PNG")
    assert prober.probe(data, SAME, max_output_pixels=20_000)["width"] == 200
    with pytest.raises(Refusal, match="MAX_OUTPUT_PIXELS") as refused:
        prober.probe(data, {**SAME, "formats": ["jpeg", "png"]}, max_output_pixels=20_000)
    assert refused.value.code == "too_many_pixels"


def test_a_side_that_the_format_cannot_have_is_refused_before_anything_is_decoded(prober: Renderer) -> None:
    wide = encoded(Image.new("RGB", (16_384, 1)), "PNG")
    for format_ in ({"format": "webp"}, {"formats": ["jpeg", "webp"]}):
        with pytest.raises(Refusal, match=r"16384 × 1 pixels; the limit for a side of a webp is 16,383") as refused:
            prober.probe(wide, SAME | format_)
        assert (refused.value.code, refused.value.limit) == ("side_too_long", 16_383)
    prober.probe(wide, SAME, SAME | {"name": "png", "format": "png"})  # which auto is a JPEG of
    with pytest.raises(Refusal, match="side of a webp"):
        prober.probe(encoded(Image.new("RGBA", (1, 16_384)), "PNG"), SAME)
    prober.probe(wide, {**SAME, "format": "webp", "width": 8192})


def test_an_animation_keeps_its_size_and_its_frames(renderer: Renderer) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in ("red", "green", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100)
    [file] = renderer.render(data, {**SAME, "animated": True})
    with Image.open(file["path"]) as drawn:
        assert (drawn.format, drawn.size, getattr(drawn, "n_frames", 1)) == ("WEBP", (40, 30), 3)


def test_what_it_takes_grows_with_the_picture_and_is_refused_beyond_the_limit(prober: Renderer) -> None:
    """A photo of a phone is converted within the 300 MB that a machine of 512 MB can spare."""
    photo = encoded(Image.new("RGB", (4000, 3000)), "JPEG")
    estimates = {
        name: prober.probe(photo, {**SAME, "format": name})["memory_mb"] for name in ("jpeg", "png", "webp", "avif")
    }
    assert max(estimates[name] for name in ("jpeg", "png", "webp")) <= 300 < estimates["avif"]
    assert prober.probe(photo, SAME | {"width": 512})["memory_mb"] < estimates["jpeg"] / 3
    with pytest.raises(Refusal, match="SANDBOX_BUDGET_MB") as refused:
        prober.probe(photo, {**SAME, "format": "avif"}, max_memory_mb=300)
    assert refused.value.code == "too_much_memory"
