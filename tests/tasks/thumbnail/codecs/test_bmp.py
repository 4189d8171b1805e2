"""Kinds of BMP that other programs write."""

import struct
from collections.abc import Sequence

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tests.support.pictures import encoded
from tests.support.thumbnail.drawing import Renderer, close
from tests.support.thumbnail.raw_files import bmp_of

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (136, 136, 136)]
SIZE = (4, 2)
V3, V4, V5 = (56 - 40, 108 - 40, 124 - 40)
"""Bytes that a header has beyond the 40 of the first."""


def masked(bits: int, masks: tuple[int, ...], colours: Sequence[tuple[int, ...]]) -> bytes:
    """One row of pixels, packed as the masks say."""
    row = b""
    for colour in colours:
        number = 0
        for mask, part in zip(masks, colour, strict=True):
            shift, white = (mask & -mask).bit_length() - 1, mask.bit_count()
            number |= round(part * (2**white - 1) / 255) << shift if mask else 0
        row += struct.pack({16: "<H", 32: "<I"}[bits], number)
    return row


def row_of(picture: Image.Image) -> list[tuple[int, ...]]:
    return [picture.convert("RGB").getpixel((x, 0)) for x in range(picture.width)]  # type: ignore[misc]


@pytest.mark.parametrize("height", [2, -2], ids=["from the bottom", "from the top"])
@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0xF00, 0xF0, 0xF)),
        (16, (0xF800, 0x7E0, 0x1F)),
        (16, (0xC0, 0x38, 0x7)),
        (32, (0xFF, 0xFF00, 0xFF0000)),
        (32, (0xFFE00000, 0x1FFC00, 0x3FF)),
        (32, (0xFF000000, 0xFF00, 0xFF)),
    ],
)
def test_bit_fields_of_any_form_are_read(
    renderer: Renderer, bits: int, masks: tuple[int, int, int], height: int
) -> None:
    rows = [masked(bits, masks, COLOURS), masked(bits, masks, COLOURS[::-1])]
    header = struct.pack("<3I", *masks)
    data = bmp_of((4, height), bits, rows if height < 0 else rows[::-1], compression=3, header=header)
    drawn = renderer.picture(data, width=4, format="png")
    assert (drawn.mode, drawn.size) == ("RGB", SIZE)
    for pixel, colour in zip(row_of(drawn), COLOURS, strict=True):
        assert close(pixel, colour, 40 if masks[2] == 0x7 else 5)


@pytest.mark.parametrize("header", [V3, V4, V5])
@pytest.mark.parametrize(
    ("bits", "masks"),
    [
        (16, (0xF00, 0xF0, 0xF, 0xF000)),
        (32, (0xFF0000, 0xFF00, 0xFF, 0xFF000000)),
        (32, (0x3FF, 0xFFC00, 0x3FF00000, 0xC0000000)),
    ],
)
def test_bits_of_alpha_are_read_unless_all_are_0(
    renderer: Renderer, bits: int, masks: tuple[int, ...], header: int
) -> None:
    for alphas, mode in (((255, 0, 255, 255), "RGBA"), ((0, 0, 0, 0), "RGB"), ((255,) * 4, "RGB")):
        colours = [(*colour, alpha) for colour, alpha in zip(COLOURS, alphas, strict=True)]
        rows = [masked(bits, masks, colours)] * 2
        data = bmp_of(SIZE, bits, rows, compression=3, header=struct.pack("<4I", *masks).ljust(header, b"\0"))
        drawn = renderer.picture(data, width=4, format="png")
        assert drawn.mode == mode
        assert close(row_of(drawn)[0], COLOURS[0], 5)
        if mode == "RGBA":
            assert drawn.getpixel((1, 0))[3] == 0  # type: ignore[index]
            assert drawn.getpixel((2, 0))[3] == 255  # type: ignore[index]


def test_masks_with_alpha_after_the_first_header(renderer: Renderer) -> None:
    masks = (0xF00, 0xF0, 0xF, 0xF000)
    colours = [(*colour, 0 if colour == (0, 255, 0) else 255) for colour in COLOURS]
    data = bmp_of(SIZE, 16, [masked(16, masks, colours)] * 2, compression=6, header=struct.pack("<4I", *masks))
    drawn = renderer.picture(data, width=4, format="png")
    assert (drawn.mode, drawn.getpixel((1, 0))[3]) == ("RGBA", 0)  # type: ignore[index]


def test_two_bits_a_pixel_are_read(renderer: Renderer) -> None:
    palette = b"".join(bytes((blue, green, red, 0)) for red, green, blue in COLOURS)
    drawn = renderer.picture(bmp_of(SIZE, 2, [b"\x1b"] * 2, palette=palette), width=4, format="png")
    assert row_of(drawn) == COLOURS


@pytest.mark.parametrize("size", [12, 16, 64])
def test_headers_of_os2_are_read(renderer: Renderer, size: int) -> None:
    pixels = b"".join(bytes((blue, green, red)) for red, green, blue in COLOURS)
    head = struct.pack("<HHHH" if size == 12 else "<iiHH", *SIZE, 1, 24).ljust(size - 4, b"\0")
    start = b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + size)
    data = start + struct.pack("<I", size) + head + pixels * 2
    assert row_of(renderer.picture(data, width=4, format="png")) == COLOURS


@pytest.mark.parametrize(
    ("size", "bits", "compression", "named"),
    [(64, 24, 4, "RLE24"), (64, 1, 3, "Huffman"), (40, 0, 4, "JPEG"), (124, 0, 5, "PNG")],
)
def test_kinds_that_are_not_read_are_named(
    renderer: Renderer, size: int, bits: int, compression: int, named: str
) -> None:
    data = bmp_of(SIZE, bits, [bytes(64)], compression=compression, header=bytes(size - 40))
    with pytest.raises(Refusal, match=f"compressed as {named}") as caught:
        renderer.probe(data)
    assert caught.value.code == "unsupported_format"


def test_run_lengths_may_end_before_the_last_pixel(renderer: Renderer) -> None:
    palette = b"".join(bytes((blue, green, red, 0)) for red, green, blue in COLOURS)
    data = bmp_of(SIZE, 8, [b"\4\1\0\1"], compression=1, palette=palette)
    drawn = renderer.picture(data, width=4, format="png").convert("RGB")
    assert (drawn.getpixel((0, 1)), drawn.getpixel((0, 0))) == (COLOURS[1], COLOURS[0])
    with pytest.raises(Refusal):
        renderer.picture(data[:-2], width=4)


def test_a_palette_of_too_many_colours_is_read(renderer: Renderer) -> None:
    palette = b"".join(bytes((blue, green, red, 0)) for red, green, blue in COLOURS) * 75
    data = bmp_of(SIZE, 8, [bytes(range(4))] * 2, palette=palette)
    assert row_of(renderer.picture(data, width=4, format="png")) == COLOURS


def test_an_ordinary_file_is_read_by_pillow_alone(renderer: Renderer) -> None:
    picture = Image.new("RGB", SIZE, (9, 99, 199))
    assert row_of(renderer.picture(encoded(picture, "BMP"), width=4, format="png")) == [(9, 99, 199)] * 4
