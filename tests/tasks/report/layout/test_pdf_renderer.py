# ruff: noqa: RUF001 - text of many scripts
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import pypdfium2
import pytest
from PIL import Image, ImageStat

from tests.support.report.rendering import A4, LOREM, NOW, RenderedReport, heading, job, render_report, text

CHAPTERS = [
    part
    for number in range(1, 7)
    for part in (
        heading(f"Chapter {number}", 1),
        text(LOREM * 60),
        heading(f"Section {number}.1", 2),
        text(LOREM * 20),
        heading(f"Detail {number}.1.1", 3),
        text("x"),
        heading("not listed", 4),
        text("x"),
    )
]


def test_the_contents_give_the_page_that_each_heading_is_on(tmp_path: Path) -> None:
    printed = render_report(tmp_path, CHAPTERS, document={"toc": {"title": "Inhalt", "depth": 3}, "cover": {}})
    pages = printed.texts()
    contents = pages[1].split("\n")
    assert "Inhalt" in contents
    for number in range(1, 7):
        for title in (f"Chapter {number}", f"Section {number}.1", f"Detail {number}.1.1"):
            [line] = [line for line in contents if line.startswith(title + " ")]
            page = int(line.rpartition(" ")[2])
            assert line.count(".") > 20
            assert title in pages[page - 1].split("\n")
    assert "not listed" not in pages[1]


def test_the_contents_lead_where_they_say(tmp_path: Path) -> None:
    printed = render_report(tmp_path, CHAPTERS, document={"toc": {"depth": 1}})
    numbers = [int(line.rpartition(" ")[2]) for line in printed.texts()[0].split("\n") if line.startswith("Chapter")]
    assert printed.links(0) == [f"page {number - 1}" for number in numbers]


def test_contents_of_many_pages_count_themselves(tmp_path: Path) -> None:
    blocks = [heading(f"Heading {number}", 1 + number % 3) for number in range(300)]
    printed = render_report(tmp_path, blocks, document={"toc": {"depth": 3}})
    pages = printed.texts()
    lines = [line for page in pages for line in page.split("\n") if line.startswith("Heading") and "." in line]
    assert len(lines) == 300
    for line in lines:
        assert line.split(" .")[0] in pages[int(line.rpartition(" ")[2]) - 1].split("\n")


def test_bookmarks_are_the_headings_and_levels_never_jump(tmp_path: Path) -> None:
    levels = [3, 1, 3, 3, 2, 1, 4]
    blocks = [heading(f"H{number}", level) for number, level in enumerate(levels)]
    blocks.insert(4, {"type": "page_break"})
    printed = render_report(tmp_path, blocks, document={"cover": {}})
    assert printed.bookmarks() == [
        (0, "H0", 1),
        (0, "H1", 1),
        (1, "H2", 1),
        (1, "H3", 1),
        (1, "H4", 2),
        (0, "H5", 2),
    ]


def test_bookmarks_with_the_same_text_lead_to_their_own_pages(tmp_path: Path) -> None:
    blocks = [
        heading("概要 (1)"),
        {"type": "page_break"},
        heading("概要 (1)"),
        {"type": "page_break"},
        heading("概要 (1)"),
    ]
    assert render_report(tmp_path, blocks).bookmarks() == [(0, "概要 (1)", page) for page in range(3)]


def test_the_cover_holds_title_subtitle_author_and_date_and_no_band(tmp_path: Path) -> None:
    cover = {"subtitle": "All of it", "author": "山田 太郎"}
    printed = render_report(tmp_path, [text("x")], document={"title": "Annual report", "cover": cover})
    assert sorted(printed.texts()[0].split("\n")) == ["All of it", "Annual report", "November 20, 2026", "山田 太郎"]
    assert "2 / 2" in printed.texts()[1]


@pytest.mark.parametrize("size", [[72, 72], [110, 14_400], [14_400, 14_400], "A3"])
def test_a_cover_fits_on_paper_of_any_size(tmp_path: Path, size: Any) -> None:
    document = {
        "title": "A title of several long words " * 9,
        "cover": {"subtitle": LOREM * 6, "author": "Somebody " * 20},
        "page": {"size": size, "margins": {"top": 18, "bottom": 18, "left": 18, "right": 18}},
        "toc": {},
        "watermark": "DRAFT",
    }
    printed = render_report(tmp_path, [heading("Heading"), text("text")], document=document)
    with pypdfium2.PdfDocument(printed.path) as pdf:
        assert sorted(pdf[0].get_size()) == pytest.approx(sorted([841.89, 1190.55] if size == "A3" else size), abs=0.01)
    assert "text" in printed.texts()[-1]


def test_metadata_is_that_of_the_document(tmp_path: Path) -> None:
    document = {
        "title": "Größe (α) 台帳",
        "author": "O'Neill \\ Söhne",
        "subject": "Q3",
        "keywords": ["eins", "二"],
        "lang": "de_CH",
    }
    printed = render_report(tmp_path, [text("x")], document=document)
    with pypdfium2.PdfDocument(printed.path) as pdf:
        assert pdf.get_metadata_dict(skip_empty=True) == {
            "Title": "Größe (α) 台帳",
            "Author": "O'Neill \\ Söhne",
            "Subject": "Q3",
            "Keywords": "eins, 二",
            "Creator": "Pressroom",
            "Producer": "Pressroom with ReportLab",
            "CreationDate": "D:20261120220000+00'00'",
            "ModDate": "D:20261120220000+00'00'",
        }
    with printed.open() as file:
        assert str(file.Root.Lang) == "de-CH"


