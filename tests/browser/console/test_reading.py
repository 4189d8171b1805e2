"""How pages are read: with long and foreign names, with larger text, by a screen reader, while they change."""

import io
from typing import Any

import pytest
from PIL import Image

from tests.browser.console.conftest import Console, Visiting
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


@pytest.mark.parametrize("choice", [{"forced_colors": "active"}, {"reduced_motion": "reduce"}])
def test_choices_of_the_system_are_heeded(visiting: Visiting, console: Console, choice: dict[str, str]) -> None:
    with visiting(viewport={"width": 320, "height": 300}, **choice) as visitor:
        for path in ("/console", "/console/jobs", f"/console/jobs/{console.filled.picture}"):
            visitor.goto(path)
            assert overflow(visitor.tab) <= 0, path
            assert visitor.tab.locator("main .badge").first.is_visible()
            moving = visitor.tab.evaluate("document.getAnimations().filter(one => one.playState === 'running').length")
            assert moving == 0 or "reduced_motion" not in choice


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
