"""How pages are read: with long and foreign names, with larger text, by a screen reader, while they change."""

import io
from typing import Any

import pytest
from PIL import Image

from tests.browser.console.conftest import Console, Visiting
from tests.browser.console.test_pages import pages_of
from tools.console.filling import posted, upload

NAMES = {
    "long": "a" * 196 + ".jpg",
    "words": "the photo that the harbour master sent on Tuesday " * 3 + ".jpg",
    "Arabic": "صورة المنتج الجديد.jpg",
    "Japanese": "商品写真の新しい版と古い版の比較.jpg",
    "emoji": "👍🎉📷.jpg",
}
SHIFTS = """() => new Promise(resolve => {
  let sum = 0
  new PerformanceObserver(list => list.getEntries().forEach(entry => { sum += entry.value }))
    .observe({type: 'layout-shift', buffered: true})
  setTimeout(() => resolve(sum), 4000)
})"""

CUT = """() => [...document.querySelectorAll('main *, nav *')].filter(one => {
  const overflow = getComputedStyle(one).overflowX
  const hides = (overflow === 'hidden' || overflow === 'clip') && one.checkVisibility() && !one.closest('.sr, td.what')
  return hides && one.clientWidth && one.scrollWidth > one.clientWidth + 1
}).map(one => `cut: ${one.nodeName} ${one.className} ${one.textContent.trim()}`)"""
"""What does not show all of its text; names in the list of jobs may end in three dots, since their pages have them."""
MOVING = """() => document.getAnimations().filter(one => one.playState === 'running').map(one => `moves: ${one.id}`)"""
UNSEEN = """() => [...document.querySelectorAll('main button, main .button, main input, main select')].filter(one => {
  const {borderTopStyle, borderTopWidth, borderTopColor, backgroundColor} = getComputedStyle(one)
  const isSeen = borderTopStyle !== 'none' && parseFloat(borderTopWidth) >= 1 && borderTopColor !== backgroundColor
  return one.checkVisibility() && !['checkbox', 'radio', 'file', 'hidden'].includes(one.type) && !isSeen
}).map(one => `without an edge: ${one.nodeName} ${one.className} ${one.textContent}`)"""
"""Controls that nothing marks where tints are gone."""


def small_picture() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), (120, 60, 90)).save(file, "JPEG")
    return file.getvalue()


def overflow(tab: Any) -> int:
    wide: int = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


def test_names_of_all_sorts_fit_on_a_phone(visiting: Visiting, console: Console) -> None:
    with console.client() as shop, visiting(viewport={"width": 320, "height": 700}) as visitor:
        for name in NAMES.values():
            job = upload(shop, name, small_picture())
            for path in ("/console/jobs", f"/console/jobs/{job['id']}"):
                visitor.goto(path)
                assert name in visitor.tab.locator("main").inner_text(), (name, path)
                assert overflow(visitor.tab) <= 0, (name, path)


WAYS: dict[str, dict[str, Any]] = {
    "forced colours": {"forced_colors": "active"},
    "reduced motion": {"reduced_motion": "reduce"},
    "text of 200 %": {},
    "zoom of 400 %": {"viewport": {"width": 320, "height": 225}, "device_scale_factor": 4},
}


@pytest.mark.parametrize("way", WAYS)
def test_pages_can_be_read_as_people_have_set_their_browsers(visiting: Visiting, console: Console, way: str) -> None:
    found = []
    with visiting(**WAYS[way]) as visitor:
        tab = visitor.tab
        for path in pages_of(console):
            visitor.goto(path)
            if way == "text of 200 %":
                tab.evaluate("document.documentElement.style.fontSize = '200%'")
            found += [f"{path} is {overflow(tab)} px too wide"] if overflow(tab) > 0 else []
            found += [f"{path}: {cut}" for cut in tab.evaluate(CUT)]
            if way == "reduced motion":
                found += [f"{path}: {one}" for one in tab.evaluate(MOVING)]
            if way == "forced colours":
                found += [f"{path}: {one}" for one in tab.evaluate(UNSEEN)]
        visitor.goto("/console/jobs")
        tab.keyboard.press("?")
        dialog = tab.locator("dialog[open]")
        box = dialog.bounding_box()
        assert box["y"] >= 0
        assert box["height"] <= tab.viewport_size["height"], "the rest of it is reached by scrolling"
        dialog.get_by_role("button").click()
    assert found == []


def test_a_screen_reader_hears_words_and_not_shapes(visiting: Visiting, console: Console) -> None:
    with visiting() as visitor:
        visitor.goto(f"/console/jobs/{console.filled.failed}")
        spoken = visitor.tab.locator("main .badge").first.aria_snapshot()
        assert "Failed" in spoken
        assert "img" not in spoken


def test_nothing_jumps_while_numbers_change(visiting: Visiting, console: Console) -> None:
    with visiting() as visitor, console.client() as shop:
        visitor.goto("/console/jobs")
        for n in range(5):
            posted(shop, "/v1/events", {"type": "stock.counted", "data": {"n": n}})
        assert visitor.tab.evaluate(SHIFTS) < 0.05


def test_secrets_are_on_no_page(visiting: Visiting, console: Console) -> None:
    with visiting() as visitor:
        for path in ("/console/webhooks", f"/console/webhooks/{console.filled.endpoint}", "/console/keys"):
            visitor.goto(path)
            text = visitor.tab.content()
            assert "whsec_" not in text, path
            assert console.keys["owner"] not in text, path
        visitor.goto(f"/console/jobs/{console.filled.delivery}")
        assert "whsec_" not in visitor.tab.content()
