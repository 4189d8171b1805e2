"""Animated variants: every format in, WebP and GIF out, with their times and loops."""

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from pydantic import ValidationError

from tasks.refusal import Refusal
from tasks.thumbnail.animation.writing import AnimationWriter, GifTimes, PillowGifWriter, VipsGifWriter
from tasks.thumbnail.variants import Variant
from tests.support.pictures import encoded, gif_of_frames, quarters
from tests.support.thumbnail.animations import (
    GREEN,
    RED,
    ApngPart,
    GifPart,
    apng_of,
    gif_of,
    played,
)
from tests.support.thumbnail.drawing import Renderer, close

WHOLE = (0, 0, 64, 48)
DURATIONS = [40, 120, 300]


def frames() -> list[Image.Image]:
    """A ball on a photo-like ground."""
    pictures = []
    for place in (6, 26, 46):
        picture = quarters(64, 48)
        ImageDraw.Draw(picture).ellipse((place, 18, place + 12, 30), fill=(255, 255, 255))
        pictures.append(picture)
    return pictures


def animation(name: str, **options: Any) -> bytes:
    first, *others = frames()
    extra = {"WEBP": {"lossless": True}}.get(name, {})
    return encoded(first, name, save_all=True, append_images=others, duration=DURATIONS, **extra, **options)


@pytest.mark.parametrize("out", ["webp", "gif"])
@pytest.mark.parametrize("source", ["GIF", "PNG", "WEBP"])
def test_frames_times_and_loops_are_kept(renderer: Renderer, source: str, out: str) -> None:
    file = renderer.render(animation(source, loop=0), {"name": "one", "width": 32, "format": out, "animated": True})[0]
    assert file["path"].endswith(f"one.{out}")
    about = {key: file[key] for key in ("type", "width", "height", "frames", "duration_ms", "loops")}
    assert about == {
        "type": f"image/{out}",
        "width": 32,
        "height": 24,
        "frames": 3,
        "duration_ms": sum(DURATIONS),
        "loops": 0,
    }
    found = played(file["path"])
    assert (found.durations_ms, found.loops) == (DURATIONS, 0)
    for drawn, original, ball in zip(found.frames, frames(), (6, 16, 26), strict=True):
        assert drawn.size == (32, 24)
        assert close(drawn.getpixel((ball, 12)), (255, 255, 255, 255), 30)
        wanted = original.resize((32, 24), Image.Resampling.LANCZOS)
        for place in ((3, 3), (28, 3), (3, 21), (28, 21)):
            assert close(drawn.getpixel(place)[:3], wanted.getpixel(place), 30)  # type: ignore[index]


@pytest.mark.parametrize("loops", [0, 1, 4])
@pytest.mark.parametrize("out", ["webp", "gif"])
def test_an_animation_is_played_as_often_as_before(renderer: Renderer, out: str, loops: int) -> None:
    gif = gif_of((8, 8), GifPart(0, (0, 0, 8, 8)), GifPart(1, (0, 0, 8, 8)), repeats={0: 0, 1: None, 4: 3}[loops])
    apng = apng_of((8, 8), ApngPart(RED, (0, 0, 8, 8)), ApngPart(GREEN, (0, 0, 8, 8)), plays=loops)
    webp = animation("WEBP", loop=loops)
    for data in (gif, apng, webp):
        file = renderer.render(data, {"name": "one", "width": 8, "format": out, "animated": True})[0]
        assert (file["loops"], played(file["path"]).loops) == (loops, loops)


@pytest.mark.parametrize("out", ["webp", "gif"])
def test_numbers_that_no_other_format_has_become_the_largest_that_it_has(renderer: Renderer, out: str) -> None:
    parts = [ApngPart(colour, (0, 0, 8, 8), delay=(65_535, 1)) for colour in (RED, GREEN)]
    variant = {"name": "one", "width": 8, "format": out, "animated": True}
    for data in (apng_of((8, 8), *parts, plays=2_000_000_000), animation("GIF", loop=65_535)):
        file = renderer.render(data, variant)[0]
        assert played(file["path"]).loops == file["loops"] == 65_535
    file = renderer.render(apng_of((8, 8), *parts), variant)[0]
    assert played(file["path"]).durations_ms == [655_350] * 2
    assert file["duration_ms"] == 2 * 655_350


