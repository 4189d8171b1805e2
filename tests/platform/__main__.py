"""`python -m tests.platform`: builds Pressroom as a platform does, and restarts its dynos ten times under steady load.

Two web and two worker dynos without a shared disk, the configuration of app.json, a Redis plan of 25 MB and 20
connections with TLS, a certificate of its own and a password full of odd characters, and an S3 server behind TLS. No
request may stay unanswered, no accepted job be lost or use up a try, and nothing be left behind.

Arguments `NAME=VALUE` change the configuration: `python -m tests.platform DRAIN_S=0` shows what that setting is for.
With `--stay` there is no load: the dynos run until Ctrl-C, without a key, to try what docs/deploy.md says.
"""

import argparse
import asyncio
import contextlib
import json
import random
import ssl
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from arq.connections import ArqRedis

from tasks.queue.connect import close, connect
from tests.platform.dynos import Dyno, start_dyno
from tests.platform.load import Load, Router
from tests.platform.slug import Slug, build
from tests.platform.stay import stay
from tests.support.key_leaks import key_leaks
from tests.support.network.certificates import Authority
from tests.support.network.tls_servers import TlsRcloneServer, TlsRedis
from tests.support.receivers import Receiver
from tools.documents import ROOT
from tools.servers import REDIS_SERVER

SEED: Final = 13
ROUNDS: Final = 10
ROUTER_LAG_S: Final = 0.5
"""Seconds after SIGTERM until the router sends nothing more to a dyno."""
SETTLE_S: Final = 120.0
KEEP_S: Final = 1.0
"""Seconds of load between two restarts."""
SLUG_MB: Final = 115
PLAN: Final = {"maxmemory": "25mb", "maxclients": "20"}
PASSWORD: Final = "p@ss:w/ö?r#d%20&=+ \"'$(x)"
COMMIT: Final = "0123456789abcdef0123456789abcdef01234567"
KEY: Final = "rig-key-0123456789abcdef"


@dataclass
class Rig:
    """The dynos, what they use, and what was noticed."""

    slug: Slug
    folder: Path
    environment: dict[str, str]
    router: Router
    redis: ArqRedis
    dynos: dict[str, Dyno] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    ended: list[Dyno] = field(default_factory=list)
    peak_connections: int = 0
    peak_redis_mb: float = 0.0
    _made: int = 0

    async def start(self, name: str) -> None:
        self._made += 1
        dyno = await asyncio.to_thread(
            start_dyno, self.slug, name, self.folder / f"{name}-{self._made}", self.environment
        )
        self.dynos[name] = dyno
        if dyno.kind == "web":
            await asyncio.to_thread(dyno.wait_until_listening)
            self.router.dynos.append(dyno)

    async def stop(self, dyno: Dyno) -> None:
        async def turn_away() -> None:
            await asyncio.sleep(ROUTER_LAG_S)
            if dyno in self.router.dynos:
                self.router.dynos.remove(dyno)

        turning = asyncio.create_task(turn_away())
        await asyncio.to_thread(dyno.stop)
        await turning
        self.ended.append(dyno)
        if dyno.killed:
            self.faults.append(f"{dyno.name} did not stop: {dyno.last_lines()}")
        await asyncio.sleep(0.5)
        if left := dyno.kill_rest():
            self.faults.append(f"{dyno.name} left {len(left)} processes")
        if not dyno.killed and (files := dyno.left_files()):
            self.faults.append(f"{dyno.name} left {files[:5]}")
        self.faults += [f"{dyno.name} logged {line[:400]}" for line in dyno.error_lines()]

    async def restart(self, name: str) -> None:
        """A new dyno starts while the old one stops, as on platforms."""
        await asyncio.gather(self.stop(self.dynos[name]), self.start(name))

    async def watch(self) -> None:
        while True:
            with contextlib.suppress(Exception):  # its own connection may find no room
                info = await self.redis.info()
                self.peak_connections = max(self.peak_connections, info["connected_clients"])
                self.peak_redis_mb = max(self.peak_redis_mb, info["used_memory"] / 1024 / 1024)
            for dyno in tuple(self.dynos.values()):
                await asyncio.to_thread(dyno.measure)
            await asyncio.sleep(1)


