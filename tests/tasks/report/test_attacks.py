"""What has been done to makers of PDF files by text, links, colours, sizes and pictures, and the right answer to it."""

import math
import re
from pathlib import Path
from typing import Any

import msgspec
import pydantic
import pytest

from tasks.refusal import Refusal
from tasks.report.spec.reading import read_spec
from tasks.report.spec.structs import DocumentSpec, ReportSpec, TextBlock
from tests.support.pictures import png_header
from tests.support.report.rendering import KEY, LOREM, RenderedReport, heading, job, render_report, text

BARE = {"header": None, "footer": None}

MARKUP = [
    "<b>bold</b>",
    "R&D <5",
    "a & b &amp; &#65; &#x110000;",
    "<unclosed",
    "</para></para>",
    "<img src='/etc/hostname'/>",
    "<img src='file:///etc/passwd' width='1' height='1'/>",
    "<img src='http://127.0.0.1:6379/'/>",
    "<a href='javascript:alert(1)'>x</a>",
    "<onDraw name='saveState' label='x'/>",
    "<seq id='x'/><index item='x'/>",
    "<font color=\"[[[getattr(pow,Word('__globals__'))['os'].system('id')]]] and 'red'\">x</font>",
    "${7*7} {{7*7}} {page.__class__} %(x)s %s {0}",
    ") Tj ET (x",
    "\\) Tj \\",
    "endstream endobj",
    "/JS (app.alert(1))",
]


