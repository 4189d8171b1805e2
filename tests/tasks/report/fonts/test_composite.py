# ruff: noqa: RUF001 - text of many scripts
from pathlib import Path

import pikepdf
import pypdfium2

from tasks.report.fonts.face import faces
from tasks.report.pdf.document import Pdf


def written(path: Path, lines: list[str], lang: str = "ja") -> Path:
    """A PDF file with one line of text after the other."""
    face = faces(lang, lambda _: None).regular
    with Pdf(str(path), lang) as pdf:
        for start in range(0, len(lines), 50):
            canvas = pdf.begin_page(3000, 1000)
            for number, line in enumerate(lines[start : start + 50]):
                canvas.text(10, 20 + 18 * number, line, face, 10)
            pdf.end_page()
        pdf.finish({})
    return path


def read(path: Path) -> str:
    with pypdfium2.PdfDocument(path) as document:
        return "\n".join(page.get_textpage().get_text_range().replace("\r\n", "\n") for page in document)


def test_thousands_of_characters_of_any_script_are_extracted_as_they_were_written(tmp_path: Path) -> None:
    han = [chr(code) for code in range(0x4E00, 0x9FA6)]
    hangul = [chr(code) for code in range(0xAC00, 0xD7A4)]
    kana = [chr(code) for code in (*range(0x3041, 0x3097), *range(0x30A1, 0x30FB))]
    latin = [chr(code) for code in (*range(0x21, 0x7F), *range(0xC0, 0x180))]
    greek = [chr(code) for code in range(0x391, 0x3CA) if code != 0x3A2]
    cyrillic = [chr(code) for code in range(0x400, 0x460)]
    every = [*latin, *greek, *cyrillic, *kana, *han, *hangul]
    lines = ["".join(every[start : start + 200]) for start in range(0, len(every), 200)]
    assert read(written(tmp_path / "all.pdf", lines)).split("\n") == lines


def test_characters_beyond_the_basic_plane_are_extracted(tmp_path: Path) -> None:
    text = "𠮷野家と𩸽 𝒳"
    assert read(written(tmp_path / "a.pdf", [text])) == text


def test_han_text_is_one_font_not_one_for_each_256_characters(tmp_path: Path) -> None:
    lines = ["".join(chr(code) for code in range(start, start + 100)) for start in range(0x4E00, 0x5200, 100)]
    with pikepdf.open(written(tmp_path / "a.pdf", lines)) as pdf:
        fonts = [str(font.BaseFont) for font in pdf.pages[0].Resources.Font.values()]
        assert [font.partition("+")[2] for font in fonts] == ["NotoSansJP-Regular", "NotoSansSC-Regular"]


def test_every_font_is_an_object_of_its_own(tmp_path: Path) -> None:
    """Readers such as Poppler's `pdffonts` know fonts by their number, and report one without."""
    with pikepdf.open(written(tmp_path / "a.pdf", ["Latin Ελληνικά 請求書 한국어 ∑ 🂡"])) as pdf:
        fonts = pdf.pages[0].Resources.Font
        assert len(fonts) >= 4
        assert all(font.is_indirect for font in fonts.values())


def test_only_the_glyphs_that_are_used_are_embedded(tmp_path: Path) -> None:
    assert written(tmp_path / "a.pdf", ["請求書"]).stat().st_size < 5_000


def test_documents_made_at_the_same_time_do_not_mix(tmp_path: Path) -> None:
    face = faces("ja", lambda _: None).regular
    with Pdf(str(tmp_path / "a.pdf"), "ja") as first, Pdf(str(tmp_path / "b.pdf"), "ja") as second:
        for pdf, text in ((first, "請求書"), (second, "納品書"), (first, "合計"), (second, "小計")):
            canvas = pdf.begin_page(300, 100)
            canvas.text(10, 20, text, face, 10)
            pdf.end_page()
        first.finish({})
        second.finish({})
    assert read(tmp_path / "a.pdf") == "請求書\n合計"
    assert read(tmp_path / "b.pdf") == "納品書\n小計"


def test_a_document_that_was_given_up_leaves_nothing_behind(tmp_path: Path) -> None:
    face = faces("ja", lambda _: None).regular
    with Pdf(str(tmp_path / "a.pdf"), "ja") as pdf:
        pdf.begin_page(300, 100).text(10, 20, "途中", face, 10)
    assert read(written(tmp_path / "b.pdf", ["完成"])) == "完成"


def test_widths_in_the_file_are_those_that_were_measured(tmp_path: Path) -> None:
    text = "ｱﾝｹｰﾄ調査「2026」"
    face = faces("ja", lambda _: None).regular
    with pypdfium2.PdfDocument(written(tmp_path / "a.pdf", [text + "|"])) as document:
        page = document[0].get_textpage()
        left = page.get_charbox(len(text), loose=True)[0]
    assert abs(left - 10 - face.width(text, 10)) < 0.05
