"""What there is of a truncated file is drawn where that is asked for, and measured."""

import random
from typing import Any

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tasks.thumbnail.codecs.jpeg_damage import damage_in, is_harmless
from tests.support.pictures import encoded, scene
from tests.support.thumbnail.drawing import Renderer, close

SIZE = (128, 96)
PICTURE = scene(*SIZE)
GREY = (128, 128, 128)


def gif(*, interlaced: bool) -> bytes:
    return encoded(PICTURE.quantize(64), "GIF", interlace=interlaced)


FILES: dict[str, bytes] = {
    "jpeg": encoded(PICTURE, "JPEG", quality=90),
    "png": encoded(PICTURE, "PNG"),
    "lossy webp": encoded(PICTURE, "WEBP", quality=90),
    "lossless webp": encoded(PICTURE, "WEBP", lossless=True),
    "gif": gif(interlaced=False),
    "bmp": encoded(PICTURE, "BMP"),
}


def drawn(renderer: Renderer, data: bytes, **variant: Any) -> tuple[Image.Image, float]:
    """The picture in its own size, and which share of it was drawn."""
    answer = renderer.answer(data, {"name": "one", "width": SIZE[0], "format": "png", **variant}, draw_truncated=1)
    with Image.open(answer["files"][0]["path"]) as picture:
        picture.load()
        return picture, answer["picture"].get("drawn_share", 1.0)


def likeness(picture: Image.Image, rows: range) -> float:
    """The mean difference of some rows to those of the original."""
    total = 0
    for row in rows:
        for column in range(0, SIZE[0], 7):
            one: Any = picture.convert("RGB").getpixel((column, row))
            other: Any = PICTURE.getpixel((column, row))
            total += sum(abs(a - b) for a, b in zip(one, other, strict=True))
    return total / (3 * len(rows) * len(range(0, SIZE[0], 7)))


@pytest.mark.parametrize("kept", [0.35, 0.75])
@pytest.mark.parametrize("name", FILES)
def test_the_rows_that_a_file_has_are_drawn_and_the_others_are_grey(renderer: Renderer, name: str, kept: float) -> None:
    data = FILES[name][: int(len(FILES[name]) * kept)]
    with pytest.raises(Refusal, match="truncated=draw") as caught:
        renderer.render(data, draw_truncated=0)
    assert caught.value.code == "truncated"
    picture, share = drawn(renderer, data)
    assert kept - 0.3 < share < kept + 0.2
    rows = round(share * SIZE[1])
    first, last = (0, rows) if name != "bmp" else (SIZE[1] - rows, SIZE[1])
    assert likeness(picture, range(first, last)) < 12
    missing = (64, SIZE[1] - 1 if name != "bmp" else 0)
    assert close(picture.convert("RGB").getpixel(missing), GREY, 1)


def test_a_whole_file_has_nothing_missing(renderer: Renderer) -> None:
    for data in FILES.values():
        answer = renderer.answer(data, draw_truncated=1)
        assert not answer["picture"].keys() & {"truncated", "drawn_share"}


@pytest.mark.parametrize("kept", [0.4, 0.8])
def test_a_progressive_jpeg_is_coarser_but_whole(renderer: Renderer, kept: float) -> None:
    data = encoded(PICTURE, "JPEG", quality=90, progressive=True)
    picture, share = drawn(renderer, data[: int(len(data) * kept)])
    assert share == 1.0
    assert likeness(picture, range(SIZE[1])) < 25


def test_a_jpeg_that_ends_within_a_marker_is_drawn(renderer: Renderer) -> None:
    data = encoded(PICTURE, "JPEG", quality=90, progressive=True)
    last = data.rindex(b"\xff\xda")
    picture, share = drawn(renderer, data[: last + 5])
    assert share == 1.0
    assert likeness(picture, range(SIZE[1])) < 12


def test_an_interlaced_gif_is_coarser_but_whole(renderer: Renderer) -> None:
    data = gif(interlaced=True)
    picture, share = drawn(renderer, data[: int(len(data) * 0.6)])
    assert share == 0.5
    assert likeness(picture, range(SIZE[1])) < 25


def test_an_interlaced_png_is_coarser_but_whole(renderer: Renderer) -> None:
    pyvips = pytest.importorskip("pyvips")
    image = pyvips.Image.new_from_memory(PICTURE.tobytes(), *SIZE, 3, "uchar").copy(interpretation="srgb")
    data = image.pngsave_buffer(interlace=True)
    picture, share = drawn(renderer, data[: int(len(data) * 0.4)])
    assert share in (0.125, 0.25, 0.5)
    assert likeness(picture, range(SIZE[1])) < 30


