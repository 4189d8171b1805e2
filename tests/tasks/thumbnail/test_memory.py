"""What the header of a picture says it will take. tests/chaos/thumbnail/test_memory_taken.py measures what it takes."""

import re

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tasks.settings import Settings
from tests.support.pictures import encoded
from tests.support.thumbnail.drawing import Renderer
from tests.support.thumbnail.peaks import KINDS
from tests.support.thumbnail.promised import promising


@pytest.mark.parametrize("kind", KINDS)
def test_a_header_that_promises_a_picture_is_taken_as_that_picture_is(prober: Renderer, kind: str) -> None:
    """Which the tests below count on: they promise large pictures, and encode none."""
    name, mode, options = KINDS[kind]
    real = encoded(Image.new(mode, (1200, 900)), name, **options)
    assert prober.probe(promising(kind, 1200, 900)) == prober.probe(real)


def test_one_large_file_of_any_format_and_two_jpegs_fit_half_a_gigabyte(prober: Renderer) -> None:
    """24 megapixels within the 300 MB that a 512 MB machine can spare for pictures."""
    for kind in KINDS:
        estimate = prober.probe(promising(kind, 6000, 4000))["memory_mb"]
        assert estimate <= 300, kind
        if kind == "jpeg":
            assert 2 * estimate <= 300


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "heic"])  # which has the factors of AVIF
def test_a_picture_that_does_not_fit_is_refused_with_the_size_that_does(prober: Renderer, kind: str) -> None:
    limit_mb = 40 if kind == "jpeg" else 60

    def probed(width: int, height: int) -> int:
        memory_mb: int = prober.probe(promising(kind, width, height), max_memory_mb=limit_mb)["memory_mb"]
        return memory_mb

    with pytest.raises(Refusal, match="SANDBOX_BUDGET_MB") as caught:
        probed(8000, 6000)
    assert (caught.value.code, caught.value.limit) == ("too_much_memory", limit_mb)
    found = re.search(r"(\d+) × (\d+) pixels fit", caught.value.message)
    assert found, caught.value.message
    width, height = map(int, found.groups())
    assert probed(width, height) <= limit_mb
    if "jpeg" not in kind:  # a larger one is scaled down while it is decoded
        with pytest.raises(Refusal):
            probed(round(width * 1.1), round(height * 1.1))


def test_variants_that_do_not_fit_by_themselves_are_told(prober: Renderer) -> None:
    huge = {"name": "huge", "width": 4000, "height": 4000, "fit": "pad"}
    with pytest.raises(Refusal, match="smaller variants"):
        prober.probe(encoded(Image.new("RGB", (100, 100)), "PNG"), huge, max_memory_mb=60)


def test_with_the_defaults_every_picture_of_the_most_pixels_fits(prober: Renderer) -> None:
    settings = Settings(_env_file=None)
    for kind in ("png", "transparent png", "webp", "tiff"):
        data = promising(kind, 10_000, settings.max_pixels // 10_000)
        assert prober.probe(data, max_memory_mb=settings.sandbox_budget_mb)["memory_mb"] > 300