def test_a_frame_of_no_length_lasts_a_tenth_of_a_second(renderer: Renderer) -> None:
    parts = [GifPart(colour, (0, 0, 8, 8), hundredths=time) for colour, time in enumerate((0, 1, 2))]
    for out in ("webp", "gif"):
        file = renderer.render(gif_of((8, 8), *parts), {"name": "one", "width": 8, "format": out, "animated": True})[0]
        assert played(file["path"]).durations_ms == [100, 100, 20]


def test_times_that_a_gif_cannot_have_are_rounded_without_drift() -> None:
    times = GifTimes()
    for _ in range(60):
        times.add(1000 / 30)
    assert sum(times.durations_ms) == 2000
    assert set(times.durations_ms) == {30, 40}
    fast = GifTimes()
    for _ in range(5):
        fast.add(12)
    assert fast.durations_ms == [20] * 5  # a browser shows a frame of 10 ms for 100


def test_still_and_animated_variants_come_in_their_order(renderer: Renderer) -> None:
    files = renderer.render(
        animation("GIF"),
        {"name": "first", "width": 16, "format": "png"},
        {"name": "all", "width": 32, "animated": True, "formats": ["gif", "webp"]},
        {"name": "twice", "width": 8, "animated": True, "dpr": [1, 2]},
        {"name": "last", "width": 16},
    )
    assert [Path(file["path"]).name for file in files] == [
        "first.png",
        "all.gif",
        "all.webp",
        "twice.webp",
        "twice@2x.webp",
        "last.jpg",
    ]
    assert ["frames" in file for file in files] == [False, True, True, True, True, False]
    with Image.open(files[0]["path"]) as picture:
        assert getattr(picture, "n_frames", 1) == 1
        assert close(picture.convert("RGB").getpixel((3, 6)), (255, 255, 255), 40)


def test_a_still_picture_is_drawn_as_if_nothing_had_been_said(renderer: Renderer) -> None:
    for name in ("JPEG", "GIF", "PNG", "WEBP"):
        file = renderer.render(encoded(quarters(), name), {"name": "one", "width": 16, "animated": True})[0]
        assert (file["type"], "frames" in file) == ("image/jpeg", False)


def test_every_frame_is_cropped_padded_and_turned_alike(renderer: Renderer) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    webp = animation("WEBP", exif=exif.tobytes())
    files = renderer.render(
        webp,
        {"name": "cover", "width": 20, "height": 20, "fit": "cover", "animated": True},
        {"name": "pad", "width": 40, "height": 20, "fit": "pad", "background": "#00ff00", "animated": True},
    )
    assert [(file["width"], file["height"]) for file in files] == [(20, 20), (40, 20)]
    for frame in played(files[1]["path"]).frames:
        assert frame.size == (40, 20)
        assert close(frame.getpixel((2, 10)), GREEN, 40)
        # Turned by a quarter: what was at the bottom left is at the top left.
        assert close(frame.getpixel((15, 3))[:3], (30, 40, 220), 60)  # type: ignore[index]


def test_the_border_keeps_one_colour_through_all_frames(renderer: Renderer) -> None:
    data = gif_of((8, 8), GifPart(0, (0, 0, 8, 8)), GifPart(1, (0, 0, 8, 8)), repeats=0)
    variant = {"name": "one", "width": 16, "height": 8, "fit": "pad", "background": "auto", "animated": True}
    for frame in played(renderer.render(data, variant)[0]["path"]).frames:
        assert close(frame.getpixel((1, 4)), RED, 20)


