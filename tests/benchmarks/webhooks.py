"""`bin/bench webhooks`: signed, guarded and recorded deliveries of one worker process, beside arq with httpx; an event
with many endpoints; and what endpoints that never answer, one or two hundred, do to the others."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import httpx
import uvloop

from tasks.queue.connect import close, connect
from tasks.queue.redis_keys import arq_queue
from tests.benchmarks.api import serving
from tests.benchmarks.harness.report import Report, Row, percentile
from tests.benchmarks.harness.rival import Rival
from tests.benchmarks.harness.system import ROOT, System
from tests.benchmarks.queue import ours
from tests.benchmarks.subjects.delivering import DATA, ENVIRONMENT, PATIENCE_S, Cost, Meter, process, service
from tests.benchmarks.subjects.inbox import Inbox
from tests.support.eventually import eventually
from tools.servers import Valkey

T = TypeVar("T")
Figures = TypeVar("Figures", Cost, "Lateness", "CrowdLateness")

RIVAL = Rival("arq + httpx", 150, "with_arq_httpx.py", ("arq==0.28.0", "httpx==0.28.1", "uvloop"))
"""jobs: events, each told to as many receivers as ours."""
ROUNDS = 3

RECEIVERS, EVENTS, WARM_UP_EVENTS = 20, 600, 10
PER_SECOND, CPU_MS = 2_000, 0.5

MANY, MANY_EVENTS, LAST_S = 1_000, 5, 2

STEADY, GROUPS, EVENTS_PER_S, STEADY_S, LONGER_PERCENT = 100, 10, 25, 8, 20
"""Each event is for the ten endpoints of a group: 250 deliveries a second, far less than a worker can do."""
STEADY_ROUNDS = 5

CROWD, HANGING, CROWD_GROUPS, CROWD_S, CROWD_TIMES = 1_000, 220, 100, 45, 2
"""The same load for a thousand endpoints, of which 220 never answer: for longer than it takes three of their deliveries
to time out, so that the time in which they are tried, slowed and parked is measured too."""


@dataclass(frozen=True)
class Lateness:
    """Milliseconds from event to request; hanging_p99: while one endpoint hangs, of the others."""

    p50: float
    p99: float
    hanging_p99: float


async def drain() -> Cost:
    """From the first submit until the last delivery is recorded; the events' own jobs count as well."""
    async with service() as there:
        await there.subscribe(RECEIVERS, lambda _: "order.*")
        for _ in range(WARM_UP_EVENTS):
            await there.submit("order.paid")
        await there.until_recorded(WARM_UP_EVENTS * RECEIVERS)
        meter = await Meter.of(there.worker, there.redis)
        await asyncio.gather(*(there.submit("order.paid") for _ in range(EVENTS)))
        await there.until_recorded((WARM_UP_EVENTS + EVENTS) * RECEIVERS)
        return meter.cost(EVENTS * RECEIVERS)


async def drain_rival(system: System) -> Cost:
    """From the first request on; all jobs wait already."""
    deliveries = system.jobs * RECEIVERS
    with Valkey() as valkey:
        redis = connect(valkey.url)
        async with Inbox() as inbox:
            environment = {
                "REDIS_URL": valkey.url,
                "RECEIVERS": json.dumps([inbox.url(number) for number in range(RECEIVERS)]),
                "BODY": json.dumps({"type": "order.paid", "data": DATA}),
            }
            fill = [*system.command, "fill", str(system.jobs)]
            variables = {**os.environ, **environment}
            await asyncio.to_thread(subprocess.run, fill, env=variables, cwd=ROOT, check=True)
            with process([*system.command, "work"], environment) as worker:
                await inbox.until(1, PATIENCE_S)
                meter = await Meter.of(worker, redis)
                await inbox.until(deliveries, PATIENCE_S)
                await eventually(lambda: redis.zcard(arq_queue("default")), 0, seconds=PATIENCE_S)
                cost = meter.cost(deliveries)
        await close(redis)
    return cost


async def fan_out() -> list[float]:
    """For events one after the other: seconds from the 202 until the last endpoint's request was there."""
    waits = []
    async with service() as there:
        await there.subscribe(MANY, lambda _: "order.paid")
        environment = {**ENVIRONMENT, "REDIS_URL": there.valkey.url, "LOG_LEVEL": "warning"}
        with serving("api.app:app", environment) as port:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                for number in range(1, MANY_EVENTS + 1):
                    answer = await client.post("/v1/events", json={"type": "order.paid", "data": DATA})
                    submitted = time.time()
                    answer.raise_for_status()
                    await there.inbox.until(number * MANY, PATIENCE_S)
                    waits.append(there.inbox.arrivals[-1].at - submitted)
                    await there.until_recorded(number * MANY)
    return waits


async def side_by_side() -> Lateness:
    """With and without an endpoint that hangs, at the same time: a slow moment of the machine falls on both."""
    ready = asyncio.Barrier(2)
    without, hanging = await asyncio.gather(steady(ready, one_hangs=False), steady(ready, one_hangs=True))
    return Lateness(percentile(without, 50), percentile(without, 99), percentile(hanging, 99))


