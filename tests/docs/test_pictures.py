"""The pictures of docs/images.md: a command draws each, and the page shows each."""

import re
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat

from tasks.thumbnail.summary.summarising import summarised
from tests.support.pictures import scene
from tools.documents import ROOT
from tools.pictures import __main__ as pictures
from tools.pictures import decoding, sources

SHOWN = re.compile(r"!\[([^\]]+)\]\(pictures/([a-z]+)\.[a-z]+\)")
MOST_BYTES = 100_000


def test_the_page_shows_every_picture_and_says_what_it_shows() -> None:
    shown = {name: text for text, name in SHOWN.findall((ROOT / "docs" / "images.md").read_text(encoding="utf-8"))}
    assert shown.keys() == pictures.DRAWN.keys()
    assert all(len(text) > 20 for text in shown.values())


@pytest.mark.parametrize("name", pictures.DRAWN)
def test_a_picture_is_drawn_and_small(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "PICTURES", tmp_path)
    monkeypatch.setattr(sources, "PHOTO_SIZE", (450, 300))  # of which the thumbnails are as large, and made sooner
    (tmp_path / "work").mkdir()
    made = pictures.DRAWN[name](tmp_path / "work")
    with Image.open(made) as drawn, Image.open(ROOT / "docs" / "pictures" / made.name) as committed:
        assert drawn.width > 200
        assert abs(drawn.width - committed.width) <= committed.width * 0.05
        assert getattr(drawn, "n_frames", 1) == getattr(committed, "n_frames", 1)
    assert (ROOT / "docs" / "pictures" / made.name).stat().st_size <= MOST_BYTES


def test_placeholders_look_like_their_picture() -> None:
    picture = scene(48, 32)
    summary = summarised(picture, 1)
    blurred = picture.resize((6, 4), Image.Resampling.BOX)
    for placeholder in (
        decoding.of_thumbhash(summary.thumbhash, (6, 4)),
        decoding.of_blurhash(summary.blurhash, (6, 4)),
    ):
        off = ImageStat.Stat(ImageChops.difference(blurred, placeholder)).mean
        mirrored = placeholder.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        assert max(off) < 32
        assert sum(off) < sum(ImageStat.Stat(ImageChops.difference(blurred, mirrored)).mean)