def test_a_picture_that_no_frame_fills_stays_transparent_in_a_gif(renderer: Renderer) -> None:
    data = gif_of((16, 8), GifPart(0, (0, 0, 8, 8), 2), GifPart(1, (8, 0, 16, 8), 2), repeats=0)
    file = renderer.render(data, {"name": "one", "width": 16, "format": "gif", "animated": True})[0]
    seen = [[frame.getpixel((x, 4)) for x in (2, 13)] for frame in played(file["path"]).frames]
    assert [[pixel[3] for pixel in pair] for pair in seen] == [[255, 0], [0, 255]]  # type: ignore[index]
    assert close(seen[0][0], RED)
    assert close(seen[1][1], GREEN)


def test_gif_is_a_format_of_still_pictures_too(renderer: Renderer) -> None:
    clear = quarters(mode="RGBA")
    clear.paste((0, 0, 0, 0), (0, 0, 32, 24))
    for data in (encoded(clear, "PNG"), encoded(clear, "WEBP", lossless=True)):
        file = renderer.render(data, {"name": "one", "width": 64, "format": "gif"})[0]
        assert file["type"] == "image/gif"
        drawn = played_still(file["path"])
        assert drawn.getpixel((5, 5))[3] == 0  # type: ignore[index]
        assert close(drawn.getpixel((50, 10)), (30, 180, 40, 255), 8)


def played_still(path: str) -> Image.Image:
    with Image.open(path) as picture:
        assert picture.format == "GIF"
        return picture.convert("RGBA")


@pytest.mark.parametrize("format", ["jpeg", "png", "avif"])
def test_other_formats_have_no_animation(format: str) -> None:  # noqa: A002
    with pytest.raises(ValidationError, match=f"{format} has no animation here; use animated with"):
        Variant.model_validate({"name": "one", "width": 8, "format": format, "animated": True})
    with pytest.raises(ValidationError, match="animations have one size"):
        Variant.model_validate({"name": "one", "width": 8, "animated": True, "max_bytes": 5000})
    with pytest.raises(ValidationError, match=f"{format} has no animation here"):
        Variant.model_validate({"name": "one", "width": 8, "formats": ["webp", format], "animated": True})


@pytest.mark.parametrize("more", [{"animated": True}, {"format": "gif"}])
def test_gif_and_animations_have_the_colours_of_srgb(more: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="GIF and animations are in sRGB"):
        Variant.model_validate({"name": "one", "width": 8, "colour": "p3", **more})


ANIMATED = {"name": "one", "width": 64, "animated": True}


@pytest.mark.parametrize(
    ("limit", "value", "code", "words"),
    [
        ("max_frames", 2, "too_many_frames", "has 3 frames; the limit is 2 (MAX_FRAMES)"),
        ("max_animation_pixels", 9_000, "too_many_pixels", "9,216 pixels in all; the limit is 9,000"),
        ("max_animation_output_pixels", 9_000, "too_many_pixels", "have 9,216 pixels in all; the limit is 9,000"),
        ("max_memory_mb", 14, "too_much_memory", "about 15 MB of memory"),
    ],
)
@pytest.mark.parametrize("source", ["GIF", "PNG", "WEBP"])
def test_the_limits_count_all_frames_and_only_of_animated_variants(
    prober: Renderer, source: str, limit: str, value: int, code: str, words: str
) -> None:
    data = animation(source)
    with pytest.raises(Refusal) as caught:
        prober.probe(data, ANIMATED, **{limit: value})
    assert (caught.value.code, caught.value.limit) == (code, value)
    assert words in caught.value.message
    if limit != "max_memory_mb":
        assert prober.probe(data, ANIMATED, **{limit: 9_216})["frames"] == 3
        assert prober.probe(data, {"name": "one", "width": 64}, **{limit: value})["frames"] == 3


