"""Kinds of TIFF: of every byte order, depth and arrangement of colours."""

import struct

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tests.support.thumbnail.drawing import Renderer, close, corners
from tests.support.thumbnail.raw_files import tiff_of, tiff_of_grey

RED, GREY = (255, 0, 0), (128, 128, 128)
SIZE = (4, 4)


def rgb(number: str, white: float, order: str = "little") -> bytes:
    """Two rows of red and two of middle grey, in samples of one number type of `struct`."""
    mark = ">" if order == "big" else "<"
    samples = [[white, 0, 0] * 4] * 2 + [[white * 128 / 255] * 12] * 2
    flat = [sample if number in "fe" else round(sample) for row in samples for sample in row]
    return struct.pack(f"{mark}{len(flat)}{number}", *flat)


@pytest.mark.parametrize("order", ["big", "little"])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("number", "bits"), [("B", 8), ("H", 16), ("I", 32)])
def test_rgb_is_drawn_at_every_depth_in_either_byte_order(
    renderer: Renderer, number: str, bits: int, order: str, big: bool
) -> None:
    tags = {258: (bits,) * 3, 262: (2,), 277: (3,)}
    data = tiff_of(SIZE, tags, [rgb(number, 2**bits - 1, order)], order, big=big)
    top, _, bottom, _ = corners(renderer.picture(data, width=4, format="png"))
    assert close(top, RED, 1)
    assert close(bottom, GREY, 1)
    about = renderer.probe(data)
    assert (about["format"], about["width"], about["frames"]) == ("tiff", 4, 1)


@pytest.mark.parametrize("bits", [8, 16])
def test_colours_in_planes_of_their_own_are_put_together(renderer: Renderer, bits: int) -> None:
    pixels = rgb({8: "B", 16: "H"}[bits], 2**bits - 1)
    step = bits // 8
    planes = [b"".join(pixels[n : n + step] for n in range(band * step, len(pixels), 3 * step)) for band in range(3)]
    data = tiff_of(SIZE, {258: (bits,) * 3, 262: (2,), 277: (3,), 284: (2,)}, planes, "little")
    top, _, bottom, _ = corners(renderer.picture(data, width=4, format="png"))
    assert close(top, RED, 1)
    assert close(bottom, GREY, 1)


def test_floating_point_colours_are_linear_light(renderer: Renderer) -> None:
    data = tiff_of(SIZE, {258: (32,) * 3, 262: (2,), 277: (3,), 339: (3,) * 3}, [rgb("f", 1.0)], "little")
    top, _, bottom, _ = corners(renderer.picture(data, width=4, format="png"))
    assert close(top, RED, 1)
    assert close(bottom, (188, 188, 188), 1)


@pytest.mark.parametrize(("number", "bits"), [("e", 16), ("f", 32)])
def test_floating_point_grey_from_0_to_1_is_black_to_white(renderer: Renderer, number: str, bits: int) -> None:
    samples = struct.pack(f"<16{number}", *[0.25] * 8, *[0.75] * 8)
    data = tiff_of(SIZE, {258: (bits,), 262: (1,), 277: (1,), 339: (3,)}, [samples], "little")
    top, _, bottom, _ = corners(renderer.picture(data, width=4, format="png"))
    assert close(top, (64, 64, 64), 1)
    assert close(bottom, (191, 191, 191), 1)


def test_cmyk_with_an_extra_channel_is_drawn_in_its_colours(renderer: Renderer) -> None:
    data = tiff_of(SIZE, {258: (8,) * 5, 262: (5,), 277: (5,)}, [bytes((0, 255, 255, 0, 7)) * 16], "little")
    assert close(corners(renderer.picture(data, width=4, format="png"))[0], RED, 3)


def test_a_tiff_that_nothing_reads_is_refused_as_such(renderer: Renderer) -> None:
    data = tiff_of_grey([[1, 2], [3, 4]], 16, "little").replace(
        struct.pack("<HHII", 258, 4, 1, 16), struct.pack("<HHII", 258, 4, 1, 24)
    )
    with pytest.raises(Refusal, match="kind of pixels in a tiff") as caught:
        renderer.picture(data, width=4)
    assert caught.value.code == "unsupported_format"


def test_libvips_turns_what_it_reads_as_pillow_does(renderer: Renderer) -> None:
    tags = {258: (32,) * 3, 262: (2,), 277: (3,), 274: (6,)}
    data = tiff_of((4, 8), tags, [rgb("I", 2**32 - 1) * 2], "little")
    drawn = renderer.picture(data, width=8, format="png")
    assert isinstance(drawn, Image.Image)
    assert drawn.size == (8, 4)
    assert renderer.probe(data)["width"] == 8
