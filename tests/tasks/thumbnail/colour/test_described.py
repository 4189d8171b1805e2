"""What a PNG says of its colours is heeded as browsers do: cICP before iCCP, sRGB, and gAMA with cHRM."""

import struct
import zlib

import pytest
from PIL import Image

from tasks.thumbnail.colour.described import profile_of
from tasks.thumbnail.colour.icc import P3, SRGB, SRGB_CURVE, Primaries, rgb_profile
from tests.support.pictures import encoded
from tests.support.thumbnail.drawing import Renderer, close
from tests.support.thumbnail.raw_files import png_of

COLOUR = (200, 100, 50)
Chunk = tuple[bytes, bytes]


def png(*chunks: Chunk, colour: tuple[int, ...] = COLOUR) -> bytes:
    rows = (b"\0" + bytes(colour) * 8) * 8
    return png_of((8, 8, 8, 2 if len(colour) == 3 else 0, 0, 0, 0), zlib.compress(rows), *chunks)


def gamma(power: float) -> Chunk:
    return b"gAMA", struct.pack(">I", round(power * 100_000))


def chromaticities(primaries: Primaries) -> Chunk:
    return b"cHRM", struct.pack(">8I", *(round(part * 100_000) for xy in primaries for part in xy))


def code_points(*numbers: int) -> Chunk:
    return b"cICP", bytes(numbers)


def profile(primaries: Primaries) -> Chunk:
    return b"iCCP", b"p\0\0" + zlib.compress(rgb_profile("p", primaries, SRGB_CURVE))


STANDARD = b"sRGB", b"\0"
OF_P3 = (215, 93, 31)
"""The numbers of COLOUR in Display P3 as sRGB; LittleCMS and libvips agree on them."""
LIT = (228, 168, 122)
"""Those of COLOUR as linear light."""


@pytest.mark.parametrize(
    ("chunks", "right"),
    [
        ([], COLOUR),
        ([STANDARD], COLOUR),
        ([gamma(1)], LIT),
        ([gamma(0.45455)], COLOUR),
        ([gamma(0.45455), chromaticities(SRGB)], COLOUR),
        ([chromaticities(P3)], OF_P3),
        ([gamma(0.45455), chromaticities(P3)], OF_P3),
        ([STANDARD, gamma(1), chromaticities(P3)], COLOUR),
        ([profile(P3), STANDARD, gamma(1)], OF_P3),
        ([code_points(12, 13, 0, 1)], OF_P3),
        ([code_points(1, 8, 0, 1)], LIT),
        ([code_points(1, 13, 0, 1), profile(P3)], COLOUR),
        ([code_points(12, 13, 0, 1), STANDARD], OF_P3),
        ([code_points(12, 13, 5, 1)], COLOUR),
        ([code_points(12, 13, 0, 0)], COLOUR),
        ([code_points(99, 13, 0, 1), profile(P3)], OF_P3),
        ([code_points(12, 99, 0, 1)], COLOUR),
        ([gamma(0)], COLOUR),
        ([gamma(42_000)], COLOUR),
        ([(b"cHRM", bytes(32))], COLOUR),
        ([(b"cHRM", b"\xff" * 32)], COLOUR),
        ([gamma(1), (b"cHRM", bytes(32))], LIT),
    ],
)
def test_the_first_description_that_makes_sense_counts(
    renderer: Renderer, chunks: list[Chunk], right: tuple[int, ...]
) -> None:
    drawn = renderer.picture(png(*chunks), width=8, format="png")
    assert close(drawn.getpixel((4, 4)), right, 2)


def test_linear_grey_is_brightened(renderer: Renderer) -> None:
    drawn = renderer.picture(png(gamma(1), colour=(100,)), width=8, format="png")
    assert (drawn.mode, drawn.size) == ("L", (8, 8))
    assert close((drawn.getpixel((4, 4)),), (168,), 1)


@pytest.mark.parametrize("transfer", [16, 18], ids=["PQ", "HLG"])
def test_pictures_of_high_dynamic_range_are_brought_below_white(renderer: Renderer, transfer: int) -> None:
    """Brighter stays brighter, from black to the brightest, and what is brighter than paper is not all white."""
    levels = [0, 40, 80, 120, 150, 180, 210, 230]
    rows = b"".join(b"\0" + bytes((level,) * 3) * 2 for level in levels)
    data = png_of((2, len(levels), 8, 2, 0, 0, 0), zlib.compress(rows), code_points(9, transfer, 0, 1))
    drawn = renderer.picture(data, width=2, format="png").convert("L")
    seen = [int(str(drawn.getpixel((0, row)))) for row in range(len(levels))]
    assert seen == sorted(set(seen))
    assert seen[0] == 0
    assert seen[-1] > 235