def configuration(
    redis: TlsRedis, storage: TlsRcloneServer, authority: Authority, changes: Mapping[str, str]
) -> dict[str, str]:
    """What `app.json` sets, and what it asks for."""
    described = json.loads((ROOT / "app.json").read_text(encoding="utf-8"))["env"]
    values = {name: about["value"] for name, about in described.items() if "value" in about}
    return {
        **values,
        **storage.environment,
        "REDIS_URL": redis.url,
        "STORAGE_URL": f"s3://{storage.bucket}/rig",
        "STORAGE_ENDPOINT": storage.url,
        "STORAGE_PUBLIC_ENDPOINT": storage.url.replace("127.0.0.1", "localhost"),
        "STORAGE_CA": authority.file.read_text(),
        "API_KEYS": f"rig:{KEY}",
        "SECRET_KEY": "0123456789abcdef" * 4,
        "PUBLIC_URL": "https://pressroom.example.com",
        "OUTBOUND_NETWORKS": "127.0.0.0/8",
        "OUTBOUND_HTTP": "1",
        "SOURCE_VERSION": COMMIT,
        **changes,
    }


@contextlib.contextmanager
def servers(folder: Path, authority: Authority) -> Iterator[tuple[TlsRedis, TlsRcloneServer]]:
    own = authority.server_file("127.0.0.1", "localhost")
    with TlsRedis(own, password=PASSWORD, options=PLAN) as redis, TlsRcloneServer(own) as storage:
        yield redis, storage


async def run(folder: Path, args: argparse.Namespace) -> int:
    began = time.monotonic()
    slug = await asyncio.to_thread(build, folder / "slug")
    built_s = time.monotonic() - began
    say(f"Slug: {slug.packed_mb:.1f} MB packed, without Python itself (at most {SLUG_MB}); built in {built_s:.0f} s")
    faults = [] if slug.packed_mb <= SLUG_MB else [f"the slug has {slug.packed_mb:.1f} MB; {SLUG_MB} are wanted"]
    authority = Authority(folder)
    trusted = ssl.create_default_context(cafile=str(authority.file))
    with servers(folder, authority) as (redis_server, storage):
        if args.stay:
            address = {"PUBLIC_URL": f"http://localhost:{args.port}", "API_KEYS": ""}
            environment = configuration(redis_server, storage, authority, {**address, **dict(args.changes)})
            faults += await stay(slug, folder, environment, args.port, authority.file)
            return 1 if faults else 0
        redis = connect(redis_server.url, ssl_cert_reqs="none", max_connections=1)
        async with (
            Receiver("fast") as receiver,
            httpx.AsyncClient(timeout=35) as client,
            httpx.AsyncClient(timeout=35, verify=trusted) as files,
        ):
            router = Router(client, KEY)
            environment = configuration(redis_server, storage, authority, dict(args.changes))
            rig = Rig(slug, folder, environment, router, redis)
            load = Load(router, files, SEED)
            try:
                await exercise(rig, load, receiver)
            finally:
                for dyno in rig.dynos.values():
                    dyno.kill_rest()
                    dyno.process.kill()
        rig.faults += [f"Redis keeps {leak}" for leak in await key_leaks(redis)]
        clients = [one for one in await redis.client_list() if one["name"] or one["cmd"] != "client|list"]
        rig.faults += [f"Redis has {len(clients)} connections of ended processes"] if clients else []
        parts = [path for path in storage.folder.rglob("*") if "rclone_temp" in path.name]
        rig.faults += [f"the storage has {len(parts)} parts of uploads"] if parts else []
        await close(redis)
    faults += load.faults + rig.faults
    report(rig, load, len(receiver.requests), time.monotonic() - began)
    for fault, times in Counter(faults).most_common(30):
        say(f"FAULT: {fault}" + (f" ({times} times)" if times > 1 else ""))
    return 1 if faults else 0


