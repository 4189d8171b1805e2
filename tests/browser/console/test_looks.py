"""What each page looks like, in light and dark, on four widths: compared with small pictures that are kept here. A page
that looks different is a warning, since a change may be wanted; a page that shows nothing fails."""

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.browser.console.conftest import Console, Visiting
from tests.browser.console.looks import Looks
from tests.browser.console.test_streams import until
from tools.console.filling import Filled, ended, posted

WIDTHS = (320, 768, 1280, 2560)
HEIGHT, MOST_HEIGHT = 900, 1400
QUALITY = 85
LEAST_SHADES = 8
"""Of grey, in a picture of a page that shows anything."""
AT_REST = "Object.defineProperty(Document.prototype, 'hidden', {get: () => true})"
"""A page that is not seen does not change by itself."""
SAME_EACH_TIME = """() => {
  const style = new CSSStyleSheet()
  style.replaceSync(`
    * { font-family: "DejaVu Sans" !important; caret-color: transparent !important; animation: none !important }
    code, pre, kbd, .id, .method, textarea.code { font-family: "DejaVu Sans Mono" !important }
    .chart > *, .checker img, .sheet img { visibility: hidden }`)
  document.adoptedStyleSheets = [style]
  for (const one of document.querySelectorAll('time')) one.textContent = 'some time ago'
  for (const one of document.querySelectorAll('progress, meter')) one.value = one.max / 2
  for (const one of document.querySelectorAll('[type^=date]')) one.value = ''
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const text = texts.currentNode
    text.data = text.data
      .replace(/[\\w.-]+:\\d+:[0-9a-f]{8}/g, 'host:0:0')
      .replace(/\\b(?=[a-f]*\\d)[0-9a-f]{6,}\\b(-[0-9a-f]+)*/g, '0')
      .replace(/\\d[\\d.,]*\\s?(ms|s|min|h|d|B|kB|MB)\\b( \\d+\\s?(s|min|h)\\b)?/g, '0 s')
      .replace(/\\d[\\d.,:]*/g, '0')
  }
}"""
"""Numbers, times and ids are those of this run, and letters look as they do with these fonts alone."""


def pages_of(filled: Filled) -> dict[str, dict[str, str]]:
    """The pages that a role sees, by the names of their pictures."""
    return {
        "owner": {
            "overview": "/console",
            "try-pictures": "/console/try",
            "try-pictures-made": f"/console/try/pictures?job={filled.picture}",
            "try-report": "/console/try/report",
            "try-event": "/console/try/event",
            "jobs": "/console/jobs?kind=thumbnail",
            "job-picture": f"/console/jobs/{filled.picture}",
            "job-report": f"/console/jobs/{filled.report}",
            "job-failed": f"/console/jobs/{filled.failed}",
            "job-delivery": f"/console/jobs/{filled.delivery}",
            "failures": "/console/failures",
            "schedules": "/console/schedules",
            "schedule": f"/console/schedules/{filled.schedule}",
            "webhooks": "/console/webhooks",
            "endpoint": f"/console/webhooks/{filled.endpoint}",
            "endpoint-new": "/console/webhooks/new",
            "keys": "/console/keys",
            "usage": "/console/usage",
            "reference": "/docs/health",
        },
        "admin": {"queues": "/console/queues", "workers": "/console/workers"},
        "read_only": {"not-found": "/console/nothing"},
    }


def picture_of(tab: Any, width: int, scheme: str) -> bytes:
    """A JPEG of the part of a page that fits on a tall screen: a PNG takes the browser four times as long."""
    tab.set_viewport_size({"width": width, "height": HEIGHT})
    tab.emulate_media(color_scheme=scheme)
    tall = min(tab.evaluate("document.documentElement.scrollHeight"), MOST_HEIGHT)
    clip = {"x": 0, "y": 0, "width": width, "height": tall}
    content: bytes = tab.screenshot(clip=clip, full_page=True, type="jpeg", quality=QUALITY)
    return content


@pytest.fixture(scope="module")
def filled(console: Console) -> Filled:
    """What is in the service, once nothing moves in it: what was to be sent again has arrived, and one delivery is
    given up at its first attempt."""
    endpoint = console.filled.endpoint
    with console.client() as shop:
        console.receivers.down = False
        shop.patch(f"/v1/endpoints/{endpoint}", json={"enabled": True}).raise_for_status()  # no longer parked
        until(lambda: deliveries(shop, endpoint), {"succeeded"})
        console.receivers.down = True
        test = posted(shop, f"/v1/endpoints/{endpoint}/test", {})
        ended(shop, {"state": "", **test})
    return console.filled._replace(delivery=test["id"])


def deliveries(shop: httpx.Client, endpoint: str) -> set[str]:
    """The states of an endpoint's deliveries."""
    found = shop.get("/v1/deliveries", params={"endpoint": endpoint, "limit": 50}).raise_for_status().json()
    return {one["state"] for one in found["deliveries"]}


@pytest.mark.parametrize("role", ["owner", "admin", "read_only"])
def test_pages_look_as_before(visiting: Visiting, filled: Filled, looks: Looks, role: str) -> None:
    with visiting(role) as visitor:
        tab = visitor.tab
        tab.add_init_script(AT_REST)
        for name, path in pages_of(filled)[role].items():
            visitor.goto(path)
            tab.evaluate(SAME_EACH_TIME)
            heading = tab.locator("main h1, main nav.tabs").first.bounding_box()
            assert heading["width"] > 0, path
            assert heading["height"] > 0, path
            for width in WIDTHS:
                for scheme in ("light", "dark"):
                    content = picture_of(tab, width, scheme)
                    picture = Image.open(io.BytesIO(content))
                    assert picture.width == width, path
                    assert picture.height >= HEIGHT, path
                    assert sum(map(bool, picture.convert("L").histogram())) >= LEAST_SHADES, f"{path} is blank"
                    looks.compare(f"{name}-{width}-{scheme}", content)
