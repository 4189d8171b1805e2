"""Chromium, and the example page with a Pressroom behind it. Playwright is in a group of its own (`bin/browser`)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.servers import free_port
from tools.demo.demo import pressroom
from tools.demo.page import page

KEY = "demo-key-0123456789abcdef"
CHROMIUM_OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--force-color-profile=srgb")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is in this folder needs a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - bin/test has none

    with sync_playwright() as playwright:
        program = os.environ.get("CHROMIUM", "chromium")
        browser = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Where Pressroom is, and where its example page is: with API keys, as on the open internet."""
    port = free_port()
    changes = {"API_KEYS": f"demo:{KEY}", "CORS_ORIGINS": f"http://127.0.0.1:{port}"}
    with pressroom(tmp_path_factory.mktemp("pressroom"), **changes) as api, page(api, port, KEY) as url:
        yield api, url


class Seen:
    """A tab, and what went wrong in it."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        self.faults: list[str] = []
        self.requests: list[Any] = []
        tab.on("pageerror", lambda error: self.faults.append(str(error)))
        tab.on("console", lambda line: self.faults.append(line.text) if line.type in ("error", "warning") else None)
        tab.on("request", lambda request: self.requests.append(request))  # noqa: PLW0108 - it marks what it is given

    def screenshot(self, name: str) -> None:
        """Keep a picture of the page, if SCREENSHOTS says where."""
        if folder := os.environ.get("SCREENSHOTS"):
            self.tab.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.fixture
def seen(chromium: Any) -> Iterator[Seen]:
    """A tab with a fresh profile."""
    context = chromium.new_context(viewport={"width": 1000, "height": 760})
    yield Seen(context.new_page())
    context.close()
