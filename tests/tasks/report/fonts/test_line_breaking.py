# ruff: noqa: RUF001 - text of many scripts
from itertools import pairwise

import pytest

from tasks.report.fonts.face import faces
from tasks.report.fonts.line_breaking import break_lines, pieces
from tasks.report.layout.paragraph import Span, layout_lines

FACE = faces("ja", lambda _: None).regular


def lines(text: str, width: float, size: float = 10) -> list[str]:
    return break_lines(text, FACE, size, width)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two  three", ["one ", "two  ", "three"]),
        ("state-of-the-art", ["state-", "of-", "the-", "art"]),
        ("-5 and 2026-11-20", ["-5 ", "and ", "2026-11-20"]),
        ("東京です。", ["東", "京", "で", "す。"]),
        ("「はい」と言う", ["「は", "い」", "と", "言", "う"]),
        ("ちょっと", ["ちょっ", "と"]),
        ("サーバー", ["サー", "バー"]),
        ("価格は¥1,200（税込）", ["価", "格", "は", "¥1,200", "（税", "込）"]),
        ("東京(Tokyo)へ", ["東", "京", "(Tokyo)", "へ"]),
        ("２０２６年１２月", ["２０２６", "年", "１２", "月"]),
        ("한국어 제목", ["한국어 ", "제목"]),
        ("（", ["（"]),
        ("", []),
    ],
)
def test_a_line_may_end_where_the_language_lets_it(text: str, expected: list[str]) -> None:
    assert list(pieces(text)) == expected


@pytest.mark.parametrize(
    "text", ["  leading", "a  b", "「「「", "。。。", "x" * 50, "a-b-c-", "日本 語 x", "–—", "(", "[(“", "e.g. 5 %"]
)
def test_pieces_are_the_whole_text(text: str) -> None:
    assert "".join(pieces(text)) == text


def test_lines_are_as_full_as_they_can_be_and_none_is_too_wide() -> None:
    text = "The quick brown fox jumps over the lazy dog, 速い茶色の狐は怠け者の犬を飛び越える。" * 5
    for width in (60, 100, 247):
        broken = lines(text, width)
        assert all(FACE.width(line, 10) <= width for line in broken)
        assert "".join(broken).replace(" ", "") == text.replace(" ", "")
        for line, following in pairwise(broken):
            assert FACE.width(f"{line} {next(pieces(following)).rstrip()}", 10) > width or not line.isascii()


def test_a_word_longer_than_a_line_is_broken_and_nothing_of_it_is_lost() -> None:
    word = "Donaudampfschifffahrtsgesellschaftskapitän"
    broken = lines(f"Der {word} winkt", 70)
    assert all(FACE.width(line, 10) <= 70 for line in broken)
    assert "".join(broken).replace(" ", "") == f"Der{word}winkt"


def test_a_character_wider_than_the_line_stands_alone() -> None:
    assert lines("WWW", 2) == ["W", "W", "W"]


def test_line_feeds_begin_lines_and_empty_ones_stay() -> None:
    assert lines("a\n\nb\n", 100) == ["a", "", "b", ""]


def test_no_line_ends_with_a_space() -> None:
    assert all(line == line.rstrip() for line in lines("one two three four five   six ", 40))


def test_a_hundred_thousand_characters_without_a_space_are_broken_in_reasonable_time() -> None:
    for word in ("W" * 100_000, "a-" * 50_000, "「" * 20_000, "。" * 20_000):
        assert "".join(lines(word, 400)) == word


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("https://example.com/a/long/path?x=1&y=2", {"https://"}),
        ("123e4567-e89b-12d3-a456-426614174000", {"123e4567-e89b-"}),
        ("federal_supply_category_name", {"federal_supply_"}),
    ],
)
def test_words_too_long_for_a_line_break_at_their_joints(word: str, parts: set[str]) -> None:
    lines = break_lines(word, FACE, 10, 80)
    assert "".join(lines) == word
    assert all(line[-1] in "/-_?&=" for line in lines[:-1])
    assert parts <= set(lines)


def test_a_number_is_not_parted_at_its_mark() -> None:
    assert break_lines("1.000000000000", FACE, 10, 50)[0] not in ("1.", "1")
    assert break_lines("12:34:56,789012345678", FACE, 10, 60)[0][-1].isdigit()


@pytest.mark.parametrize("word", ["WEAPONS", "MILLIMETER", "Donaudampfschifffahrt"])
def test_no_letter_of_a_broken_word_stands_alone(word: str) -> None:
    for text in (word, f"{word} {word}", f"a {word}, {word}."):
        for width in range(36, 80):
            lines = break_lines(text, FACE, 10, width)
            assert "".join(lines).replace(" ", "") == text.replace(" ", "")
            assert all(len(line) > 1 or line == "a" for line in lines), (width, lines)
            spans = [Span(text, FACE, (0, 0, 0))]
            written = ["".join(part for _, part, _, _ in line.parts) for line in layout_lines(spans, 10, width)]
            assert all(len(line) > 1 or line == "a" for line in written), (width, written)
