"""Pictures of the pages have their sizes before they are loaded, so that nothing moves."""

import re

import pytest

from api.console.formats import UNKNOWN_SIZE, shown_size
from api.console.html import ASSETS

SIZED = re.compile(r'<img src="[^ ]*( [^ ]+)* width="\{\{ [^"{}]+ \}\}" height="\{\{ [^"{}]+ \}\}" ')


def test_every_picture_has_both_sizes() -> None:
    pictures = [
        line[line.index("<img") :]
        for template in sorted((ASSETS.parent / "templates").rglob("*.html"))
        for line in template.read_text(encoding="utf-8").splitlines()
        if "<img" in line
    ]
    assert len(pictures) >= 4
    assert [one for one in pictures if not SIZED.match(one)] == []


@pytest.mark.parametrize(
    ("about", "size"),
    [
        ({"width": 64, "height": 43}, (64, 43)),
        ({"width": 2000, "height": 1000}, (500, 250)),
        ({"width": 10, "height": 10_000}, (1, 300)),
        ({"width": 3}, UNKNOWN_SIZE),
    ],
)
def test_a_large_picture_is_shown_smaller(about: dict[str, int], size: tuple[int, int]) -> None:
    assert shown_size(about, width=500, height=300) == size
