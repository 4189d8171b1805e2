"""`bin/bench memory`: the proportional set size (PSS) of the Procfile's processes, idle and with large pictures."""

import io
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.benchmarks.harness.report import Report, Row
from tests.support.pictures import scene
from tools.demo.demo import pressroom

WEB_MB, WORKER_MB, DYNO_MB = 100, 120, 512
SAMPLE_S = 0.01
SIZE_24_MP = (6000, 4000)
SMALL_DYNO = {
    "SANDBOX_BUDGET_MB": "300",
    "REUSE_RENDERS_S": "0",
    "LOG_LEVEL": "warning",
    "WEB_CONCURRENCY": "1",
    "MAX_UPLOAD_BYTES": "100000000",
}
FORMATS: dict[str, dict[str, object]] = {
    "jpeg": {"format": "jpeg", "quality": 90},
    "progressive jpeg": {"format": "jpeg", "quality": 90, "progressive": True},
    "png": {"format": "png", "compress_level": 1},
    "webp": {"format": "webp", "method": 0},
    "avif": {"format": "avif", "speed": 10},
    "tiff": {"format": "tiff"},
    "bmp": {"format": "bmp"},
}


def pss_mb(pids: Sequence[int]) -> float:
    """Of these processes together; those that have ended count nothing."""
    total_kb = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (FileNotFoundError, ProcessLookupError):
            continue
        total_kb += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total_kb / 1024


def below(pid: int) -> list[int]:
    """The processes that `pid` started, and theirs."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *below(child)]
    return found


def process(words: str) -> int:
    """The process below this one whose command line holds `words` and no shell."""
    for pid in below(os.getpid()):
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        if words in command and not command.startswith(("/bin/sh", "sh ")) and "zygote" not in command:
            return pid
    raise LookupError(words)


@contextmanager
def peak(pid: int) -> Iterator[Callable[[], float]]:
    """The highest PSS of `pid` and all below it while the block runs, in MB."""
    highest, over = [0.0], threading.Event()

    def sample() -> None:
        while not over.is_set():
            highest[0] = max(highest[0], pss_mb([pid, *below(pid)]))
            time.sleep(SAMPLE_S)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield lambda: highest[0]
    finally:
        over.set()
        thread.join()


def thumbnails(client: httpx.Client, *pictures: bytes) -> None:
    posted = client.post("/v1/images", files=[("file", ("picture", picture)) for picture in pictures])
    posted = posted.raise_for_status().json()
    for job in posted.get("jobs", [posted]):
        ended = client.get(f"/v1/jobs/{job['id']}", params={"wait": 25}).json()
        if ended["state"] != "succeeded":
            raise RuntimeError(f"{ended['state']}: {ended.get('error')}")


def run() -> Report:
    picture = scene(*SIZE_24_MP)
    with TemporaryDirectory() as folder, pressroom(Path(folder), **SMALL_DYNO) as address:
        web, worker = process("-m api"), process("-m worker")
        with httpx.Client(base_url=address, timeout=60) as client:
            rows = [
                Row("worker at its start, no sandbox yet, PSS MB", pss_mb([worker, *below(worker)]), at_most=WORKER_MB)
            ]
            for name, options in FORMATS.items():
                buffer = io.BytesIO()
                picture.save(buffer, **options)  # type: ignore[arg-type]
                copies = 2 if name == "jpeg" else 1
                with peak(worker) as highest:
                    thumbnails(client, *[buffer.getvalue()] * copies)
                metric = f"worker with all its children, {copies} × 24 MP {name}, peak PSS MB"
                rows.append(Row(metric, highest(), at_most=DYNO_MB))
            rows.append(Row("worker parent after all that, PSS MB", pss_mb([worker]), at_most=WORKER_MB))
            rows.append(Row("web after all that, PSS MB", pss_mb([web]), at_most=WEB_MB))
    return Report("memory", rows, {name: version(name) for name in ("pillow", "fastapi", "uvicorn", "arq")})
