"""Fills a service with jobs of every sort: what the pages of the console show in tests and in pictures."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from PIL import Image

from tools.demo.report import spec
from tools.pictures import sources

PHOTO: tuple[int, int] = (1500, 1000)
WAIT_S = 30
ENDED = frozenset({"succeeded", "failed", "cancelled"})
BROKEN_ANSWER = b"upstream is being deployed"


class Filled(NamedTuple):
    """Ids of what a service has been filled with.

    Attributes:
        picture: A job with thumbnails.
        report: A job with a PDF.
        failed: A job whose picture ends too early.
        event: An event with a delivery that succeeded and one that did not.
        delivery: That one.
        endpoint: Where it goes.
        schedule: A schedule.
    """

    picture: str
    report: str
    failed: str
    event: str
    delivery: str
    endpoint: str
    schedule: str


@dataclass
class Receivers:
    """Servers of webhooks, at one address.

    Attributes:
        address: Where they are: the path `/ok` answers 204.
        down: Whether any other path answers 503.
    """

    address: str = ""
    down: bool = True


@contextmanager
def two_receivers() -> Iterator[Receivers]:
    """Two receivers, of which one is down."""
    receivers = Receivers()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            is_ok = self.path == "/ok" or not receivers.down
            self.send_response(204 if is_ok else 503)
            self.send_header("content-length", "0" if is_ok else str(len(BROKEN_ANSWER)))
            self.end_headers()
            self.wfile.write(b"" if is_ok else BROKEN_ANSWER)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's names
            """Nothing: the service has a log."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        receivers.address = f"http://127.0.0.1:{server.server_port}"
        yield receivers
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fill(client: httpx.Client, receiver: str, folder: Path) -> Filled:
    """Submit, and wait until all has happened.

    Args:
        client: Of the API, with a key.
        receiver: The address of what `two_receivers` yields.
        folder: Where samples are drawn.

    Raises:
        httpx.HTTPStatusError: The service has refused something.
    """
    photo, logo = sources.photo(folder / "harbour.jpg", PHOTO), sources.logo(folder / "logo.png")
    pictures = [upload(client, path.name, path.read_bytes()) for path in (photo, logo)]
    upload(client, "scan-17.jpg", photo.read_bytes()[:9_000])
    failed = upload(client, "scan-18.jpg", photo.read_bytes()[:12_000])
    upload(client, "notes.jpg", _plain_picture())
    made = ended(client, posted(client, "/v1/reports", spec([("harbour.jpg", pictures[0])])))
    events = ["invoice.paid", "order.shipped"]
    posted(client, "/v1/endpoints", {"url": f"{receiver}/ok", "events": events, "description": "Bookkeeping"})
    wrong = {"url": f"{receiver}/hooks/stock?shop=7", "events": ["order.shipped"], "description": "Stock of the shop"}
    endpoint = posted(client, "/v1/endpoints", wrong)
    posted(client, "/v1/events", {"type": "invoice.paid", "data": {"number": "2026-0042", "amount": "99.00"}})
    for order in range(4705, 4711):
        posted(client, "/v1/events", {"type": "order.shipped", "data": {"order": order, "parcels": 1}})
    event = posted(client, "/v1/events", {"type": "order.shipped", "data": {"order": 4711, "parcels": 2}})
    job = {"kind": "event", "type": "shop.closing", "data": {"shop": 12}}
    timetable = {"name": "Closing time", "cron": "30 17 * * MON-FRI", "timezone": "Europe/Berlin", "job": job}
    schedule = posted(client, "/v1/schedules", timetable)
    client.post(f"/v1/schedules/{schedule['id']}/runs").raise_for_status()
    return Filled(
        picture=pictures[0]["id"],
        report=made["id"],
        failed=failed["id"],
        event=event["id"],
        delivery=tried_delivery(client, endpoint["id"]),
        endpoint=endpoint["id"],
        schedule=schedule["id"],
    )


def upload(client: httpx.Client, name: str, content: bytes) -> dict[str, Any]:
    """A picture's job, once it has ended."""
    answer = client.post("/v1/images", files={"file": (name, content)}).raise_for_status()
    return ended(client, answer.json())


def posted(client: httpx.Client, path: str, body: Any) -> dict[str, Any]:
    """What the API answers."""
    answer: dict[str, Any] = client.post(path, json=body).raise_for_status().json()
    return answer


def ended(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """A job once it has ended."""
    while job["state"] not in ENDED:
        job = client.get(f"/v1/jobs/{job['id']}", params={"wait": WAIT_S}).raise_for_status().json()
    return job


def tried_delivery(client: httpx.Client, endpoint: str) -> str:
    """The id of an endpoint's first delivery, once a try of it has failed."""
    while True:
        found = client.get("/v1/deliveries", params={"endpoint": endpoint}).raise_for_status().json()["deliveries"]
        if found and found[-1]["state"] != "queued":
            delivery: dict[str, Any] = client.get(f"/v1/deliveries/{found[-1]['id']}").raise_for_status().json()
            if any(attempt.get("ended_at") for attempt in delivery["attempts"]):
                return str(found[-1]["id"])


def _plain_picture() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (900, 600), (190, 200, 170)).save(picture, "JPEG")
    return picture.getvalue()