def everywhere(words: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Blocks and a document that say `words` wherever something can be said."""
    short = words[:40]
    blocks = [
        heading(words, anchor="a"),
        text(words),
        text(
            [{"text": words, "bold": True}, {"text": words, "code": True}, {"text": words, "link": "#a"}], style="note"
        ),
        {"type": "list", "items": [words, [{"text": words}]]},
        {"type": "kpis", "items": [{"label": words[:100], "value": words[:60], "change": words[:60], "trend": "up"}]},
        {
            "type": "table",
            "title": words,
            "columns": [
                {"field": "a", "title": words[:200], "total": "count"},
                {"field": "b", "title": words[:200], "overflow": "clip"},
                {"field": "n", "type": "integer", "total": "sum"},
            ],
            "rows": [{"a": words, "b": words, "n": 1}, {"a": "", "b": words, "n": None}],
            "group_by": [{"field": "b"}],
            "sort": [{"field": "a"}],
        },
        *(
            {
                "type": "chart",
                "kind": kind,
                "title": words,
                "y_title": words[:100],
                "categories": [words, words + "2"],
                "series": [{"name": words[:100], "values": [1, 2]}],
            }
            for kind in ("bar", "line", "donut")
        ),
        {"type": "columns", "columns": [[heading(words, 2)], [text(words)]]},
    ]
    document = {
        "title": words,
        "author": words,
        "subject": words,
        "keywords": [words[:60]],
        "header": {"left": words, "center": words, "right": words},
        "cover": {"subtitle": words, "author": words},
        "toc": {"title": words[:100]},
        "watermark": short,
    }
    return blocks, document


def squeezed(words: str) -> str:
    return re.sub(r"\s+", "", words)


@pytest.mark.parametrize("words", MARKUP)
def test_markup_and_operators_are_printed_as_they_were_written(tmp_path: Path, words: str) -> None:
    blocks, document = everywhere(words)
    printed = render_report(tmp_path, blocks, document=document)
    seen = squeezed(printed.text())
    assert seen.count(squeezed(words)) >= 8
    with printed.open() as pdf:
        assert pdf.check_pdf_syntax() == []
        assert str(pdf.docinfo["/Title"]) == words
        assert not {"/OpenAction", "/AA", "/Names", "/AcroForm"} & set(pdf.Root.keys())
    assert {title for _, title, _ in printed.bookmarks()} == {words}


HIDDEN = {
    "nul and controls": "in\x00vo\x07ice\x1b",
    "c1 controls": "in\x80vo\x9fice",
    "bidi override": "\u202einvoice\u202c",
    "bidi isolates": "\u2066in\u2069voice\u200e\u200f\u061c",
    "zero width": "in\u200bvo\u200dice\ufeff\u2060",
    "tags": "invoice\U000e0041\U000e0042",
    "soft hyphen": "in\u00advoice",
}


@pytest.mark.parametrize("words", HIDDEN.values(), ids=HIDDEN)
def test_what_cannot_be_seen_is_not_in_the_report(tmp_path: Path, words: str) -> None:
    blocks, document = everywhere(words)
    printed = render_report(tmp_path, blocks, document=document)
    seen = printed.text()
    assert seen.count("invoice") >= 12
    assert not re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]", seen)
    assert printed.warnings == []


def test_half_surrogate_pairs_become_replacement_characters_everywhere(tmp_path: Path) -> None:
    spec = read_spec(rb'{"document":{"title":"a\ud800b"},"blocks":[{"type":"text","text":"c\udfffd \ud83d\ude00"}]}')
    assert spec.document.title == "a\ufffdb"
    halves = ReportSpec(document=DocumentSpec(title="a\ud800b"), blocks=(TextBlock(text="c\udfffd"),))
    printed = RenderedReport(tmp_path, msgspec.structs.replace(job([text("x")]), spec=halves))
    assert printed.text().split("\n")[0] == "c\ufffdd"
    assert "a\ufffdb" in printed.text()


def test_characters_that_no_font_has_are_told_of_once(tmp_path: Path) -> None:
    blocks, document = everywhere("\U000f0000 مرحبا")
    printed = render_report(tmp_path, blocks, document=document)
    [warning] = [warning for warning in printed.answer["warnings"] if warning["code"] == "missing_glyphs"]
    assert all(f"U+{code:04X}" in warning["message"] for code in (0xF0000, 0x645, 0x631))


@pytest.mark.parametrize(
    "words", ["W" * 20_000, "長" * 20_000, "a-" * 10_000, " " * 20_000, "\n" * 2_000, "(" * 20_000]
)
def test_endless_words_are_broken_and_nothing_of_them_is_lost(tmp_path: Path, words: str) -> None:
    printed = render_report(tmp_path, [text(words), {"type": "list", "items": [words]}], document=BARE)
    assert len(squeezed(printed.text())) == 2 * len(squeezed(words))


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "ftp://example.com",
        "//example.com",
        "/etc/passwd",
        "vbscript:x",
        "https://",
        "https://a b",
        "https://a\r\nX: y",
        'https://a"b',
        "https://a<b>",
        " https://a",
        "#",
        "#a b",
        "#" + "a" * 81,
        "https://a/" + "a" * 2_000,
        "",
    ],
)
def test_links_that_are_none_are_refused(link: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        job([text([{"text": "x", "link": link}])])


def test_a_url_cannot_break_out_of_its_string(tmp_path: Path) -> None:
    url = "https://example.com/)/S/JavaScript/JS(app.alert(1))>>%0a%5c\\"
    with pytest.raises(pydantic.ValidationError):
        job([text([{"text": "x", "link": url}])])  # for its >
    url = url.replace(">", "")
    printed = render_report(tmp_path, [text([{"text": "x", "link": url}])])
    assert printed.links() == [url.replace("\\", "%5C")]
    with printed.open() as pdf:
        assert pdf.check_pdf_syntax() == []
        [annotation] = pdf.pages[0].Annots
        assert annotation.A.S == "/URI"


@pytest.mark.parametrize(
    "colour",
    [
        "red",
        "#fff",
        "#12345g",
        "#1234567",
        "rgb(1,2,3)",
        "setColors(red='blue')",
        "__import__('os')",
        "(" * 5_000,
        "",
        "#fff\n000",
    ],
)
def test_colours_are_six_digits_or_names_of_the_theme(colour: str) -> None:
    for blocks, document in (
        ([text([{"text": "x", "colour": colour}])], {}),
        ([{"type": "rule", "colour": colour}], {}),
        ([text("x")], {"theme": {"accent": colour}}),
    ):
        with pytest.raises(pydantic.ValidationError):
            job(blocks, document)


@pytest.mark.parametrize("accent", ["accent", "accent2", "ink"])
def test_the_theme_is_not_made_of_itself(accent: str) -> None:
    with pytest.raises(pydantic.ValidationError):
        job([text("x")], {"theme": {"accent": accent}})


@pytest.mark.parametrize(
    "page",
    [
        {"size": [1, 1]},
        {"size": [71.9, 500]},
        {"size": [-595, 842]},
        {"size": [math.nan, 500]},
        {"size": [math.inf, 500]},
        {"size": [1_000_000, 500]},
        {"size": [14_400.1, 500]},
        {"size": "A0"},
        {"margins": {"left": 300, "right": 300}},
        {"margins": {"top": 900}},
        {"margins": {"left": -10}},
        {"margins": {"left": math.nan}},
        {"size": [100, 100], "margins": {"top": 40, "bottom": 40, "left": 10, "right": 10}},
    ],
)
def test_paper_on_which_nothing_fits_is_refused(page: dict[str, Any]) -> None:
    with pytest.raises(pydantic.ValidationError):
        job([text("x")], {"page": page})


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_are_not_finite_are_refused(number: bytes) -> None:
    body = b'{"document":{"title":"x"},"blocks":[{"type":"image","source":{"upload":"%s"},"width":%s}]}'
    with pytest.raises(Refusal) as caught:
        read_spec(body % (KEY.encode(), number))
    assert caught.value.code == "invalid_request"


@pytest.mark.parametrize("size", [[72, 72], [72, 14_400], [14_400, 14_400]])
def test_the_smallest_and_the_largest_paper_take_everything(tmp_path: Path, size: list[float]) -> None:
    page = {"size": size, "margins": {"top": 18, "bottom": 18, "left": 18, "right": 18}}
    blocks, document = everywhere("Some ordinary words 普通の言葉")
    printed = render_report(tmp_path, blocks, document={**document, "page": page})
    assert printed.answer["pages"] >= 3
    with printed.open() as pdf:
        assert pdf.check_pdf_syntax() == []


def test_blocks_nested_too_deep_are_refused() -> None:
    block: dict[str, Any] = text("x")
    for _ in range(60):
        block = {"type": "columns", "columns": [[block]]}
    with pytest.raises(pydantic.ValidationError):
        job([block])


@pytest.mark.parametrize(
    "source",
    [
        {"upload": "/etc/passwd"},
        {"upload": "../../../etc/passwd"},
        {"upload": KEY[:-1] + "/"},
        {"path": "/etc/passwd"},
        {"url": "http://127.0.0.1/"},
        {"job": KEY},
        {"upload": KEY, "job": KEY, "file": "a.png"},
        {},
    ],
)
def test_pictures_are_named_by_id_never_by_path_or_url(source: dict[str, str]) -> None:
    with pytest.raises(pydantic.ValidationError):
        job([{"type": "image", "source": source}])


def test_a_picture_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(png_header(30_000, 30_000))
    with pytest.raises(Refusal) as caught:
        render_report(tmp_path, [{"type": "image", "source": {"upload": KEY}}], images={KEY: tmp_path / "bomb"})
    assert (caught.value.code, caught.value.field) == ("too_many_pixels", "blocks.0.source")


def test_outline_levels_that_jump_are_no_error(tmp_path: Path) -> None:
    printed = render_report(
        tmp_path, [heading("a", 3), heading("b", 2), heading("c", 3), heading("d", 1), heading("e", 3)]
    )
    assert [(level, title) for level, title, _ in printed.bookmarks()] == [
        (0, "a"),
        (0, "b"),
        (1, "c"),
        (0, "d"),
        (1, "e"),
    ]


def test_a_spec_at_its_limits_is_printed(tmp_path: Path) -> None:
    blocks = [*(heading(f"Heading {number}", 1 + number % 4, anchor=f"a{number}") for number in range(1_000))]
    blocks += [text([{"text": "x ", "link": f"#a{number}", "bold": True} for number in range(500)]) for _ in range(2)]
    blocks += [text(LOREM * 20) for _ in range(998)]
    printed = render_report(tmp_path, blocks, document={"toc": {"depth": 3}, "watermark": "W" * 40})
    assert printed.answer["pages"] > 100
