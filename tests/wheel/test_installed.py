"""What the wheel installs runs: an application whose modules are called as Pressroom's own, and the service."""

import contextlib
import io
import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pypdfium2
import pytest

from api.http.body import SMALL_BODY_BYTES
from tests.support.pictures import encoded, scene
from tests.wheel.conftest import Start, of_an_application
from tools.documents import ROOT
from tools.servers import Valkey, free_port

START_S = 60.0
BOOKSHOP = ROOT / "tests" / "support" / "arq_application" / "bookshop"
IMPORTS = {"from bookshop import tasks": "import tasks", "from bookshop.api import": "from api import"}
# What the web process of the bookshop does: it has ARQ, and nothing of Pressroom.
CLIENT = """
import asyncio, json, os, sys
from arq import create_pool
from arq.connections import RedisSettings
from api import QUEUE
from tasks import Order, OutOfStockError

async def main():
    client = await create_pool(RedisSettings.from_dsn(os.environ["BOOKSHOP_REDIS"]), default_queue_name=QUEUE)
    number = await client.enqueue_job("add", 1, 2)
    book = await client.enqueue_job("add", 1, 2, order=Order("Emma", 0))
    lost = await client.enqueue_job("out_of_stock")
    results = [await job.result(timeout=30, poll_delay=0.02) for job in (number, book)]
    try:
        await lost.result(timeout=30, poll_delay=0.02)
    except OutOfStockError as error:
        results.append(str(error))
    print(json.dumps({"job": number.job_id, "results": results[::2], "order": results[1] == Order("Emma", 3)}))
    assert "pressroom" not in sys.modules

asyncio.run(main())
"""

# A kind of another package. Its function runs in the sandbox.
KIND = """
from pydantic import BaseModel
from pressroom.tasks.kind import JobContext, Kind, Result

class ColourParams(BaseModel):
    name: str

async def find_colour(job: JobContext[ColourParams]) -> Result:
    return Result(value=await job.sandbox.call("colours:colour_of", job.params.name, seconds=10, memory_mb=20))

def colour_of(name, *, report):
    return {"colour": len(name)}

COLOUR = Kind(name="colour", queue="default", params=ColourParams, run=find_colour, submittable=True)
"""


@pytest.fixture
def server() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
def web(start: Start, server: Valkey, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of the web process, which runs in a folder of its own."""
    port = free_port()
    folder = tmp_path / "web"
    folder.mkdir()
    process = start(folder, "pressroom.api", PORT=str(port), WEB_HOSTS="127.0.0.1", **service(server, tmp_path))
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        wait_until(lambda: client.get("/livez").is_success, process, folder)
        yield client


def service(server: Valkey, folder: Path) -> dict[str, str]:
    (folder / "colours.py").write_text(KIND)
    own = {"KINDS": "colours:COLOUR", "PYTHONPATH": str(folder)}
    return {"REDIS_URL": server.url, "STORAGE_URL": f"file://{folder / 'storage'}", "DEV": "1", **own}


def wait_until(done: Callable[[], bool], process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Return once a process does what it is to do; raise with its log if it ends first."""
    deadline = time.monotonic() + START_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if done():
                return
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline, (folder / "log").read_text()
        time.sleep(0.05)


def serves(web: httpx.Client) -> bool:
    """Whether a worker has said that it lives."""
    return bool(web.get("/v1/workers").raise_for_status().json()["workers"])


def test_an_application_has_worker_tasks_and_api_as_modules_of_its_own(
    start: Start, web: httpx.Client, server: Valkey, installed: Path, tmp_path: Path
) -> None:
    application = tmp_path / "application"
    for path in BOOKSHOP.rglob("*.py"):
        text = path.read_text()
        for short, long in IMPORTS.items():
            text = text.replace(short, long)
        assert "bookshop." not in text.replace("`arq bookshop.", "")
        place = application / path.relative_to(BOOKSHOP)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.parent != BOOKSHOP or path.name != "__init__.py":
            place.write_text(text)
    variables = {"BOOKSHOP_REDIS": server.url, "STORAGE_URL": f"file://{tmp_path / 'storage'}"}
    command = ("pressroom.worker", "--arq", "worker.WorkerSettings", "--pickle")
    wait_until(lambda: serves(web), start(application, *command, **variables), application)
    done = subprocess.run(
        [str(installed / "bin/python"), "-c", CLIENT],
        cwd=application,
        env=of_an_application(variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["results"], found["order"]) == ([3, "no copies left"], True)
    job = web.get(f"/v1/jobs/{found['job']}").raise_for_status().json()
    assert (job["kind"], job["state"], job["result"]) == ("add", "succeeded", {"value": 3})
    assert job["queue"] == "arq/bookshop:queue"


def test_the_service_runs_thumbnails_reports_and_kinds_of_others(
    start: Start, web: httpx.Client, server: Valkey, tmp_path: Path
) -> None:
    assert web.get("/readyz").status_code == 200
    assert ">python -m pressroom.worker</pre>" in web.get("/console/workers").text
    folder = tmp_path / "worker"
    folder.mkdir()
    wait_until(lambda: serves(web), start(folder, "pressroom.worker", **service(server, tmp_path)), folder)

    picture = web.post("/v1/images", content=encoded(scene(400, 300), "jpeg"), headers={"Content-Type": "image/jpeg"})
    texts = [{"type": "text", "text": "Über den Dächern 横浜 " + "x" * 400}] * (SMALL_BODY_BYTES // 400)
    # Large, so that it is read in a process of its own.
    report = web.post("/v1/reports", json={"document": {"title": "Sales", "lang": "de-DE"}, "blocks": texts})
    thumbnails, pages = ended(web, picture), ended(web, report)
    assert {"small.jpg", "medium.jpg"} <= {file["name"] for file in thumbnails["files"]}
    [pdf] = [file for file in pages["files"] if file["name"].endswith(".pdf")]
    document = pypdfium2.PdfDocument(io.BytesIO(web.get(pdf["url"]).raise_for_status().content))
    assert "Über den Dächern 横浜" in document[0].get_textpage().get_text_bounded()
    assert web.get("/console").status_code == 200
    colour = ended(web, web.post("/v1/jobs", json={"kind": "colour", "params": {"name": "Ada"}}))
    assert colour["result"] == {"colour": 3}


def ended(web: httpx.Client, posted: httpx.Response) -> dict[str, Any]:
    assert posted.status_code == 202, posted.text
    job: dict[str, Any] = web.get(posted.headers["Location"], params={"wait": 30}).raise_for_status().json()
    assert job["state"] == "succeeded", job
    return job
