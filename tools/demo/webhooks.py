"""The demo's webhook receiver: subscribes, verifies signatures with the standard library, and answers 503 once."""

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

TOLERANCE_S = 300
WAIT_S = 30.0
FAILS_ONCE = "/fails-once"


class InvalidSignature(Exception):  # noqa: N818 - an outcome
    """A request that Pressroom did not sign."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """A verified request. answered: the status that it got."""

    path: str
    id: str
    event: dict[str, Any]
    answered: int


@dataclass(slots=True)
class DemoReceiver:
    """Keeps a secret for each of its paths, and verifies every request."""

    address: str
    secrets: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    received: "queue.Queue[Delivered | InvalidSignature]" = field(default_factory=queue.Queue)

    def subscribe(self, client: httpx.Client, path: str, *events: str) -> dict[str, Any]:
        """Create an endpoint for these types of events. Returns it."""
        posted = client.post("/v1/endpoints", json={"url": self.address + path, "events": events}).raise_for_status()
        endpoint: dict[str, Any] = posted.json()
        self.secrets[path] = endpoint["secret"]
        return endpoint

    def next(self) -> Delivered:
        """The next verified request. Raises: InvalidSignature; queue.Empty if none comes."""
        request = self.received.get(timeout=WAIT_S)
        if isinstance(request, InvalidSignature):
            raise request
        return request

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the answer."""
        try:
            event = verify(self.secrets[path], headers, body)
        except InvalidSignature as invalid:
            self.received.put(invalid)
            return 400
        # The first answer is that of a receiver which is being deployed.
        status = 503 if path == FAILS_ONCE and headers["webhook-id"] not in self.seen else 204
        self.seen.add(headers["webhook-id"])
        self.received.put(Delivered(path, headers["webhook-id"], event, status))
        return status


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    """The event, if one of the signatures is valid and recent. Raises: InvalidSignature."""
    message_id, timestamp = headers["webhook-id"], headers["webhook-timestamp"]
    if abs(time.time() - int(timestamp)) > TOLERANCE_S:
        raise InvalidSignature(f"{message_id} is too old")
    key = base64.b64decode(secret.removeprefix("whsec_"))
    mac = hmac.new(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256).digest()
    expected = "v1," + base64.b64encode(mac).decode()
    if not any(hmac.compare_digest(expected, one) for one in headers["webhook-signature"].split()):
        raise InvalidSignature(f"{message_id} has no valid signature")
    event: dict[str, Any] = json.loads(body)
    return event


@contextmanager
def receiving() -> Iterator[DemoReceiver]:
    """A receiver on a free port of 127.0.0.1."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(receiver.take(self.path, dict(self.headers), body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's names
            """The demo prints what was received."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver = DemoReceiver(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
