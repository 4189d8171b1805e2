"""Every page of the console: under its own policy, in light and dark, on a phone and a screen, for everyone who may see
it; and what axe finds."""

from typing import Any

import pytest
from fastapi.routing import APIRoute

from api.app import app
from tests.browser.console.conftest import Console, Visiting, Visitor

MOST_BYTES, MOST_REQUESTS = 100_000, 6
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COLOURS = ("color-contrast",)
"""The rule that finds something else in the dark than in the light."""
EMPTY = ("/console", "/console/jobs", "/console/failures", "/console/schedules", "/console/webhooks", "/console/usage")
"""Pages on which an owner without jobs sees what would be there, or which scope is needed."""


def pages_of(console: Console) -> list[str]:
    """A page for each route that a browser gets."""
    filled = console.filled
    samples = {
        "/console/jobs/{id}": [filled.picture, filled.report, filled.failed, filled.event, filled.delivery],
        "/console/webhooks/{id}": [filled.endpoint],
        "/console/schedules/{id}": [filled.schedule],
    }
    paths = [route.path for route in app.routes if isinstance(route, APIRoute) and "GET" in (route.methods or ())]
    found = [path for path in paths if path.startswith("/console") and "{" not in path and path not in NO_PAGES]
    found += [f"/console/try/pictures?job={filled.picture}", f"/console/try/report/made?job={filled.report}"]
    found += [f"/console/try/event?event={filled.event}", "/console/schedules/new?kind=report"]
    return [*found, *(path.replace("{id}", one) for path, ids in samples.items() for one in ids)]


NEEDS_SCOPE = "/console/webhooks"
OWNERS_NAMES = ("harbour.jpg", "scan-18.jpg", "order.shipped", "hooks/stock", "Closing time", "What the demo made")
NO_PAGES = {"/console/login", "/console/live"}
ADMINS = ("/console", "/console/queues", "/console/workers", "/console/audit", "/console/keys", "/console/jobs?owner=*")


def violations(tab: Any, rules: tuple[str, ...] = RULES) -> list[str]:
    """What axe finds on a page. Its script comes by the debugger, so that the page's policy stays as it is."""
    from axe_playwright_python.base import AXE_SCRIPT  # noqa: PLC0415 - bin/test has none

    if rules == RULES:  # else it is there
        tab.evaluate(AXE_SCRIPT)
    found = tab.evaluate("rules => axe.run({runOnly: rules})", list(rules))
    return [
        f"{tab.url}: {one['id']} ({one['help']}): {[node['target'] for node in one['nodes']][:3]}"
        for one in found["violations"]
    ]


def faults(visitor: Visitor, path: str) -> list[str]:
    """What is wrong with a page: it is not there, too heavy, or wider than the window."""
    answer = visitor.goto(path)
    if answer.status != 200:
        return [f"{path} answers {answer.status}"]
    wide = visitor.tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    heavy = len(answer.body())
    return [
        *([f"{path} is {wide} px too wide"] if wide > 0 else []),
        *([f"{path} has {heavy:,} bytes"] if heavy > MOST_BYTES else []),
    ]


def violations_in_light_and_dark(tab: Any) -> list[str]:
    """What axe finds on the page that is shown, in both schemes."""
    found = violations(tab)
    tab.emulate_media(color_scheme="dark")
    found += [f"{one} (dark)" for one in violations(tab, COLOURS)]
    tab.emulate_media(color_scheme="light")
    return found


@pytest.mark.parametrize("width", [320, 1280])
def test_pages_are_whole_and_accessible(visiting: Visiting, console: Console, width: int) -> None:
    found: list[str] = []
    for role, paths in (("owner", pages_of(console)), ("admin", ADMINS)):
        with visiting(role, viewport={"width": width, "height": 900}) as visitor:
            for path in paths:
                found += faults(visitor, path) + violations_in_light_and_dark(visitor.tab)
    assert found == []


def test_pages_are_accessible_when_empty_wrong_or_asking(visiting: Visiting, console: Console) -> None:
    found: list[str] = []
    with visiting("other", viewport={"width": 320, "height": 900}) as visitor:
        for path in (*EMPTY, "/console/nothing", f"/console/jobs/{console.filled.picture}", "/console/jobs?state=evil"):
            visitor.goto(path)
            found += violations_in_light_and_dark(visitor.tab)
        visitor.tab.set_viewport_size({"width": 1280, "height": 900})
        visitor.goto("/console/jobs")
        visitor.tab.keyboard.press("?")
        assert visitor.tab.locator("dialog[open]").count() == 1
        found += violations_in_light_and_dark(visitor.tab)
        visitor.faults.clear()  # Chromium notes what has a status of 400 or more
    with visiting(None) as visitor:
        visitor.goto("/console/login")
        visitor.tab.fill("input[name=key]", "wrong")
        visitor.tab.click("form.stack button")
        visitor.tab.locator("[role=alert]").wait_for()
        found += violations_in_light_and_dark(visitor.tab)
    assert found == []


@pytest.mark.parametrize("role", ["other", "read_only"])
def test_pages_fit_who_looks(visiting: Visiting, console: Console, role: str) -> None:
    own = console.filled._asdict().values()
    found: list[str] = []
    with visiting(role, viewport={"width": 3840, "height": 1200}, locale="ja") as visitor:
        for path in pages_of(console):
            if role == "other" and (path.startswith(NEEDS_SCOPE) or any(path.endswith(one) for one in own)):
                assert visitor.goto(path).status in (200, 403, 404), path
                shown = visitor.tab.content()
                assert not any(name in shown for name in OWNERS_NAMES), path
            else:
                found += faults(visitor, path)
            if role == "read_only" and visitor.tab.locator("main form[method=post] button").count():
                found.append(f"{path} has buttons that a read-only key may not use")
    assert found == []


def test_a_page_is_light_to_load(visiting: Visiting, console: Console) -> None:
    """Pictures of results are not counted, nor the requests for them."""
    filled = console.filled
    with visiting("owner") as visitor:
        tab = visitor.tab
        answers: list[Any] = []
        tab.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - it marks what it is given
        for path in ("/console", "/console/jobs", f"/console/jobs/{filled.picture}", "/console/try"):
            tab.goto("about:blank")
            answers.clear()
            visitor.goto(path)
            tab.locator("html.scripts").wait_for()
            if path == "/console/try":
                tab.wait_for_function("!!document.querySelector('[data-drop]').ondrop")
            apart = ("/files/", "/console/live", "/assets/icon")  # the icon is asked for once by a browser
            loaded = [one for one in answers if not any(part in one.url for part in apart)]
            first = {one.url: one for one in loaded}
            assert len(first) <= MOST_REQUESTS, (path, list(first))
            weight = sum(len(one.body()) for one in first.values() if one.status == 200)
            assert weight <= MOST_BYTES, (path, weight)


def test_pages_work_without_scripts(visiting: Visiting, console: Console) -> None:
    with visiting("owner", java_script_enabled=False) as visitor:
        visitor.goto(f"/console/jobs/{console.filled.picture}")
        assert visitor.tab.locator("main img").count() >= 3
        assert visitor.tab.locator("main .badge").first.inner_text() == "Succeeded"