@pytest.mark.parametrize(
    ("primaries", "transfer", "right"),
    [(12, 13, OF_P3), (1, 13, COLOUR), (2, 2, COLOUR), (12, 2, OF_P3), (1, 8, LIT), (99, 13, COLOUR)],
)
def test_avif_and_heic_name_their_colours_by_code_points(
    renderer: Renderer, primaries: int, transfer: int, right: tuple[int, ...]
) -> None:
    plain = Image.new("RGB", (16, 16), COLOUR)
    avif = encoded(plain, "AVIF", quality=100, subsampling="4:4:4")
    place = avif.index(b"colrnclx") + 8
    avif = avif[:place] + struct.pack(">HH", primaries, transfer) + avif[place + 4 :]
    files = [avif]
    if (primaries, transfer) in ((1, 13), (12, 13)):  # of which the encoder writes no others
        options = {"color_primaries": primaries, "transfer_characteristic": transfer, "save_nclx_profile": True}
        files.append(encoded(plain, "HEIF", quality=100, chroma=444, **options))
    for data in files:
        drawn = renderer.picture(data, width=16, format="png")
        assert close(drawn.getpixel((8, 8)), right, 4)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_p3_is_kept_where_it_is_asked_for(renderer: Renderer, name: str) -> None:
    icc = rgb_profile("p", P3, SRGB_CURVE)
    lossless = {"PNG": {}, "WEBP": {"lossless": True}}.get(name, {"quality": 100})
    data = encoded(Image.new("RGB", (16, 16), (255, 0, 0)), name, icc_profile=icc, **lossless)
    for resize in ("gamma", "linear"):
        for out in ("jpeg", "png", "webp", "avif"):
            kept = renderer.picture(data, width=8, format=out, colour="p3", resize=resize)
            assert close(kept.convert("RGB").getpixel((4, 4)), (255, 0, 0), 8)
            assert b"D\0i\0s\0p\0l\0a\0y\0 \0P\x003" in kept.info["icc_profile"]
        both = renderer.render(data, *({"name": colour, "width": 8, "colour": colour} for colour in ("p3", "srgb")))
        assert len(both) == 2
        plain = renderer.picture(data, width=8, format="png", resize=resize)
        assert "icc_profile" not in plain.info


def test_p3_changes_nothing_where_a_picture_is_in_srgb_or_grey(renderer: Renderer) -> None:
    for data in (png(), png(gamma(1), colour=(9,)), encoded(Image.new("CMYK", (8, 8)), "JPEG")):
        drawn = renderer.picture(data, width=8, format="png", colour="p3")
        assert "icc_profile" not in drawn.info


def test_a_background_has_its_colour_in_p3_too(renderer: Renderer) -> None:
    data = encoded(Image.new("RGB", (8, 8), "white"), "PNG", icc_profile=rgb_profile("p", P3, SRGB_CURVE))
    drawn = renderer.picture(data, width=16, height=8, fit="pad", background="#ff0000", colour="p3", format="png")
    assert close(drawn.getpixel((1, 1)), (234, 51, 35), 2)


def test_a_watermark_has_its_colours_in_p3_too(renderer: Renderer) -> None:
    data = encoded(Image.new("RGB", (8, 8), "white"), "PNG", icc_profile=rgb_profile("p", P3, SRGB_CURVE))
    watermark = {"upload": renderer.upload(encoded(Image.new("RGB", (4, 4), "#ff0000"), "PNG")), "scale": 0.5}
    drawn = renderer.picture(data, width=8, colour="p3", format="png", watermark=watermark)
    assert close(drawn.getpixel((6, 6)), (234, 51, 35), 2)
    assert close(drawn.getpixel((1, 1)), (255, 255, 255), 2)


def test_a_picture_without_any_description_is_in_srgb() -> None:
    assert profile_of({}, "RGB") is None
    assert profile_of({"icc_profile": "words"}, "RGB") is None
    assert profile_of({"icc_profile": b""}, "RGB") is None
