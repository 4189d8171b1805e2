"""The sample reports: each can be printed, says what it should, and has its pictures."""

import re
from decimal import Decimal
from pathlib import Path

import pypdfium2
import pytest
from PIL import Image

from tasks.report import render
from tools import samples
from tools.documents import ROOT
from tools.gallery import GALLERY, show, silent

FEW_ROWS = 3_000
SAYS = {
    "charts": ["Long names lie down", "Professional services", "€4,200,000", "No data"],
    "contact-sheet": ["01 Ridges in haze", "24 Night comes"],
    "invoice": ["請求書", "株式会社 山田製作所 御中", "クラウド利用料", "￥523,088", "登録番号 T1234567890123"],
    "ledger": ["Total Valparaíso", "6300 Freight", "山田商店", "Page 1 of"],
    "quarterly": ["Northwind Instruments", "€18.4M", "高橋 直子", "Total Western Europe", "Other (3)"],
    "wide": ["Dec sold", "Total Europe", "continued"],
}
WARNS = {"charts": {"clipped", "left_out", "merged"}, "invoice": {"wrapped"}, "quarterly": {"merged"}}


def text_of(path: Path) -> str:
    with pypdfium2.PdfDocument(path) as document:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)


@pytest.mark.parametrize("name", samples.names())
def test_a_sample_can_be_printed_and_its_text_read_out(name: str, tmp_path: Path) -> None:
    answer = render.render(samples.job(name, tmp_path, ledger_rows=FEW_ROWS), str(tmp_path), report=silent)
    assert {warning["code"] for warning in answer["warnings"]} == WARNS.get(name, set())
    text = text_of(tmp_path / "report.pdf")
    for said in SAYS[name]:
        assert said in text
    assert "\N{REPLACEMENT CHARACTER}" not in text


def test_the_ledger_balances_on_its_last_page(tmp_path: Path) -> None:
    rows = list(samples.ledger(FEW_ROWS))
    debit = sum(Decimal(row[6]) for row in rows[1:] if row[6])
    render.render(samples.job("ledger", tmp_path, ledger_rows=FEW_ROWS), str(tmp_path), report=silent)
    totals = re.findall(
        r"^Total €([\d,.]+) €([\d,.]+)", text_of(tmp_path / "report.pdf").replace("\r", ""), re.MULTILINE
    )
    assert [Decimal(total.replace(",", "")) for total in totals[-1]] == [debit, debit]


def test_every_picture_that_the_gallery_page_shows_exists_and_is_small() -> None:
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\(gallery/([\w-]+\.png)\)", page))
    assert shown == {path.name for path in GALLERY.glob("*.png")}
    assert set(re.findall(r"\(samples/([\w-]+)\.json\)", page)) == set(samples.names())
    assert all((GALLERY / name).stat().st_size < 150_000 for name in shown)


def test_the_gallery_makes_pictures_of_the_pages_it_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.gallery.GALLERY", tmp_path)
    render.render(samples.job("wide", tmp_path), str(tmp_path), report=silent)
    show(tmp_path / "report.pdf", "wide")
    pictures = sorted(tmp_path.glob("wide-*.png"))
    assert [picture.name for picture in pictures] == ["wide-1.png", "wide-2.png", "wide-3.png"]
    with Image.open(pictures[0]) as first, Image.open(pictures[2]) as last:
        assert first.mode == "P"
        assert first.height > first.width
        assert last.width > last.height  # its table turned the pages
