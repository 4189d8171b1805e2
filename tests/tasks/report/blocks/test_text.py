from pathlib import Path

import pytest

from tests.support.report.rendering import LOREM, heading, render_report, text

BARE = {"header": None, "footer": None}


def lines_of(page: str) -> list[str]:
    return [line.strip() for line in page.split("\n")]


def test_a_paragraph_over_the_end_of_a_page_has_two_lines_at_least_on_each(tmp_path: Path) -> None:
    for before in range(36, 47):
        blocks = [*(text(f"filler {number}", style="small") for number in range(before // 2)), text(LOREM * 13)]
        first, *others = render_report(tmp_path, blocks, document=BARE).texts()
        counts = [sum(not line.startswith("filler") for line in lines_of(page)) for page in (first, *others)]
        assert sum(counts) == 10
        assert not {1} & set(counts), f"a line stands alone after {before} lines: {counts}"


def test_nothing_of_a_text_of_many_pages_is_lost(tmp_path: Path) -> None:
    words = " ".join(f"w{number}" for number in range(3_500))
    printed = render_report(tmp_path, [text(words)], document=BARE)
    assert printed.answer["pages"] > 2
    assert printed.text().split() == words.split()


def test_a_heading_is_never_the_last_thing_on_a_page(tmp_path: Path) -> None:
    for count in range(18, 30):
        blocks = [*(text(f"filler {number}") for number in range(count)), heading("Heading", 2), text(LOREM * 4)]
        for page in render_report(tmp_path, blocks, document=BARE).texts():
            assert lines_of(page)[-1] != "Heading"


def test_runs_are_drawn_in_their_styles_and_read_as_one_text(tmp_path: Path) -> None:
    runs = [
        {"text": "plain "},
        {"text": "bold", "bold": True},
        {"text": ", "},
        {"text": "italic", "italic": True},
        {"text": ", both", "italic": True, "bold": True},
        {"text": ", code(x)", "code": True},
        {"text": " red", "colour": "#ff0000"},
    ]
    printed = render_report(tmp_path, [text(runs)], document=BARE)
    assert printed.text() == "plain bold, italic, both, code(x) red"
    with printed.open() as pdf:
        fonts = {str(font.BaseFont).partition("+")[2] for font in pdf.pages[0].Resources.Font.values()}
    assert fonts == {f"NotoSans-{style}" for style in ("Regular", "SemiBold", "Italic", "SemiBoldItalic")} | {
        "NotoSansMono-Regular"
    }
    assert (255, 0, 0) in {colour for _, colour in printed.picture(scale=3).getcolors(1 << 20) or ()}


def test_a_word_in_two_styles_is_not_torn_apart(tmp_path: Path) -> None:
    runs = [{"text": LOREM + "un"}, {"text": "believ", "bold": True}, {"text": "able " + LOREM}]
    printed = render_report(tmp_path, [text(runs)], document=BARE)
    assert "unbelievable" in printed.text()


def test_lines_are_aligned(tmp_path: Path) -> None:
    left, center, right = (
        render_report(tmp_path, [text("█", align=align)], document=BARE).picture().convert("L")
        for align in ("left", "center", "right")
    )
    boxes = [picture.point(lambda value: 255 if value < 128 else 0).getbbox() for picture in (left, center, right)]
    assert [box and round((box[0] + box[2]) / 2 / 30) for box in boxes] == [2, 10, 18]


def test_links_lead_to_urls_and_to_headings_before_and_after_them(tmp_path: Path) -> None:
    runs = [
        {"text": "site", "link": "https://example.com/ä?q=(1)&r=\\"},
        {"text": " mail", "link": "mailto:someone@example.com"},
        {"text": " later", "link": "#later"},
        {"text": " here", "link": "#here"},
    ]
    blocks = [heading("Here", anchor="here"), text(runs), {"type": "page_break"}, heading("Later", 4, anchor="later")]
    printed = render_report(tmp_path, blocks)
    assert printed.links() == [
        "https://example.com/%C3%A4?q=(1)&r=%5C",
        "mailto:someone@example.com",
        "page 1",
        "page 0",
    ]
    assert printed.warnings == []


def test_a_link_to_no_heading_is_told_of_and_is_only_text(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [text([{"text": "nowhere", "link": "#nowhere"}])], document=BARE)
    assert (printed.text(), printed.links(), printed.warnings) == ("nowhere", [], [("unknown_anchor", "blocks.0")])


def test_the_first_of_two_headings_with_one_anchor_counts(tmp_path: Path) -> None:
    blocks = [
        heading("A", anchor="x"),
        {"type": "page_break"},
        heading("B", anchor="x"),
        text([{"text": "x", "link": "#x"}]),
    ]
    printed = render_report(tmp_path, blocks)
    assert printed.links(1) == ["page 0"]
    assert [title for _, title, _ in printed.bookmarks()] == ["A", "B"]
    assert printed.warnings == [("duplicate_anchor", "blocks.2")]


def test_a_link_over_two_lines_is_one_on_each(tmp_path: Path) -> None:
    printed = render_report(tmp_path, [text([{"text": LOREM * 2, "link": "https://example.com"}])], document=BARE)
    assert printed.links() == ["https://example.com"] * len(lines_of(printed.text()))


def test_list_items_hang_and_numbers_stand_right(tmp_path: Path) -> None:
    items = ["first", "second " + LOREM * 3, *(f"item {number}" for number in range(3, 13))]
    printed = render_report(tmp_path, [{"type": "list", "ordered": True, "items": items}], document=BARE)
    words = printed.text().split("\n")
    assert words[0] == "1. first"
    assert words[-1] == "12. item 12"
    printed = render_report(tmp_path, [{"type": "list", "items": items}], document=BARE)
    assert printed.text().split("\n")[0] == "first"


def test_a_list_of_a_thousand_items_goes_over_pages(tmp_path: Path) -> None:
    items = [f"item {number}" for number in range(1_000)]
    printed = render_report(tmp_path, [{"type": "list", "items": items}], document=BARE)
    assert [line for page in printed.texts() for line in lines_of(page)] == items


def test_the_last_item_of_a_list_is_not_alone_on_a_page(tmp_path: Path) -> None:
    for count in range(2, 110):
        printed = render_report(
            tmp_path, [{"type": "list", "items": [f"item {n}" for n in range(count)]}], document=BARE
        )
        assert len(lines_of(printed.texts()[-1])) >= 2
    assert len(printed.texts()) == 3


@pytest.mark.parametrize("style", ["body", "lead", "small", "note"])
@pytest.mark.parametrize("density", ["comfortable", "compact"])
def test_every_style_prints_its_text(tmp_path: Path, style: str, density: str) -> None:
    document = {**BARE, "theme": {"density": density, "accent": "#aa0000"}}
    printed = render_report(tmp_path, [text(LOREM * 5, style=style)], document=document)
    assert " ".join(printed.text().split()) == (LOREM * 5).strip()


def test_empty_texts_take_a_line_and_do_no_harm(tmp_path: Path) -> None:
    blocks = [heading(""), text(""), text([]), {"type": "list", "items": ["", []]}, text("\n\n"), heading([], 2)]
    printed = render_report(tmp_path, blocks, document={**BARE, "toc": {}})
    assert printed.answer["pages"] == 2
