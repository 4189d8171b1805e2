"""From the upload to the last file: pictures a second, latency and CPU, beside what people build themselves."""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

import httpx
from redis import Redis

from tasks.queue.redis_keys import JOBS
from tests.benchmarks.harness import node
from tests.benchmarks.harness.report import Row, percentile
from tests.benchmarks.harness.rival import Rival
from tests.benchmarks.harness.system import ROOT
from tests.benchmarks.memory import below
from tests.benchmarks.pictures.photos import scene
from tools.servers import Valkey, free_port, start_process, wait_for_port

SIDES: Final = (1024, 512, 256, 128)
ROUNDS: Final = 3
PICTURES: Final = 60
ALONE: Final = 15
WARM_UP: Final = 6
CLIENTS: Final = 4
DONE_S: Final = 120.0
PILLOW: Final = Rival(
    "FastAPI + arq + Pillow",
    0,
    "with_pillow.py",
    ("pillow==13.0.0", "fastapi==0.165.0", "arq==0.28.0", "uvicorn==0.48.0", "uvloop", "httptools"),
)
VERSIONS: Final = {
    **node.versions("with_bullmq"),
    **{name: version(name) for name in ("pillow", "pyvips-binary", "fastapi", "arq")},
}
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass
class Subject:
    """One system: its processes, where it takes an upload, and where it says that a job has ended.

    Attributes:
        name: As it stands in the table.
        commands: Name of a process, web or worker, and its command.
        folder: Where they are run.
        post: Path and query that a picture is posted to.
        ended: The path that answers once a job has ended, with its id in place of `{}`.
        done: Counts the jobs that have ended.
        environment: What its processes need to know.
        has_sandbox: Whether processes below its worker do the drawing, and nothing else.
    """

    name: str
    commands: Mapping[str, Sequence[str]]
    folder: Path
    post: str
    ended: str
    done: Callable[["Redis[bytes]"], int]
    environment: dict[str, str] = field(default_factory=dict)
    has_sandbox: bool = False


@dataclass
class Measured:
    """What one round found. cpu_ms: of each process and all below it, for one picture."""

    per_second: float
    alone_ms: list[float]
    cpu_ms: dict[str, float]


def rows(photos: Path | None) -> list[Row]:
    """Measure ours and each rival that can be installed, alternately.

    Args:
        photos: Of a folder the first JPEG is used instead of the one that is made.
    """
    given = next(iter(sorted(photos.glob("*.jpg"))), None) if photos else None
    with tempfile.TemporaryDirectory() as folder:
        photo = given or Path(folder) / "photo.jpg"
        if not given:
            scene(2048, 878, 1).save(photo, quality=92)
        picture = photo.read_bytes()
    subjects = [_ours(), *_rivals()]
    rounds = [{one.name: _measure(one, picture) for one in subjects} for _ in range(ROUNDS)]
    found = []
    ours = subjects[0].name
    mine = [one[ours] for one in rounds]

    def median(value: Callable[[Measured], float], name: str) -> float:
        return statistics.median(value(one[name]) for one in rounds)

    for rival, times in zip(subjects[1:], (1.3, 1.8), strict=False):
        its = rival.name
        found += [
            Row(
                "upload to files, pictures/s",
                median(lambda one: one.per_second, ours),
                its,
                median(lambda one: one.per_second, its),
                times=times,
            ),
            Row(
                "one alone, p50, ms",
                median(lambda one: percentile(one.alone_ms, 50), ours),
                its,
                median(lambda one: percentile(one.alone_ms, 50), its),
                less_is_better=True,
                times=1.0,
            ),
            Row(
                "CPU of all processes for a picture, ms",
                median(lambda one: sum(one.cpu_ms.values()), ours),
                its,
                median(lambda one: sum(one.cpu_ms.values()), its),
                less_is_better=True,
            ),
        ]
    for process, bound in (("web", 4.0), ("worker", None), ("render", None)):
        at = statistics.median(one.cpu_ms[process] for one in mine)
        found.append(Row(f"CPU of {process} for a picture, ms", at, at_most=bound))
    besides = statistics.median(one.cpu_ms["web"] + one.cpu_ms["worker"] for one in mine)
    found.append(Row("CPU of everything but the sandbox for a picture, ms", besides, at_most=8.0))
    return found


