from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.report.rendering import heading, render_report

BARE = {"header": None, "footer": None}


def kpis(*items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "kpis", "items": list(items)}


def test_a_card_tells_label_value_and_change(tmp_path: Path) -> None:
    card = {"label": "Revenue", "value": "€ 4,218,300", "change": "+12.4 %", "trend": "up", "good": True}
    printed = render_report(tmp_path, [kpis(card)], document=BARE)
    assert printed.text().split("\n") == ["Revenue", "€ 4,218,300", "+12.4 %"]


@pytest.mark.parametrize(("good", "colour"), [(True, (26, 127, 75)), (False, (192, 54, 44)), (None, (102, 112, 133))])
@pytest.mark.parametrize("trend", ["up", "down", "flat", None])
def test_good_news_is_green_and_bad_news_red(
    tmp_path: Path, good: bool | None, colour: tuple[int, int, int], trend: str | None
) -> None:
    card = {"label": "", "value": "", "change": "██", "trend": trend, "good": good}
    picture = render_report(tmp_path, [kpis(card)], document=BARE).picture(scale=4)
    assert any(pixel == pytest.approx(colour, abs=2) for _, pixel in picture.getcolors(1 << 20) or ())


@pytest.mark.parametrize("count", range(1, 13))
def test_any_number_of_cards_is_printed_in_rows(tmp_path: Path, count: int) -> None:
    cards = [{"label": f"Label {number}", "value": f"{number},000"} for number in range(count)]
    printed = render_report(tmp_path, [kpis(*cards)], document=BARE)
    assert all(f"Label {number}" in printed.text() for number in range(count))
    assert all(f"{number},000" in printed.text() for number in range(count))


@pytest.mark.parametrize("width", [72, 120, 300, 2000])
def test_values_too_long_for_their_card_become_smaller_then_end_in_an_ellipsis(tmp_path: Path, width: int) -> None:
    page = {
        "size": [width, 400 if width < 400 else 300],
        "orientation": "portrait" if width < 400 else "landscape",
        "margins": {"top": 18, "bottom": 18, "left": 18, "right": 18},
    }
    card = {"label": "L" * 100, "value": "9" * 60, "change": "C" * 60, "trend": "up"}
    printed = render_report(tmp_path, [kpis(card, card)], document={**BARE, "page": page})
    assert printed.answer["pages"] >= 1
    assert ("9" * 60 in printed.text()) == (width == 2000)


def test_every_text_that_is_cut_is_told_with_its_card(tmp_path: Path) -> None:
    short = {"label": "l", "value": "1", "change": "+1 %", "trend": "up"}
    long = {"label": "L" * 100, "value": "V" * 60, "change": "C" * 60, "trend": "up"}
    printed = render_report(tmp_path, [kpis(short, long, short, short)], document=BARE)
    assert printed.text().count("…") == 3
    messages = [one["message"] for one in printed.answer["warnings"]]
    assert [message.split()[1] for message in messages] == ["label", "value", "change"]
    assert all("card 2" in message and len(message) < 150 for message in messages)
    assert {(one["block"], one["page"]) for one in printed.answer["warnings"]} == {("blocks.0", 1)}
    assert render_report(tmp_path, [kpis(short)], document=BARE).warnings == []


@pytest.mark.parametrize("density", ["comfortable", "compact"])
def test_cards_keep_their_distance_from_a_heading_and_from_other_cards(tmp_path: Path, density: str) -> None:
    cards = kpis({"label": "l", "value": "1"}, {"label": "m", "value": "2"})
    document = {**BARE, "theme": {"density": density}}
    picture = render_report(tmp_path, [heading("H"), cards, cards], document=document).picture(scale=2).convert("L")
    column = picture.crop((2 * 80, 2 * 64, 2 * 80 + 1, 2 * 360)).tobytes()  # through accents and the cards' edges
    drawn = [place for place, value in enumerate(column) if value < 250]
    gaps = [after - before for before, after in pairwise(drawn) if after - before > 4]
    assert min(gaps) >= 2 * 11
