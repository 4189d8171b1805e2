"""A Pressroom with something in it, and browsers that have signed in."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple

import httpx
import pytest

from tests.browser.console.looks import Looks
from tools.console.filling import Filled, Receivers, fill, two_receivers
from tools.demo.demo import pressroom

LOOKS = pytest.StashKey[Looks]()
OPERATOR, SHOP = "operator-key-0123456789", "shop-key-0123456789abcdef"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Pages are compared before other tests add to what they show."""
    items.sort(key=lambda item: item.path.name != "test_looks.py")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The pages that look different, which fails nothing."""
    for line in config.stash[LOOKS].warnings if LOOKS in config.stash else ():
        terminalreporter.write_line(f"Warning: {line}")


@pytest.fixture(scope="session")
def looks(pytestconfig: pytest.Config) -> Looks:
    """Where pages are compared with what they looked like."""
    pytestconfig.stash[LOOKS] = Looks.of_environment()
    return pytestconfig.stash[LOOKS]


class Console(NamedTuple):
    """A service. api: its address; `keys` has a key by role: admin, owner, other, read_only. filled: what is in it."""

    api: str
    keys: dict[str, str]
    filled: Filled
    receivers: Receivers

    def client(self, role: str = "owner") -> httpx.Client:
        """Of the API, with the key of a role."""
        headers = {"Authorization": f"Bearer {self.keys[role]}"}
        return httpx.Client(base_url=self.api, headers=headers, timeout=60)


@pytest.fixture(scope="session")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = tmp_path_factory.mktemp("console")
    changes = {
        "API_KEYS": f"operator:{OPERATOR},shop:{SHOP}",
        "ADMINS": "operator",
        "SECRET_KEY": "k" * 32,
        "ENVIRONMENT": "test",
    }
    with two_receivers() as receivers, pressroom(folder, **changes) as api:
        with httpx.Client(base_url=api, headers={"Authorization": f"Bearer {OPERATOR}"}, timeout=60) as operator:
            other = made_key(operator, owner="other", name="laptop", scopes=["images", "jobs:read", "jobs:write"])
            scopes = ["images", "reports", "webhooks", "jobs:read", "jobs:write", "keys"]
            read_only = made_key(operator, owner="shop", name="screen", scopes=scopes, read_only=True)
        keys = {"admin": OPERATOR, "owner": SHOP, "other": other, "read_only": read_only}
        with httpx.Client(base_url=api, headers={"Authorization": f"Bearer {SHOP}"}, timeout=60) as shop:
            filled = fill(shop, receivers.address, folder)
        yield Console(api, keys, filled, receivers)


def made_key(operator: httpx.Client, **wanted: Any) -> str:
    answer = operator.post("/v1/keys", json=wanted).raise_for_status()
    return str(answer.json()["key"])


class Visitor:
    """A browser that has signed in, with a tab, and what went wrong in it."""

    def __init__(self, context: Any, api: str) -> None:
        self.context = context
        self.api = api
        self.faults: list[str] = []
        self.tab = self.new_tab()

    def new_tab(self) -> Any:
        """Another tab of the same browser."""
        tab = self.context.new_page()
        tab.on("pageerror", lambda error: self.faults.append(str(error)))
        tab.on("console", self._read)
        tab.on("response", self._check_answer)
        tab.on("request", lambda request: self._check(request.url))
        return tab

    def sign_in(self, key: str) -> None:
        """Begin a session."""
        self.tab.goto(f"{self.api}/console/login")
        self.tab.fill("input[name=key]", key)
        self.tab.click("form.stack button")
        self.tab.wait_for_url(f"{self.api}/console")

    def goto(self, path: str) -> Any:
        """Open a page. Returns the response."""
        return self.tab.goto(self.api + path)

    def _read(self, line: Any) -> None:
        # What could not be loaded is known with its URL, see below.
        if line.type in ("error", "warning") and not line.text.startswith("Failed to load resource"):
            self.faults.append(line.text)

    def _check_answer(self, answer: Any) -> None:
        # A page that follows what changes asks for itself once more, with the same answer.
        if answer.status >= 400 and not answer.request.is_navigation_request() and answer.url != answer.frame.url:
            self.faults.append(f"{answer.status} of {answer.url}")

    def _check(self, url: str) -> None:
        if not url.startswith((self.api, "blob:", "about:")):
            self.faults.append(f"a request to {url}")


Visiting = Callable[..., AbstractContextManager[Visitor]]


@pytest.fixture
def visiting(chromium: Any, console: Console) -> Visiting:
    """`with visiting("owner") as visitor`: a fresh browser with the session of a role. Nothing may go wrong in it."""

    @contextmanager
    def visit(role: str | None = "owner", **options: Any) -> Iterator[Visitor]:
        context = chromium.new_context(**({"viewport": {"width": 1280, "height": 900}} | options))
        visitor = Visitor(context, console.api)
        if role is not None:
            visitor.sign_in(console.keys[role])
        yield visitor
        context.close()
        assert visitor.faults == []

    return visit
