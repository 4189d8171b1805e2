"""`bin/bench api`: posting a small picture, with key, record and checks, beside a bare FastAPI + arq endpoint."""

import asyncio
import io
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from PIL import Image

from tests.benchmarks.harness.load import Load, put_under_load
from tests.benchmarks.harness.report import Report, Row, percentile
from tests.benchmarks.harness.system import ROOT
from tools.servers import Valkey, free_port, start_process, wait_for_port

ROUNDS = 3
REQUESTS = 4_000
WARM_UP_REQUESTS = 500
CONNECTIONS = 32
TIMES_FASTER = 1.2
OURS = "api.app:app"
KEY = "a-key-that-only-the-benchmark-knows"
FLAGS = ("--timeout-keep-alive", "95", "--no-access-log", "--log-level", "warning")


def posts(count: int) -> Iterator[bytes]:
    """Requests with a small JPEG each; a comment in it makes every file another, so that no one can save the work."""
    file = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "jpeg")
    picture = file.getvalue()
    for _ in range(count):
        body = picture[:2] + b"\xff\xfe\x00\x12" + os.urandom(16) + picture[2:]
        head = (
            f"POST /v1/images HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
            f"Content-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


@contextmanager
def served(app: str, environment: dict[str, str]) -> Iterator[tuple[int, int]]:
    """One process with `app`, ours started as the Procfile says; the port it listens on, and its own number."""
    port = free_port()
    started = ["api"] if app == OURS else ["uvicorn", app, "--port", str(port), *FLAGS]
    environment |= {"PORT": str(port), "WEB_HOSTS": "127.0.0.1"}
    server = start_process([sys.executable, "-m", *started], env={**os.environ, **environment}, cwd=ROOT)
    try:
        wait_for_port(port, server)
        yield port, server.pid
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)


@contextmanager
def serving(app: str, environment: dict[str, str]) -> Iterator[int]:
    """As `served`, with the port alone."""
    with served(app, environment) as (port, _):
        yield port


def measure(app: str) -> Load:
    with Valkey() as redis, tempfile.TemporaryDirectory() as folder:
        environment = {
            "REDIS_URL": redis.url,
            "UPLOADS": folder,
            "STORAGE_URL": Path(folder).as_uri(),
            "API_KEYS": f"bench:{KEY}",
            "LOG_LEVEL": "warning",
            "WEB_CONCURRENCY": "1",
        }
        with serving(app, environment) as port:
            asyncio.run(put_under_load(port, posts(WARM_UP_REQUESTS), CONNECTIONS))
            load = asyncio.run(put_under_load(port, posts(REQUESTS), CONNECTIONS))
    if load.refused:
        raise RuntimeError(f"{app} refused requests: {load.refused}")
    sys.stderr.write(f"{app}: {load.per_second:,.0f} requests/s\n")
    return load


def run() -> Report:
    ours, bare = OURS, "tests.benchmarks.subjects.bare_api:app"
    rounds = [{app: measure(app) for app in (ours, bare)} for _ in range(ROUNDS)]
    rival = "bare FastAPI + arq"

    def median(app: str, percent: float) -> float:
        return 1000 * statistics.median(percentile(each[app].latencies_s, percent) for each in rounds)

    def rate(app: str) -> float:
        return statistics.median(each[app].per_second for each in rounds)

    rows = [Row("POST a small picture, requests/s", rate(ours), rival, rate(bare), times=TIMES_FASTER)]
    for percent in (50, 99):
        metric = f"POST a small picture, {CONNECTIONS} at once, p{percent}, ms"
        rows.append(Row(metric, median(ours, percent), rival, median(bare, percent), less_is_better=True))
    return Report("api", rows, {name: version(name) for name in ("fastapi", "uvicorn", "arq", "redis")})
