from typing import Any

import pytest

from tasks.thumbnail.summary.looks import looks_of
from tasks.thumbnail.variants import PRESETS, variants_of


def looks(*variants: dict[str, Any]) -> dict[str, Any]:
    return looks_of(variants_of([{"name": str(number), **one} for number, one in enumerate(variants)]))


@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_is_noted_where_all_look_the_same(preset: str) -> None:
    assert looks_of(PRESETS[preset]) == {}


def test_size_and_format_change_no_look() -> None:
    assert looks({"width": 9}, {"width": 5, "format": "webp", "quality": 3}, {"width": 9, "dpr": [1, 2]}) == {}


def test_what_is_seen_does() -> None:
    square: dict[str, Any] = {"width": 9, "height": 9, "fit": "cover"}
    assert looks(square, square | {"gravity": "north"}, {"width": 9, "rotate": 90}, square) == {
        "looks": {"1": 1, "2": 2}
    }
