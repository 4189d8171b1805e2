import io

import pytest
from PIL import Image

from tasks.thumbnail.summary.perceptual_hash import perceptual_hash
from tests.support.pictures import scene


def distance(one: int, other: int) -> int:
    """The Hamming distance: in how many bits two hashes differ."""
    return (one ^ other).bit_count()


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return scene(240, 160)


def test_it_is_that_of_imagehash() -> None:
    """`imagehash.phash` 4.3.2 of a grey picture of 32 × 32 pixels, which it does not resize."""
    pixels = bytes((x * x * 3 // 32 + y * 5 + x * y // 7) % 256 for y in range(32) for x in range(32))
    assert f"{perceptual_hash(Image.frombytes('L', (32, 32), pixels)):016x}" == "89364a17ad5a74e9"


def test_the_same_picture_in_another_size_and_quality_is_close(picture: Image.Image) -> None:
    small = picture.resize((60, 40), Image.Resampling.BICUBIC)
    poor = io.BytesIO()
    picture.save(poor, "jpeg", quality=20)
    brighter = picture.point([min(255, level + 20) for level in range(256)] * 3)
    for other in (small, Image.open(poor), brighter, picture.convert("L")):
        assert distance(perceptual_hash(picture), perceptual_hash(other)) <= 6


def test_another_picture_is_far(picture: Image.Image) -> None:
    mirrored = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    for other in (mirrored, turned):
        assert distance(perceptual_hash(picture), perceptual_hash(other)) > 16


def test_one_colour_has_the_same_hash_whatever_it_is() -> None:
    hashes = {perceptual_hash(Image.new("RGB", (40, 30), colour)) for colour in ("#808080", "#c81e1e", "#ffffff")}
    assert hashes == {1 << 63}