def _ours() -> Subject:
    variants = json.dumps([{"name": str(side), "width": side, "height": side, "format": "jpeg"} for side in SIDES])
    return Subject(
        name="Pressroom",
        commands={"web": [sys.executable, "-m", "api"], "worker": [sys.executable, "-m", "worker"]},
        folder=ROOT,
        post=str(httpx.URL("/v1/images", params={"variants": variants})),
        ended="/v1/jobs/{}?wait=20",
        done=lambda redis: int(redis.zcard(f"{JOBS}bench/thumbnail:succeeded")),
        environment={"API_KEYS": "bench:a-key-of-the-benchmark", "WEB_HOSTS": "127.0.0.1", "WEB_CONCURRENCY": "1"},
        has_sandbox=True,
    )


def _rivals() -> Iterator[Subject]:
    sides = {"SIDES": ",".join(map(str, SIDES))}
    folder = node.install("with_bullmq")
    if folder and node.NODE:
        commands = {"web": [node.NODE, "server.js"], "worker": [node.NODE, "worker.js"]}
        yield Subject("fastify + BullMQ + sharp", commands, folder, "/images", "/images/{}", _counted, sides)
    command = PILLOW.install().command
    commands = {"web": [*command, "server"], "worker": [*command, "work"]}
    yield Subject(PILLOW.name, commands, ROOT, "/images", "/images/{}", _counted, sides)


def _counted(redis: "Redis[bytes]") -> int:
    return int(redis.get("done") or 0)


def _measure(subject: Subject, picture: bytes) -> Measured:
    with _running(subject) as (port, processes, redis):
        headers = {"Content-Type": "image/jpeg", "Authorization": "Bearer a-key-of-the-benchmark"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:

            def post(_: int = 0) -> str:
                answer = client.post(subject.post, content=_unique(picture)).raise_for_status()
                return str(answer.json()["id"])

            def alone() -> float:
                began = time.perf_counter()
                client.get(subject.ended.format(post())).raise_for_status()
                return 1000 * (time.perf_counter() - began)

            for _ in range(WARM_UP):
                alone()
            latencies = [alone() for _ in range(ALONE)]
            before, done = {name: _cpu_ms(pid) for name, pid in processes.items()}, subject.done(redis)
            began = time.perf_counter()
            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(post, range(PICTURES)))
            while subject.done(redis) < done + PICTURES:
                if time.perf_counter() - began > DONE_S:
                    raise TimeoutError(f"{subject.name}: {subject.done(redis) - done} of {PICTURES} in {DONE_S:g} s")
                time.sleep(0.01)
            seconds = time.perf_counter() - began
            used = {name: _cpu_ms(pid) for name, pid in processes.items()}
    cpu_ms = {name: (sum(used[name]) - sum(before[name])) / PICTURES for name in processes}
    if subject.has_sandbox:
        own = (used["worker"][0] - before["worker"][0]) / PICTURES
        cpu_ms |= {"worker": own, "render": cpu_ms["worker"] - own}
    sys.stderr.write(f"{subject.name}: {PICTURES / seconds:.1f}/s, p50 {percentile(latencies, 50):.0f} ms, {cpu_ms}\n")
    return Measured(PICTURES / seconds, latencies, cpu_ms)


@contextmanager
def _running(subject: Subject) -> Iterator[tuple[int, dict[str, int], "Redis[bytes]"]]:
    with ExitStack() as stack:
        valkey = stack.enter_context(Valkey())
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        port = free_port()
        environment = {
            **os.environ,
            **subject.environment,
            "PORT": str(port),
            "REDIS_URL": valkey.url,
            "UPLOADS": folder,
            "STORAGE_URL": Path(folder).as_uri(),
            "LOG_LEVEL": "warning",
        }
        processes = {}
        for name, command in subject.commands.items():
            process = start_process(command, cwd=subject.folder, env=environment)
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
            processes[name] = process
        wait_for_port(port, processes["web"])
        redis = stack.enter_context(Redis.from_url(valkey.url))
        yield port, {name: process.pid for name, process in processes.items()}, redis


def _cpu_ms(pid: int) -> tuple[float, float]:
    """Milliseconds of CPU of a process itself, and of all below it: those that run, and those that have ended."""
    own, ended = _times_of(pid)
    return own, ended + sum(sum(_times_of(child)) for child in below(pid))


def _times_of(pid: int) -> tuple[float, float]:
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
    own, system, ended, ended_system = (1000 * int(ticks) / TICKS for ticks in times)
    return own + system, ended + ended_system


def _unique(picture: bytes) -> bytes:
    """The same picture with a comment of its own, so that none is drawn before."""
    return picture[:2] + b"\xff\xfe\x00\x12" + os.urandom(16) + picture[2:]