async def steady(ready: asyncio.Barrier, *, one_hangs: bool) -> list[float]:
    """Milliseconds from before the submit until the request was there, under steady load, for all but one endpoint."""
    one, events = b"/0", EVENTS_PER_S * STEADY_S
    async with service([one] if one_hangs else []) as there:
        await there.subscribe(STEADY, lambda number: f"group.{number % GROUPS}")
        for number in range(1, GROUPS):  # the group of the one that may hang is left out
            await there.submit(f"group.{number}")
        warm = (GROUPS - 1) * STEADY // GROUPS
        await there.until_recorded(warm)
        await ready.wait()
        submitted = {}
        loop = asyncio.get_running_loop()
        began = loop.time() + one_hangs / EVENTS_PER_S / 2  # in turns: neither is always second
        for number in range(events):
            await asyncio.sleep(began + number / EVENTS_PER_S - loop.time())
            at = time.time()
            submitted[(await there.submit(f"group.{number % GROUPS}")).encode()] = at
        await there.inbox.until(warm + events * STEADY // GROUPS - (events // GROUPS if one_hangs else 0), PATIENCE_S)
        if one_hangs and not there.inbox.unanswered:
            raise RuntimeError("the endpoint that was to hang was not asked")
        arrivals = there.inbox.arrivals[warm:]
    return [1000 * (arrival.at - submitted[arrival.event]) for arrival in arrivals if arrival.path != one]


@dataclass(frozen=True)
class CrowdLateness:
    """Milliseconds from event to request, of endpoints that answer: of all, or beside 220 of a thousand that hang."""

    p99: float
    hanging_p50: float
    hanging_p99: float


async def crowd_side_by_side() -> CrowdLateness:
    ready = asyncio.Barrier(2)
    without, hanging = await asyncio.gather(crowd(ready, hanging=0), crowd(ready, hanging=HANGING))
    return CrowdLateness(percentile(without, 99), percentile(hanging, 50), percentile(hanging, 99))


async def crowd(ready: asyncio.Barrier, *, hanging: int) -> list[float]:
    """As `steady`, for many endpoints; the first so many of them hang. The others have answered before."""
    silent, events = {b"/%d" % number for number in range(hanging)}, EVENTS_PER_S * CROWD_S

    def patterns(number: int) -> list[str]:
        group = f"group.{number % CROWD_GROUPS}"
        return [group] if number < HANGING else [group, "warm.up"]

    async with service(silent) as there:
        await there.subscribe(CROWD, patterns)
        await there.submit("warm.up")
        warm = CROWD - HANGING
        await there.until_recorded(warm)
        await ready.wait()
        submitted = {}
        loop = asyncio.get_running_loop()
        began = loop.time() + bool(hanging) / EVENTS_PER_S / 2
        for number in range(events):
            await asyncio.sleep(began + number / EVENTS_PER_S - loop.time())
            at = time.time()
            submitted[(await there.submit(f"group.{number % CROWD_GROUPS}")).encode()] = at
        each = [sum(n % CROWD_GROUPS == group for n in range(hanging, CROWD)) for group in range(CROWD_GROUPS)]
        expected = sum(each[number % CROWD_GROUPS] for number in range(events))
        await there.inbox.until(warm + expected, PATIENCE_S)
        if there.inbox.unanswered < hanging:
            raise RuntimeError(f"only {there.inbox.unanswered} of the endpoints that were to hang were asked")
        arrivals = there.inbox.arrivals[warm:]
    return [1000 * (arrival.at - submitted[arrival.event]) for arrival in arrivals]


def run() -> Report:
    rival = RIVAL.install()
    # Round by round, so that a slow minute of the machine falls on all; the median of the rounds counts.
    costs = [(told("ours", drain()), told(rival.name, drain_rival(rival))) for _ in range(ROUNDS)]
    mine, theirs = (median(list(each)) for each in zip(*costs, strict=True))
    waits = told("an event with many endpoints, s", fan_out())
    late = median([told("event to request", side_by_side()) for _ in range(STEADY_ROUNDS)])
    crowd_late = median([told("a thousand endpoints", crowd_side_by_side()) for _ in range(ROUNDS)])
    name = rival.name
    cpu, valkey = "CPU of the worker per delivery, ms", "CPU of Valkey per delivery, ms"
    rows = [
        Row("deliveries/s of one worker", mine.per_second, name, theirs.per_second, at_least=PER_SECOND),
        Row(cpu, mine.cpu_ms, name, theirs.cpu_ms, less_is_better=True, at_most=CPU_MS),
        Row(valkey, mine.valkey_ms, name, theirs.valkey_ms, less_is_better=True),
        Row(f"event with {MANY:,} endpoints, 202 to the last request, s", statistics.median(waits), at_most=LAST_S),
        Row("the longest of five such, s", max(waits), at_most=LAST_S),
        Row(f"{STEADY} endpoints, event to request, p50, ms", late.p50),
        Row(f"{STEADY} endpoints, event to request, p99, ms", late.p99),
        Row("the same while one endpoint hangs, p99 of the others, ms", late.hanging_p99),
        Row("longer by, %", 100 * (late.hanging_p99 / late.p99 - 1), at_most=LONGER_PERCENT),
        Row(f"{CROWD:,} endpoints, event to request, p99, ms", crowd_late.p99),
        Row(f"the same while {HANGING} hang, p50 of the others, ms", crowd_late.hanging_p50),
        Row(f"the same while {HANGING} hang, p99 of the others, ms", crowd_late.hanging_p99),
        Row("times as long", crowd_late.hanging_p99 / crowd_late.p99, at_most=CROWD_TIMES),
    ]
    us = ours()
    return Report("webhooks", rows, {us.name: us.version, **dict(one.split("==") for one in RIVAL.requirements[:2])})


def told(name: str, measure: Coroutine[Any, Any, T]) -> T:
    """Run it, and say what was found while the rest is measured."""
    found = uvloop.run(measure)
    sys.stderr.write(f"{name}: {found}\n")
    return found


def median(measured: Sequence[Figures]) -> Figures:
    """Of each of the figures."""
    first = measured[0]
    values = {one.name: [getattr(each, one.name) for each in measured] for one in fields(first)}
    return type(first)(**{name: statistics.median(several) for name, several in values.items()})
