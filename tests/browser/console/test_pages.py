"""Every page of the console: under its own policy, in light and dark, on a phone and a screen, for everyone who may see
it; and what axe finds."""

from typing import Any

import pytest
from fastapi.routing import APIRoute

from api.app import app
from tests.browser.console.conftest import Console, Visiting, Visitor

MOST_BYTES = 100_000
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
LANGUAGES = ("en", "ja")


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


NO_PAGES = {"/console/login", "/console/live"}


def violations(tab: Any) -> list[str]:
    """What axe finds on a page. Its script comes by the debugger, so that the page's policy stays as it is."""
    from axe_playwright_python.base import AXE_SCRIPT  # noqa: PLC0415 - bin/test has none

    tab.evaluate(AXE_SCRIPT)
    found = tab.evaluate("rules => axe.run({runOnly: rules})", list(RULES))
    return [
        f"{tab.url}: {one['id']} ({one['help']}): {[node['target'] for node in one['nodes']][:3]}"
        for one in found["violations"]
    ]


def see(visitor: Visitor, path: str) -> None:
    """A page is there, and no wider than the window."""
    answer = visitor.goto(path)
    assert answer.status == 200, path
    assert len(answer.body()) < MOST_BYTES, path
    wide = visitor.tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{path} is {wide} px too wide"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
def test_pages_are_whole_and_accessible(visiting: Visiting, console: Console, scheme: str, width: int) -> None:
    found: list[str] = []
    with visiting("admin", viewport={"width": width, "height": 900}, color_scheme=scheme) as visitor:
        for path in pages_of(console):
            see(visitor, path + ("?owner=shop" if path == "/console/jobs" else ""))
            found += violations(visitor.tab)
    assert found == []


@pytest.mark.parametrize("role", ["owner", "other", "read_only"])
def test_pages_fit_who_looks(visiting: Visiting, console: Console, role: str) -> None:
    own = console.filled._asdict().values()
    with visiting(role, viewport={"width": 3840, "height": 1200}, locale="ja") as visitor:
        for path in pages_of(console):
            if role == "other" and any(one in path for one in own):
                assert visitor.goto(path).status == 404, path
                visitor.faults.clear()  # Chromium's line about a page with an error
            elif path == "/console/audit":
                assert visitor.goto(path).status == 403
                visitor.faults.clear()
            else:
                see(visitor, path)
            if role == "read_only":
                forms = visitor.tab.locator("main form[method=post]").count()
                assert forms == 0, f"{path} has buttons that a read-only key may not use"


def test_pages_work_without_scripts(visiting: Visiting, console: Console) -> None:
    with visiting("owner", java_script_enabled=False) as visitor:
        visitor.goto(f"/console/jobs/{console.filled.picture}")
        loaded = visitor.tab.locator("main img")
        assert loaded.count() >= 3
        assert visitor.tab.locator("main .badge").first.inner_text() == "Succeeded"
