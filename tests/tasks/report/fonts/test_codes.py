"""Many texts written in one call."""

import re
from pathlib import Path

from tasks.report.fonts.codes import ELSEWHERE, SEPARATOR, WIDE_BEGIN, WIDE_END
from tasks.report.fonts.face import faces
from tasks.report.pdf.document import Pdf

FACE = faces("ja", lambda _: None).regular


def test_ascii_stands_for_itself_and_what_ends_a_string_is_escaped(tmp_path: Path) -> None:
    with Pdf(str(tmp_path / "a.pdf"), "ja") as pdf:
        codes = pdf.codes(FACE)
        assert f"R&D (5 %){SEPARATOR}a\\b".translate(codes) == f"R&D \\(5 %\\){SEPARATOR}a\\\\b"


def test_a_character_is_written_as_the_pen_writes_it_but_without_controls(tmp_path: Path) -> None:
    """Subsets number their characters from 1 on, and these bytes are marks here."""
    with Pdf(str(tmp_path / "a.pdf"), "ja") as pdf:
        codes = pdf.codes(FACE)
        for character in map(chr, range(0xA1, 0x180)):
            written = character.translate(codes)
            if written not in (ELSEWHERE, ""):
                [(_, operand)] = pdf.operands(FACE, character)
                meant = operand.replace("\\n", "\n").replace("\\r", "\r")
                assert re.sub(r"\\(\d{3})", octal, f"({written})") == meant
                assert written.isprintable() or ord(written) >= 0x7F


def octal(found: re.Match[str]) -> str:
    return chr(int(found[1], 8))


def test_cjk_is_marked_and_named_by_its_font(tmp_path: Path) -> None:
    with Pdf(str(tmp_path / "a.pdf"), "ja") as pdf:
        codes = pdf.codes(FACE)
        written = "東京".translate(codes)
        assert written.count(WIDE_BEGIN) == written.count(WIDE_END) == 2
        [(font, operand)] = pdf.operands(FACE, "東京")
        assert font == codes.wide
        assert f"<{written.replace(WIDE_BEGIN, '').replace(WIDE_END, '')}>" == operand


def test_what_yet_another_font_draws_is_left_to_the_pen(tmp_path: Path) -> None:
    with Pdf(str(tmp_path / "a.pdf"), "ja") as pdf:
        codes = pdf.codes(FACE)
        assert "東".translate(codes) != ELSEWHERE
        assert "한".translate(codes) == ELSEWHERE
        assert "\U00012000".translate(codes) == ELSEWHERE