def test_what_is_missing_of_a_transparent_picture_is_transparent(renderer: Renderer) -> None:
    clear = PICTURE.convert("RGBA")
    clear.putpixel((0, 0), (0, 0, 0, 0))
    data = encoded(clear, "PNG")
    picture, share = drawn(renderer, data[: len(data) // 2])
    assert 0.3 < share < 0.7
    assert picture.getpixel((64, SIZE[1] - 1))[3] == 0  # type: ignore[index]
    assert picture.getpixel((64, 5))[3] == 255  # type: ignore[index]


@pytest.mark.parametrize("name", ["AVIF", "TIFF", "HEIF"])
def test_other_formats_are_refused_all_the_same(renderer: Renderer, name: str) -> None:
    data = encoded(PICTURE, name)
    with pytest.raises(Refusal) as caught:
        renderer.render(data[: len(data) // 2], draw_truncated=1)
    assert caught.value.code == "truncated"
    assert "truncated=draw" not in caught.value.message


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_a_pixel_is_refused_all_the_same(renderer: Renderer, name: str) -> None:
    for end in (20, 60):
        with pytest.raises(Refusal) as caught:
            renderer.render(FILES[name][:end], draw_truncated=1)
        assert caught.value.code in ("truncated", "corrupt")


def test_variants_of_every_size_show_the_same_part(renderer: Renderer) -> None:
    """A JPEG is scaled down while it is decoded, and so is what is missing of it."""
    data = encoded(PICTURE.resize((1024, 768)), "JPEG", quality=90)
    files = renderer.render(
        data[: len(data) // 2],
        {"name": "a", "width": 64, "format": "png"},
        {"name": "b", "width": 32, "format": "png"},
        draw_truncated=1,
    )
    for file in files:
        with Image.open(file["path"]) as picture:
            assert not close(picture.convert("RGB").getpixel((picture.width // 2, 2)), GREY, 5)
            assert close(picture.convert("RGB").getpixel((picture.width // 2, picture.height - 2)), GREY, 1)


def test_a_truncated_picture_of_an_animation_is_its_first_frame(renderer: Renderer) -> None:
    data = encoded(PICTURE, "WEBP", save_all=True, append_images=[PICTURE.rotate(90)], quality=90)
    picture, share = drawn(renderer, data[: int(len(data) * 0.8)])
    assert share == 1.0
    assert likeness(picture, range(SIZE[1])) < 12


MIDDLE = encoded(scene(256, 192), "JPEG", quality=90)


def damaged(kind: str) -> bytes:
    """A JPEG that is damaged in the middle."""
    half = len(MIDDLE) // 2
    if kind == "end mark":
        return MIDDLE[:half] + b"\xff\xd9" + MIDDLE[half + 2 :]
    if kind == "cut":
        return MIDDLE[:half] + MIDDLE[half + 3_000 :]
    data, dice = bytearray(MIDDLE), random.Random(3)  # noqa: S311 - the same damage every time
    for _ in range(200):
        data[dice.randrange(half // 2, len(data) - 2)] = dice.randrange(256)
    return bytes(data)


@pytest.mark.parametrize("kind", ["end mark", "cut", "random bytes"])
def test_a_jpeg_that_is_damaged_in_the_middle_is_refused_and_drawn_on_request(renderer: Renderer, kind: str) -> None:
    pytest.importorskip("pyvips", reason="Pillow alone has no warnings")
    data = damaged(kind)
    with pytest.raises(Refusal, match="truncated=draw") as caught:
        renderer.render(data, {"name": "one", "width": 256}, draw_truncated=0)
    assert caught.value.code in ("truncated", "corrupt")
    answer = renderer.answer(data, {"name": "one", "width": 256, "format": "png"}, draw_truncated=1)
    assert answer["picture"]["truncated"] is True
    if kind == "end mark":
        assert 0.3 < answer["picture"]["drawn_share"] < 0.7
        with Image.open(answer["files"][0]["path"]) as picture:
            assert close(picture.getpixel((128, 191)), GREY, 1)
    assert answer["picture"].get("drawn_share", 0.5) < 1


@pytest.mark.parametrize(
    ("marker", "extra"),
    [(b"\xff\xdb", b"junk"), (b"\xff\xda", b"\0\0\0")],
    ids=["before the tables", "before the scan"],
)
def test_bytes_between_the_segments_of_a_jpeg_lose_no_pixel(renderer: Renderer, marker: bytes, extra: bytes) -> None:
    sound = renderer.picture(MIDDLE, width=256, format="png")
    picture = renderer.picture(MIDDLE.replace(marker, extra + marker, 1), width=256, format="png")
    assert picture.tobytes() == sound.tobytes()


def test_a_warning_about_metadata_is_no_damage() -> None:
    libvips = "unable to call avg\n  VipsJpeg: {}\njpegload: load error\n"
    for text in ("Warning: unknown JFIF revision number 7.01", "Corrupt JPEG data: bad ICC marker"):
        assert is_harmless(libvips.format(text))
    for text in ("Corrupt JPEG data: bad Huffman code", "Corrupt JPEG data: found marker 0xd9 instead of RST6"):
        assert not is_harmless(libvips.format(text))
        assert damage_in(text) == "corrupt"
    for mark in ("0xd0", "0xd9"):
        assert damage_in(f"Corrupt JPEG data: 7 extraneous bytes before marker {mark}") == "corrupt"
    assert not damage_in("out of memory")
    assert not is_harmless("out of memory")
