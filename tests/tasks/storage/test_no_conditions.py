"""A server that does not know `If-None-Match` on writes, and says so: objects are created all the same."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.servers import S3Server

STORED: dict[str, bytes] = {}


class Plain(BaseHTTPRequestHandler):
    """As much of S3 as writing one object takes. No server among the tests' own answers 501."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(200 if self.path in STORED else 404)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "If-None-Match" in self.headers:
            self._answer(501)
            return
        STORED[self.path] = body
        self._answer(200)

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Fri, 27 Nov 2026 08:00:00 GMT")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Plain) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_an_object_is_created_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    STORED.clear()
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)
    storage = open_storage(Settings(_env_file=None, storage_url="s3://bucket/prefix", storage_endpoint=address))
    assert await storage.create_object("notes/a", b"1")
    assert not await storage.create_object("notes/a", b"2")
    assert list(STORED.values()) == [b"1"]
