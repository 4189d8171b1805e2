"""Pages that follow what changes, and a first picture: with scripts and without."""

from pathlib import Path

import pytest

from tests.browser.console.conftest import Console, Visiting
from tools.console.filling import posted
from tools.pictures import sources

TABS = 4


def test_rows_change_in_place_and_new_ones_are_counted(visiting: Visiting, console: Console) -> None:
    event = {"type": "stock.counted", "data": {"shop": 7}}
    with visiting() as visitor, console.client() as shop:
        tab = visitor.tab
        job = posted(shop, "/v1/events?delay=3", event)["id"]
        visitor.goto("/console/jobs")
        row = tab.locator(f'tr[data-job="{job}"]')
        rows = tab.locator("tr[data-job]").count()
        row.evaluate("row => { row.isTheSame = true }")
        posted(shop, "/v1/events", event)
        tab.locator("[data-new]").wait_for()
        assert any(digit in tab.locator("[data-new]").inner_text() for digit in "123456789")
        tab.locator(f'tr[data-job="{job}"][data-state="succeeded"]').wait_for()
        assert row.evaluate("row => row.isTheSame") is True
        assert tab.locator("tr[data-job]").count() == rows, "nothing moves under the reader"


def test_all_tabs_share_one_stream(visiting: Visiting, console: Console) -> None:
    with visiting() as visitor, console.client() as shop:
        job = posted(shop, "/v1/events?delay=6", {"type": "stock.counted", "data": {}})["id"]
        streams: list[str] = []
        visitor.context.on("request", lambda request: streams.append(request.url) if "/live" in request.url else None)
        tabs = [visitor.tab, *(visitor.new_tab() for _ in range(TABS - 1))]
        for tab in tabs:
            tab.goto(f"{console.api}/console/jobs/{job}")
        for tab in tabs:
            tab.locator("main .badge", has_text="Succeeded").first.wait_for()
        assert len([url for url in streams if "/console/live?" in url or url.endswith("/console/live")]) <= 1


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_first_picture(visiting: Visiting, tmp_path: Path, scripts: bool) -> None:
    photos = [sources.photo(tmp_path / name, (900, 600)) for name in ("one.jpg", "two.jpg")]
    with visiting(java_script_enabled=scripts) as visitor:
        tab = visitor.tab
        visitor.goto("/console/try")
        tab.set_input_files("input[type=file]", [str(photo) for photo in photos])
        tab.click("form[data-drop] button.primary")
        tab.wait_for_url("**/console/try/pictures?**")
        if not scripts:
            tab.wait_for_selector("figure img, [data-job]")
            tab.reload()
        tab.locator("a.checker img").nth(7).wait_for(timeout=20_000)
        assert "srcset" in tab.content()
        assert "$PRESSROOM_KEY" in tab.content()


def test_keys_lead_through_the_pages(visiting: Visiting) -> None:
    with visiting() as visitor:
        tab = visitor.tab
        visitor.goto("/console/jobs")
        tab.keyboard.press("j")
        assert tab.evaluate("document.activeElement.closest('tr')?.dataset.job ?? ''")
        tab.keyboard.press("/")
        assert tab.evaluate("document.activeElement.tagName") == "INPUT"
        tab.keyboard.type("?gj")
        assert tab.evaluate("document.activeElement.value") == "?gj", "keys do nothing in a field"
        visitor.goto("/console/jobs")
        tab.keyboard.press("?")
        assert tab.locator("dialog[open]").count() == 1
        tab.keyboard.press("Escape")
        tab.keyboard.press("g")
        tab.keyboard.press("s")
        tab.wait_for_url("**/console/schedules")