LATER = NOW.replace(year=2031)


def made(folder: Path, now: datetime = NOW, **document: Any) -> bytes:
    blocks = [heading("見出し"), text(LOREM), text([{"text": "Link", "link": "https://example.com"}])]
    wanted = job(blocks, document={"toc": {}, "cover": {}, "watermark": "x", **document})
    return RenderedReport(folder, msgspec.structs.replace(wanted, now=now)).path.read_bytes()


def test_a_reproducible_report_has_the_same_bytes_whenever_it_is_made(tmp_path: Path) -> None:
    first = made(tmp_path, reproducible=True)
    assert made(tmp_path, LATER, reproducible=True) == first
    assert b"CreationDate" not in first
    assert made(tmp_path, LATER) != made(tmp_path)


def test_the_id_tells_one_content_from_another(tmp_path: Path) -> None:
    def identity(data: bytes) -> bytes:
        return data.rpartition(b"/ID [<")[2][:32]

    first = identity(made(tmp_path, reproducible=True))
    assert identity(made(tmp_path, reproducible=True)) == first
    assert identity(made(tmp_path, reproducible=True, watermark="y")) != first
    assert identity(made(tmp_path, reproducible=True, author="someone")) != first


def test_the_file_is_sound_and_every_font_in_it_is_embedded(tmp_path: Path) -> None:
    blocks = [*CHAPTERS, text([{"text": "日本語 code ≤", "code": True}, {"text": "italic", "italic": True}])]
    printed = render_report(tmp_path, blocks, document={"toc": {}})
    with printed.open() as pdf:
        assert pdf.check_pdf_syntax() == []
        fonts = [font for page in pdf.pages for font in page.Resources.Font.values()]
        assert len(fonts) > 5
        for font in fonts:
            descriptor = (font.DescendantFonts[0] if "/DescendantFonts" in font else font).FontDescriptor
            assert "/FontFile2" in descriptor
            assert "/ToUnicode" in font


def test_a_document_of_thousands_of_pages_has_a_tree_of_pages(tmp_path: Path) -> None:
    page = {
        "size": [200, 72],
        "orientation": "landscape",
        "margins": {"top": 18, "bottom": 18, "left": 18, "right": 18},
    }
    printed = render_report(
        tmp_path,
        [text("\n".join(f"line {number}" for number in range(start, start + 1_500))) for start in (0, 1_500)],
        document={"page": page},
    )
    assert printed.answer["pages"] > 500
    with printed.open() as pdf:
        assert len(pdf.pages) == printed.answer["pages"]
        assert len(pdf.Root.Pages.Kids) == -(-len(pdf.pages) // 128)
        assert all(kid.Type == "/Pages" for kid in pdf.Root.Pages.Kids)
        assert pdf.check_pdf_syntax() == []
    words = [line for page in printed.texts() for line in page.split("\n") if line.startswith("line")]
    assert words == [f"line {number}" for number in range(3_000)]


def test_a_password_opens_the_file_and_nothing_else_does(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [text("secret")], document={"password": "pässwörd 鍵", "title": "Hidden title"})
    data = printed.path.read_bytes()
    assert b"Hidden title" not in data
    with pytest.raises(pypdfium2.PdfiumError):
        pypdfium2.PdfDocument(printed.path)
    assert "secret" in printed.text()
    with printed.open() as pdf:
        assert (pdf.encryption.R, pdf.encryption.bits) == (6, 256)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.pdf"]


def test_the_preview_is_the_first_page(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [text("x")], preview=True, document={"password": "locked"})
    described = {file["name"]: file for file in printed.answer["files"]}
    assert described["preview.png"]["type"] == "image/png"
    with Image.open(tmp_path / "preview.png") as picture:
        assert (described["preview.png"]["width"], described["preview.png"]["height"]) == picture.size
        assert picture.width / picture.height == pytest.approx(A4[0] / A4[1], rel=0.01)
        assert ImageStat.Stat(picture.convert("L")).extrema[0][0] < 100


def test_the_preview_of_a_huge_page_is_small(tmp_path: Path) -> None:
    page = {"size": [14_400, 14_400]}
    render_report(tmp_path, [text("x")], preview=True, formats=["pdf"], document={"page": page})
    with Image.open(tmp_path / "preview.png") as picture:
        assert max(picture.size) <= 1_600


def test_the_answer_describes_the_files(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [text("x")])
    assert printed.answer == {
        "files": [
            {
                "name": "report.pdf",
                "path": str(printed.path),
                "type": "application/pdf",
                "bytes": printed.path.stat().st_size,
            }
        ],
        "pages": 1,
        "rows": 0,
        "warnings": [],
    }
    assert json.loads(json.dumps(printed.answer)) == printed.answer


def test_what_is_cut_on_cover_and_contents_is_told_with_its_page(tmp_path: Path) -> None:
    long = "A heading that goes on " * 10
    document = {
        "title": LOREM * 4,
        "cover": {"subtitle": LOREM * 7, "author": "Name " * 39},
        "toc": {"title": "Contents of this report, all of it, with every page and every heading of every part of it"},
    }
    printed = render_report(tmp_path, [heading(long), text("x"), heading("short")], document=document)
    pages = printed.texts()
    assert pages[0].count("…") == 3
    assert pages[1].count("…") >= 2
    told = [(one["block"], one["page"]) for one in printed.answer["warnings"] if "header" not in one["block"]]
    assert told == [
        ("document.title", 1), ("document.cover.subtitle", 1), ("document.cover.author", 1), ("document.toc", 2),
        ("document.toc", 2),
    ]  # fmt: skip
