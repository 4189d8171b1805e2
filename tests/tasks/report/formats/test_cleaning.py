"""What may not reach a page is gone; everything else is as it was sent."""

import pytest

from tasks.report.formats.cleaning import clean, clean_all, clean_line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "<b>R&D <5</b>",
        "Grüße, 東京, Ελλάδα",
        "two\nlines",
        "no-break\u00a0space",
        "e\u0301",
        "👍",
        "\u3000",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text
    assert clean_all([text, "x"]) == [text, "x"]


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("a\x00b\x07c\x1b[31m\x7f", "abc[31m"),
        ("a\x80\x9fb", "ab"),
        ("100\u202e000 EUR\u202c", "100000 EUR"),  # would read backwards
        ("\u2066left\u2069 \u200fright\u061c", "left right"),
        ("zero\u200bwidth\u200d\ufeff\u2060", "zerowidth"),
        ("tab\there", "tab here"),
        ("a\r\nb\rc\u2028d\u2029e\x85f", "a\nb\nc\nd\ne\nf"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("\ufffe\uffff\U000e0041", ""),
    ],
)
def test_what_misleads_or_breaks_is_taken_out(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert clean_all(["x", text]) == ["x", cleaned]
    assert clean(cleaned) == cleaned


def test_many_texts_are_cleaned_as_each_would_be() -> None:
    texts = [chr(code) for code in range(0x3000) if chr(code) != "\r"]
    assert clean_all(texts) == [clean(text) for text in texts]


def test_a_line_is_one_line() -> None:
    assert clean_line("a\nb\r\nc") == "a b c"