async def exercise(rig: Rig, load: Load, receiver: Receiver) -> None:
    names = ["web.1", "web.2", "worker.1", "worker.2"]
    await asyncio.gather(*map(rig.start, names))
    watching, over = asyncio.create_task(rig.watch()), asyncio.Event()
    endpoint = {"url": receiver.url, "events": ["rig.event"]}
    (await rig.router.request("POST", "/v1/endpoints", json=endpoint)).raise_for_status()
    version = (await rig.router.request("GET", "/version")).json()
    if version.get("commit") != COMMIT or not version.get("engines"):
        rig.faults.append(f"/version answers {version}")
    loading = asyncio.create_task(load.run(over))
    dice = random.Random(SEED)  # noqa: S311 - the same pauses every time
    order = [names[(number * 2 + number // 2) % 4] for number in range(ROUNDS)]  # web and worker in turn
    for name in order:
        await asyncio.sleep(KEEP_S + dice.random())
        await rig.restart(name)
    await asyncio.sleep(KEEP_S)
    over.set()
    await loading
    await load.settle(SETTLE_S)
    await everything_delivered(load, receiver)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await asyncio.gather(*(rig.stop(dyno) for dyno in rig.dynos.values()))


async def everything_delivered(load: Load, receiver: Receiver) -> None:
    deadline = time.monotonic() + SETTLE_S
    while missing := load.events - {json.loads(one.body)["data"]["number"] for one in receiver.requests}:
        if time.monotonic() > deadline:
            load.faults.append(f"{len(missing)} events were not delivered")
            return
        await asyncio.sleep(0.2)


def report(rig: Rig, load: Load, deliveries: int, seconds: float) -> None:
    ended = rig.ended
    kinds = Counter(load.accepted.values())

    def most(kind: str, what: str) -> float:
        return max((getattr(dyno, what) for dyno in ended if dyno.kind == kind), default=0.0)

    answers, jobs = _counts(load.answers), _counts(kinds)
    stops = f"a web dyno stopped within {most('web', 'stop_s'):.1f} s, a worker within {most('worker', 'stop_s'):.1f} s"
    memory = f"web {most('web', 'peak_mb'):.0f} MB, worker {most('worker', 'peak_mb'):.0f} MB"
    connections = f"{rig.peak_connections} of {PLAN['maxclients']} connections"
    lines = {
        "Requests": f"{load.answers.total()} ({answers}), {rig.router.reconnects} connections tried again",
        "Jobs": f"{len(load.accepted)} accepted ({jobs}), {deliveries} deliveries, {load.downloads} downloads",
        "Attempts": _counts(load.outcomes),
        "Restarts": f"{ROUNDS}; {stops}, {sum(dyno.killed for dyno in ended)} were killed, "
        f"{sum(dyno.signalled for dyno in ended)} processes got SIGTERM",
        "Start": f"a web dyno listened within {most('web', 'boot_s'):.1f} s",
        "Memory": f"{memory}, at most (PSS of all processes of a dyno)",
        "Redis": f"at most {connections}, {rig.peak_redis_mb:.1f} MB of 25",
        "Time": f"{seconds:.0f} s",
    }
    for name, text in lines.items():
        say(f"{name}: {text}")


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _counts(counts: Counter[Any]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))


def _change(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} changes no setting; write NAME=VALUE, such as DRAIN_S=0")
    return name, value


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/rig", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("changes", nargs="*", type=_change, metavar="NAME=VALUE", help="changes the configuration")
    parser.add_argument("--stay", action="store_true", help="without load, until Ctrl-C")
    parser.add_argument("--port", type=int, default=8000, help="with --stay: where the router listens (default: 8000)")
    args = parser.parse_args()
    if not sys.platform.startswith("linux"):
        say("Skipped: the platform rig reads /proc, which Linux alone has.")
        return 0
    if REDIS_SERVER is None:
        say("Skipped: the platform rig needs TLS in Redis: install Debian's package redis-server.")
        return 0
    with tempfile.TemporaryDirectory(prefix="pressroom-rig-") as folder:
        return asyncio.run(run(Path(folder), args))


if __name__ == "__main__":
    sys.exit(main())
