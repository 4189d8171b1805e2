from pathlib import Path

import pytest
from PIL import ImageStat

from tests.support.report.rendering import LOREM, render_report, text

PAGES = [text(LOREM * 100), text(LOREM * 100)]


def test_placeholders_are_filled_in_on_every_page(tmp_path: Path) -> None:
    bands = {
        "header": {"left": "{title}", "right": "{date}"},
        "footer": {"left": "{unknown} {page", "center": "a", "right": "Page {page} of {pages}"},
    }
    printed = render_report(tmp_path, PAGES, document={"title": "Ledger – 台帳", **bands})
    pages = printed.texts()
    assert len(pages) == printed.answer["pages"] >= 3
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Ledger – 台帳" in page
        assert "November 20, 2026" in page
        assert "{unknown} {page" in page


@pytest.mark.parametrize(
    ("lang", "timezone", "date"),
    [
        ("de", "UTC", "20. November 2026"),
        ("ja", "Asia/Tokyo", "2026年11月21日"),
        ("en-US", "America/New_York", "November 20, 2026"),
    ],
)
def test_the_date_is_that_of_the_documents_zone_in_its_language(
    tmp_path: Path, lang: str, timezone: str, date: str
) -> None:
    printed = render_report(tmp_path, [text("x")], document={"lang": lang, "timezone": timezone})
    assert date in printed.text()


def test_without_bands_nothing_is_printed_into_the_margins(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [text("alone")], document={"header": None, "footer": {}})
    assert printed.text() == "alone"


def test_a_band_without_room_is_left_out_and_told_of(tmp_path: Path) -> None:
    margins = {"top": 10, "bottom": 12, "left": 20, "right": 20}
    printed = render_report(tmp_path, [text("alone")], document={"page": {"margins": margins}})
    assert printed.text() == "alone"
    assert printed.warnings == [("no_room", ""), ("no_room", "")]


@pytest.mark.parametrize("margin", [20, 24, 36, 64, 120])
def test_a_band_stays_between_the_pages_edge_and_the_content(tmp_path: Path, margin: int) -> None:
    margins = {"top": margin, "bottom": margin, "left": 20, "right": 20}
    header = {"left": "Ägyptjq", "center": "middle", "right": "right"}
    printed = render_report(
        tmp_path, [text("█")], document={"page": {"margins": margins}, "header": header, "footer": header}
    )
    picture = printed.picture(scale=4).convert("L").point(lambda value: 255 if value < 250 else 0)
    edges = [
        picture.crop((0, top, picture.width, bottom)).getbbox() for top, bottom in ((0, 4 * margin), (-4 * margin, 0))
    ]
    rows = [picture.crop((0, y, picture.width, y + 1)).getbbox() is not None for y in (0, 4, 4 * margin - 4)]
    assert edges[0] is not None
    assert rows == [False, False, False]


def test_texts_that_are_too_long_share_the_line_and_end_in_an_ellipsis(tmp_path: Path) -> None:
    long = "A title that goes on and on " * 6
    for header in ({"left": long, "right": long}, {"left": long, "center": long, "right": long}, {"left": long}):
        printed = render_report(tmp_path, [text("x")], document={"header": header, "footer": None})
        [line] = printed.text().split("\n")[1:] or printed.text().split("\n")
        assert line.count("…") == len(header)


def test_a_watermark_is_on_every_page_over_everything_but_faint(tmp_path: Path) -> None:
    plain = render_report(tmp_path, PAGES, document={"cover": {}})
    before = ImageStat.Stat(plain.picture(1).convert("L")).mean[0]
    printed = render_report(tmp_path, PAGES, document={"watermark": "DRAFT 下書き", "cover": {}})
    assert all("DRAFT 下書き" in page for page in printed.texts())
    after = ImageStat.Stat(printed.picture(1).convert("L")).mean[0]
    assert 0 < before - after < 12