def test_any_number_of_frames_is_fine_where_the_first_is_used(renderer: Renderer) -> None:
    data = gif_of_frames(1_200)
    assert renderer.probe(data)["frames"] == 1_200
    assert renderer.picture(data, width=1).size == (1, 1)


def test_a_frame_larger_than_its_canvas_counts_with_all_its_pixels(prober: Renderer) -> None:
    data = gif_of((8, 8), GifPart(0, (0, 0, 8, 8)), GifPart(0, (0, 0, 100, 100)))
    with pytest.raises(Refusal, match="10,064 pixels in all"):
        prober.probe(data, ANIMATED, max_animation_pixels=10_000)


def test_a_damaged_animation_is_refused_once_and_leaves_no_file(renderer: Renderer) -> None:
    gif = gif_of(WHOLE[2:], GifPart(0, WHOLE), GifPart(1, WHOLE), GifPart(2, WHOLE))
    apng = apng_of(WHOLE[2:], ApngPart(RED, WHOLE), ApngPart(GREEN, WHOLE))
    webp = animation("WEBP")
    cut = {"gif": gif[:-400], "png": apng[:-60]}
    damaged = {
        "gif": gif.replace(b"\x02" * 20, b"\xfe" * 20),  # codes that have no meaning yet
        "png": apng_of((8, 8), ApngPart(RED, (0, 0, 8, 8)), ApngPart(RED, (4, 0, 12, 8))),
        "webp": webp[:-60] + b"\xff" * 60,
    }
    for code, files in {"truncated": cut, "corrupt": damaged}.items():
        for name, data in files.items():
            with pytest.raises(Refusal) as caught:
                renderer.render(data, ANIMATED)
            assert (name, caught.value.code) == (name, code)
            assert not list(renderer.drawn.iterdir())


@pytest.mark.parametrize("source", ["GIF", "PNG", "WEBP"])
def test_the_whole_frames_of_a_truncated_animation_are_drawn_if_that_is_asked_for(
    renderer: Renderer, source: str
) -> None:
    data = animation(source)[:-60]
    with pytest.raises(Refusal) as caught:
        renderer.render(data, ANIMATED)
    assert caught.value.code == "truncated"
    answer = renderer.answer(data, ANIMATED, draw_truncated=1)
    assert (answer["files"][0]["frames"], answer["picture"]["drawn_share"]) == (2, 0.667)
    assert answer["files"][0]["duration_ms"] == sum(DURATIONS[:2])


@pytest.mark.parametrize("out", ["webp", "gif"])
def test_equal_frames_that_the_file_has_as_one_are_counted_once(renderer: Renderer, out: str) -> None:
    data = apng_of((8, 8), *[ApngPart(colour, (0, 0, 8, 8)) for colour in (RED, RED, GREEN, GREEN, RED)])
    [file] = renderer.render(data, ANIMATED | {"format": out})
    assert file["frames"] == len(played(file["path"]).frames)
    assert file["frames"] == 3


def test_frames_that_a_file_only_claims_are_not_waited_for(renderer: Renderer) -> None:
    few = apng_of((8, 8), ApngPart(RED, (0, 0, 8, 8)), ApngPart(GREEN, (0, 0, 8, 8)), said=900)
    many = apng_of((8, 8), *[ApngPart(colour, (0, 0, 8, 8)) for colour in (RED, GREEN, RED, GREEN)], said=2)
    assert renderer.render(few, ANIMATED)[0]["frames"] == 2
    assert renderer.render(many, ANIMATED)[0]["frames"] == 2


@pytest.mark.parametrize("kind", [VipsGifWriter, PillowGifWriter])
def test_a_full_disk_is_told_from_a_picture_that_cannot_be_drawn(kind: Callable[[Path, int], AnimationWriter]) -> None:
    writer = kind(Path("/dev/full"), 0)
    writer.add(quarters(), 100)
    with pytest.raises(OSError) as caught:  # noqa: PT011 - its number says what it is
        writer.close()
    assert caught.value.errno == errno.ENOSPC
