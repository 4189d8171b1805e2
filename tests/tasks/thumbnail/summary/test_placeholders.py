"""ThumbHash and BlurHash against values of their reference implementations: thumbhash 0.1.1 of npm, blurhash 1.1.5 of
PyPI."""

import base64

import pytest
from PIL import Image

from tasks.picture_result.record import BLURHASH_CHARS
from tasks.thumbnail.summary.blurhash import blurhash
from tasks.thumbnail.summary.thumbhash import thumbhash

REFERENCES = {
    ("RGB", 24, 16): ("WRgODYJAeIdha4ikhoiHh59B+BqE", "LOE.%}4TD%%M4oWq-;M{D$-;IUoL"),
    ("RGB", 11, 24): ("lygSEwRykHh4d4d3bUD2JUI=", "LZEoMcDiS4xa0Lx]smR*ozniSMoL"),
    ("RGBA", 20, 20): ("JAiGDQAVcougXMWzhV839nZTQHhye6SGhw==", "LNF5,C8^9Zxv0KNd-;RP9G?HIUS3"),
    ("RGBA", 24, 9): ("HQiGAoAl0JfghWovKPeCcoCHk4iId3g=", "LLBf|d00tRay9F%MWBfkRjofayfQ"),
}


def patterned(mode: str, width: int, height: int) -> Image.Image:
    """A picture with some of every low wave, the same with every version of every library."""
    pixels = bytes(
        (x * (7 + 3 * band) + y * (11 - 2 * band) + x * y * (band + 1)) // (2 + band) % 256
        for y in range(height)
        for x in range(width)
        for band in range(len(mode))
    )
    return Image.frombytes(mode, (width, height), pixels)


@pytest.mark.parametrize(("size", "hashes"), REFERENCES.items())
def test_hashes_are_those_of_the_reference_implementations(size: tuple[str, int, int], hashes: tuple[str, str]) -> None:
    picture = patterned(*size)
    assert (base64.b64encode(thumbhash(picture)).decode(), blurhash(picture.convert("RGB"))) == hashes


@pytest.mark.parametrize("size", [(12, 8), (24, 24)])
def test_one_colour_has_no_waves(size: tuple[int, int]) -> None:
    """Else they would be rounding errors, which are others on each machine."""
    assert not any(thumbhash(Image.new("RGB", size, "#c81e1e"))[5:])


@pytest.mark.parametrize("size", [(1, 1), (24, 1), (1, 24)])
def test_the_smallest_pictures_have_hashes(size: tuple[int, int]) -> None:
    assert 5 < len(thumbhash(Image.new("RGB", size, "#c81e1e"))) <= 25
    assert len(blurhash(Image.new("RGB", size, "#c81e1e"))) == BLURHASH_CHARS


def test_a_wholly_transparent_picture_has_a_thumbhash() -> None:
    clear = thumbhash(Image.new("RGBA", (8, 8)))
    assert clear[2] & 0x80  # has transparency
    assert clear[5] & 0x0F == 0  # none of it opaque
