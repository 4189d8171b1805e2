"""Chromium, and pages with a Pressroom behind them. Playwright is in a group of its own (`bin/browser`)."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tools.demo.demo import pressroom
from tools.demo.page import page
from tools.servers import free_port

KEY = "demo-key-0123456789abcdef"
CUT_AFTER = 1_500_000  # bytes of each upload: in the middle of its second part of a mebibyte
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


class Service(NamedTuple):
    """A Pressroom. api: its address. page_ports: of pages that it lets call."""

    api: str
    page_ports: list[int]

    @property
    def port(self) -> int:
        return int(self.api.rpartition(":")[2])


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With API keys, as on the open internet."""
    ports = [free_port() for _ in range(3)]
    changes = {"API_KEYS": f"demo:{KEY}", "CORS_ORIGINS": ",".join(f"http://127.0.0.1:{port}" for port in ports)}
    with pressroom(tmp_path_factory.mktemp("pressroom"), **changes) as api:
        yield Service(api, ports)


@pytest.fixture(scope="session")
def address(service: Service) -> Iterator[tuple[str, str]]:
    """Where Pressroom is, and where its example page is."""
    with page(service.api, service.page_ports[0], KEY) as url:
        yield service.api, url


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
