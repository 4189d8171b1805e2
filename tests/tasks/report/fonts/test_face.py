import unicodedata

import pytest
from reportlab.pdfbase.pdfmetrics import registerFont, stringWidth
from reportlab.pdfbase.ttfonts import TTFont

from tasks.report.fonts.face import MISSING, Faces, faces
from tasks.report.fonts.font_file import FOLDER


def made(lang: str = "en") -> tuple[Faces, list[str]]:
    missing: list[str] = []
    return faces(lang, missing.append), missing


def test_a_width_is_that_of_the_font() -> None:
    registerFont(TTFont("Regular", str(FOLDER / "NotoSans-Regular.ttf")))
    regular = made()[0].regular
    for words in ("", "Hello, World", "Ångström ½ €", "Привет", "Ελλάδα"):
        assert regular.width(words, 11) == pytest.approx(stringWidth(words, "Regular", 11))


def test_figures_are_all_of_one_width() -> None:
    for face in (made()[0].regular, made()[0].bold, made()[0].code):
        assert len({face.width(digit, 10) for digit in "0123456789"}) == 1


@pytest.mark.parametrize(
    ("lang", "region"),
    [("en", "JP"), ("ja", "JP"), ("zh", "SC"), ("zh-Hans-CN", "SC"), ("zh_TW", "SC"), ("ko-KR", "KR")],
)
def test_the_language_decides_whose_han_characters_are_drawn(lang: str, region: str) -> None:
    assert made(lang)[0].regular.runs("骨") == [(f"NotoSans{region}-Regular", "骨")]
    assert made(lang)[0].bold.runs("骨") == [(f"NotoSans{region}-SemiBold", "骨")]


def test_text_is_drawn_with_the_fonts_that_cover_it() -> None:
    face, missing = made()
    assert face.regular.runs("Tax 税 und 부가세 ≤ 5 ✔") == [
        ("NotoSans-Regular", "Tax "),
        ("NotoSansJP-Regular", "税"),
        ("NotoSans-Regular", " und "),
        ("NotoSansKR-Regular", "부가세"),
        ("NotoSans-Regular", " "),
        ("NotoSansMath-Regular", "≤"),
        ("NotoSans-Regular", " 5 "),
        ("NotoSansSymbols2-Regular", "✔"),
    ]
    assert missing == []


def test_japanese_is_in_one_font_with_its_punctuation_and_symbols() -> None:
    runs = made("ja")[0].regular.runs("「請求書」→①☆、。ー々〆")
    assert runs == [("NotoSansJP-Regular", "「請求書」→①☆、。ー々〆")]


def test_italics_fall_back_to_upright_shapes() -> None:
    assert made()[0].italic.runs("Ⅳ東") == [("NotoSansMath-Regular", "Ⅳ"), ("NotoSansJP-Regular", "東")] or made()[
        0
    ].italic.runs("東") == [("NotoSansJP-Regular", "東")]


@pytest.mark.parametrize("word", ["مرحبا", "שלום", "नमस्ते", "ไทย"])
def test_scripts_that_need_shaping_or_run_from_right_to_left_are_told_of_not_drawn_wrongly(word: str) -> None:
    face, missing = made()
    assert face.regular.runs(word) == [("NotoSans-Regular", MISSING * len(word))]
    assert set(missing) == set(word)


def test_a_missing_character_is_told_of_once_and_takes_the_room_of_its_replacement() -> None:
    face, missing = made()
    for _ in range(3):
        assert face.regular.width("a\U0001f9ffb", 10) == face.regular.width(f"a{MISSING}b", 10)
    assert face.regular.runs("a\U0001f9ffb") == [("NotoSans-Regular", f"a{MISSING}b")]
    assert missing == ["\U0001f9ff"]


@pytest.mark.parametrize("words", ["Ångström", "Việt Nam", "ガギグ", "한국어", "Ěščř ñ ü"])
def test_accents_that_stand_after_their_letters_are_drawn_on_them(words: str) -> None:
    apart = unicodedata.normalize("NFD", words)
    assert len(apart) > len(words)
    regular = made()[0].regular
    assert "".join(part for _, part in regular.runs(apart)) == words
    assert regular.runs(f"\ufa19{apart}")[0][1][0] == "\ufa19"  # which composition would replace


def test_what_nobody_sees_takes_no_room_and_is_not_missed() -> None:
    face, missing = made()
    assert face.regular.width("co\u00adop ✔\ufe0f 葛\U000e0100", 10) == face.regular.width("coop ✔ 葛", 10)
    assert "".join(part for _, part in face.regular.runs("co\u00adop ✔\ufe0f 葛\U000e0100")) == "coop ✔ 葛"
    assert missing == []


def test_what_fits_stays_and_what_does_not_ends_in_an_ellipsis() -> None:
    face = made()[0].regular
    words = "A rather long label"
    assert face.fit(words, 10, face.width(words, 10)) == words
    for width in (5, 20, 40, 60, 80):
        shortened = face.fit(words, 10, width)
        assert shortened.endswith("…")
        assert words.startswith(shortened[:-1])
        assert face.width(shortened, 10) <= max(width, face.width("…", 10))


def test_every_font_file_has_its_licence_beside_it_and_may_be_embedded() -> None:
    fonts = sorted(FOLDER.glob("*.ttf"))
    assert len(fonts) == 13
    for path in fonts:
        licence = FOLDER / f"{path.stem.partition('-')[0]}-OFL.txt"
        assert "SIL OPEN FONT LICENSE Version 1.1" in licence.read_text(encoding="utf-8")
        TTFont(path.stem, str(path))  # refuses a font whose flags forbid it
