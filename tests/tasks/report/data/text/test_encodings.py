"""Encodings: marks are believed, UTF-8 is proved, the rest is guessed and told."""

from pathlib import Path

import pytest

from tasks.refusal import Refusal
from tasks.report.data.text.encodings import TextEncoding, find_encoding

TEXT = "name,ort\nGrüße,Köln\n"


def encoding_of(folder: Path, content: bytes, said: str = "utf-8", lang: str = "en") -> tuple[TextEncoding, list[str]]:
    path, warnings = folder / "data.csv", list[str]()
    path.write_bytes(content)
    return find_encoding(path, said, lang, lambda code, message: warnings.append(f"{code}: {message}")), warnings


@pytest.mark.parametrize("written", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("said", ["utf-8", "cp1252"])
def test_a_mark_is_believed_whatever_is_said(tmp_path: Path, written: str, said: str) -> None:
    encoding, warnings = encoding_of(tmp_path, TEXT.encode(written), said)
    expected = TEXT if (written, said) != ("utf-8", "cp1252") else TEXT.encode().decode("cp1252")
    assert TEXT.encode(written).decode(encoding.codec) == expected
    assert warnings == []


@pytest.mark.parametrize(
    ("written", "lang", "text"),
    [
        ("utf-16-le", "en", TEXT),
        ("utf-16-be", "en", TEXT),
        ("utf-32-le", "en", TEXT),
        ("utf-32-be", "en", TEXT),
        ("cp1252", "en", TEXT),
        ("cp1252", "de", "Preis\n5 €\n“quoted”\n"),
        ("mac_roman", "en", "name\nrésumé\nnaïve\n"),
        ("cp1250", "cs", "jméno\nPříliš žluťoučký kůň\n"),
        ("cp1251", "ru", "имя\nимя имя\n"),
        ("cp932", "ja", "名\n東京①\n"),
        ("gb18030", "zh-CN", "名\n北京\n"),
        ("big5", "zh-Hant", "名\n臺北\n"),
        ("cp949", "ko", "이름\n서울\n"),
    ],
)
def test_a_guess_goes_by_the_bytes_and_the_language_and_is_told(
    tmp_path: Path, written: str, lang: str, text: str
) -> None:
    encoding, [warning] = encoding_of(tmp_path, text.encode(written), lang=lang)
    assert text.encode(written).decode(encoding.codec) == text
    assert warning.startswith("guessed_encoding: The file is not UTF-8. It was read as ")
    assert "set 'encoding'" in warning


def test_the_warning_shows_the_first_line_that_the_guess_decides(tmp_path: Path) -> None:
    content = "a\nb\nGrüße aus Köln\n".encode("cp1252")
    _, [warning] = encoding_of(tmp_path, content)
    assert "line 3 reads 'Grüße aus Köln'" in warning


@pytest.mark.parametrize("lines", [2, 100_000])
def test_a_few_wrong_bytes_in_utf8_are_replaced_and_counted(tmp_path: Path, lines: int) -> None:
    content = ("Grüße,Köln\n" * lines).encode() + b"x\xff\n\xfey\n" + ("Grüße,Köln\n" * 20).encode()
    encoding, [warning] = encoding_of(tmp_path, content)
    assert encoding == TextEncoding("utf-8", "replace")
    assert warning.startswith("replaced_bytes: The file is UTF-8, but for 2 bytes")
    assert f"line {lines + 1:,}." in warning


def test_words_of_another_script_are_not_guessed(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        encoding_of(tmp_path, "имя,день\nимя,день\n".encode("cp1251"))
    assert caught.value.code == "wrong_encoding"
    assert caught.value.message.startswith("Line 1 is not UTF-8 (byte 0xE8)")
    assert "Set 'encoding', such as cp1251" in caught.value.message


def test_ascii_and_an_empty_file_are_utf8(tmp_path: Path) -> None:
    assert encoding_of(tmp_path, b"") == (TextEncoding("utf-8"), [])
    assert encoding_of(tmp_path, b"a,b\n" * 200_000) == (TextEncoding("utf-8"), [])
