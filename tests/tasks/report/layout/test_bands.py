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
    assert printed.warnings == [("no_room", "document.header"), ("no_room", "document.footer")]


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


@pytest.mark.parametrize("band", ["header", "footer"])
@pytest.mark.parametrize("places", [("left", "right"), ("left", "center", "right"), ("left",), ("center",)])
@pytest.mark.parametrize("margin", [24, 64])
def test_texts_that_are_too_long_share_the_width_and_are_told_of(
    tmp_path: Path, band: str, places: tuple[str, ...], margin: int
) -> None:
    document = {
        "header": None,
        "footer": None,
        band: dict.fromkeys(places, "A title that goes on and on " * 10 + "{page}"),
        "page": {"margins": {"top": margin, "bottom": margin}},
    }
    printed = render_report(tmp_path, [text("x"), {"type": "page_break"}, text("y")], document=document)
    assert [page.count("…") for page in printed.texts()] == [len(places)] * 2
    told = {f"document.{band}.{place}": 1 for place in places}
    assert {one["block"]: one["page"] for one in printed.answer["warnings"]} == told
    assert {one["code"] for one in printed.answer["warnings"]} == {"clipped"}


@pytest.mark.parametrize("band", ["header", "footer"])
def test_texts_that_are_too_long_for_one_line_take_two(tmp_path: Path, band: str) -> None:
    texts = {
        "left": "Muster GmbH · Beispielweg 1 · 12345 Musterstadt am Fluss",
        "center": "IBAN DE00 0000 0000 0000 0000 00",
        "right": "Seite {page} von {pages}",
    }
    document = {"header": None, "footer": None, band: texts}
    printed = render_report(tmp_path, [text("x")], document=document)
    words = " ".join(printed.text().split())
    assert printed.warnings == []
    assert "…" not in words
    for word in ("Muster GmbH", "Beispielweg 1", "12345", "Fluss", "0000 00", "Seite 1 von 1"):
        assert word in words


def test_a_band_that_is_cut_on_some_pages_is_told_of_with_the_first_of_them(tmp_path: Path) -> None:
    section = {"type": "section", "orientation": "landscape", "blocks": [text("wide")]}
    document = {"header": None, "footer": {"left": "word " * 36}, "cover": {}, "page": {"size": "A5"}}
    printed = render_report(tmp_path, [section, text("tall")], document=document)
    assert [(one["block"], one["page"]) for one in printed.answer["warnings"]] == [("document.footer.left", 3)]


def test_a_watermark_is_on_every_page_over_everything_but_faint(tmp_path: Path) -> None:
    plain = render_report(tmp_path, PAGES, document={"cover": {}})
    before = ImageStat.Stat(plain.picture(1).convert("L")).mean[0]
    printed = render_report(tmp_path, PAGES, document={"watermark": "DRAFT 下書き", "cover": {}})
    assert all("DRAFT 下書き" in page for page in printed.texts())
    after = ImageStat.Stat(printed.picture(1).convert("L")).mean[0]
    assert 0 < before - after < 12
