"""The stream of changes in a browser: one for all tabs, none for hidden tabs, and back after an outage."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from api.app import create_app
from api.server.protocol import BoundedProtocol
from tasks.settings import Settings
from tests.browser.console.conftest import Visitor
from tests.support.api.serving import ALICE, KEYS
from tests.support.eventually import LOOK_S, PATIENCE_S
from tools.servers import Valkey, free_port

TABS = 10
NO_SHARED_WORKER = "delete window.SharedWorker"
AT_ONCE = "{ const wait = setTimeout; self.setTimeout = (act, ms, ...more) => wait(act, Math.min(ms, 300), ...more) }"
"""A page lets go after 30 s. This test does not wait for so long."""
SEEN = """seen => {
  Object.defineProperty(document, 'hidden', {value: !seen, configurable: true})
  document.dispatchEvent(new Event('visibilitychange'))
}"""


def until(look: Callable[[], object], wanted: object) -> None:
    """As `eventually_sync`, which cannot be used in a thread with a loop, as Playwright's is."""
    deadline = time.monotonic() + PATIENCE_S
    while (seen := look()) != wanted:
        assert time.monotonic() < deadline, f"wanted {wanted!r}, saw {seen!r}"
        time.sleep(LOOK_S)


class CountedServer:
    """The API in a thread, on a Valkey of its own. open: streams of pages that are open now. began: those that have
    begun."""

    def __init__(self, valkey: Valkey) -> None:
        self.valkey, self.port = valkey, free_port()
        self.open = self.began = 0
        self._settings = Settings(
            _env_file=None, redis_url=valkey.url, storage_url="memory://", api_keys=KEYS, secret_key="k" * 32
        )
        self._server: uvicorn.Server
        self._thread: threading.Thread

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        app = create_app(self._settings)

        async def counting(scope: Scope, receive: Receive, send: Send) -> None:
            is_stream = scope.get("path") == "/console/live"
            self.open += is_stream
            self.began += is_stream
            try:
                await app(scope, receive, send)
            finally:
                self.open -= is_stream

        config = uvicorn.Config(
            counting,
            port=self.port,
            http=BoundedProtocol,
            access_log=False,
            log_level="critical",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until(lambda: self._server.started, True)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)

    def submit(self) -> str:
        """A new job of whose session the tabs have."""
        with httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {ALICE}"}, timeout=30) as client:
            answer = client.post("/v1/events?delay=600", json={"type": "a.b", "data": {}}).raise_for_status()
        return str(answer.json()["id"])


@pytest.fixture(scope="module")
def server() -> Iterator[CountedServer]:
    with Valkey(appendonly=True) as valkey:
        server = CountedServer(valkey)
        server.start()
        server.submit()
        yield server
        server.stop()


@contextmanager
def visit(chromium: Any, server: CountedServer, *scripts: str) -> Iterator[Visitor]:
    """A browser with a session, on the list of jobs. scripts: run before those of each page."""
    began = server.began
    context = chromium.new_context()
    for script in scripts:
        context.add_init_script(script)
    visitor = Visitor(context, server.url)
    form, own_page = {"key": ALICE}, {"Sec-Fetch-Site": "same-origin"}
    context.request.post(f"{server.url}/console/login", form=form, headers=own_page)
    try:
        visitor.goto("/console/jobs")
        until(lambda: server.began > began, True)
        yield visitor
    finally:
        context.close()
    until(lambda: server.open, 0)


def test_ten_tabs_have_one_stream_which_outlives_the_first(chromium: Any, server: CountedServer) -> None:
    with visit(chromium, server) as visitor:
        began = server.began
        tabs = [visitor.tab, *(visitor.new_tab() for _ in range(TABS - 1))]
        for tab in tabs[1:]:
            tab.goto(f"{server.url}/console/jobs")
        assert (server.open, server.began - began) == (1, 0)
        tabs[0].close()
        server.submit()
        for tab in tabs[1:]:
            tab.bring_to_front()  # a hidden tab asks for nothing
            tab.locator("[data-new]", has_text="1").wait_for()
        assert (server.open, server.began - began) == (1, 0)
        assert visitor.faults == []


def test_without_a_shared_worker_a_hidden_tab_lets_go(chromium: Any, server: CountedServer) -> None:
    with visit(chromium, server, NO_SHARED_WORKER, AT_ONCE) as visitor:
        second = visitor.new_tab()
        second.goto(f"{server.url}/console/jobs")
        until(lambda: server.open, 2)
        visitor.tab.evaluate(SEEN, False)
        until(lambda: server.open, 1)
        visitor.tab.evaluate(SEEN, True)
        until(lambda: server.open, 2)
        second.close()
        until(lambda: server.open, 1)
        assert visitor.faults == []


def test_an_outage_is_said_and_over(chromium: Any, server: CountedServer) -> None:
    """First Redis is away, then the service itself."""
    with visit(chromium, server) as visitor:
        tab = visitor.tab
        banner, rows = tab.locator("#live"), tab.locator("tr[data-job]").count()
        server.valkey.kill()
        banner.wait_for(state="visible")
        assert tab.locator("tr[data-job]").count() == rows, "the last that is known stays"
        assert tab.goto(f"{server.url}/console/failures").status == 503
        server.valkey.start()
        until(lambda: tab.goto(f"{server.url}/console/jobs").status, 200)
        until(lambda: server.open, 1)
        banner.wait_for(state="hidden")

        server.stop()
        banner.wait_for(state="visible")
        server.start()
        banner.wait_for(state="hidden", timeout=30_000)
        until(lambda: server.open, 1)
        server.submit()
        tab.locator("[data-new]", has_text="1").wait_for()
        assert tab.locator("tr[data-job]").count() == rows, "nothing is shown twice"
