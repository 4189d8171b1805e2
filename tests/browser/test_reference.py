"""The reference of the API in Chromium: under its own policy, in light and dark, from a phone to a large screen."""

from typing import Any

import pytest

from tests.browser.conftest import Service

PAGES = ("/docs", "/docs/images", "/docs/jobs", "/docs/schemas/Job")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280, 3840])
def test_a_page_is_whole_under_its_policy(chromium: Any, service: Service, scheme: str, width: int) -> None:

    def own(url: str) -> set[str]:
        return {url} if url.startswith(service.api) else set()

    tab = chromium.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda request: complaints.extend({request.url} - own(request.url)))
    # Chromium gives up the icon of a page that is left; what the policy stops has another reason.
    tab.on(
        "requestfailed", lambda request: complaints.extend({request.url} if "ABORTED" not in request.failure else ())
    )
    for path in PAGES:
        tab.goto(service.api + path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is wider than the window"
        assert tab.evaluate("document.styleSheets.length") == 1
        colours = tab.evaluate(
            "['color', 'backgroundColor'].map(name => getComputedStyle(document.body)[name]).join(' on ')"
        )
        assert (colours.startswith("rgb(22")) == (scheme == "light"), colours
    tab.close()
    assert complaints == []


def test_it_is_used_with_the_keyboard_alone(chromium: Any, service: Service) -> None:
    tab = chromium.new_page()
    tab.goto(f"{service.api}/docs")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the content"
    for _ in range(3):
        tab.keyboard.press("Tab")
    assert tab.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    assert tab.title().endswith("· Pressroom")
    assert tab.url.startswith(f"{service.api}/docs/")
    tab.close()
