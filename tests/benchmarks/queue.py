"""`bin/bench queue`: no-op jobs per second of one worker process, and pickup when idle, beside the alternatives."""

import statistics
import sys
import tomllib

from tests.benchmarks.harness.report import Report, Row, percentile
from tests.benchmarks.harness.rival import RIVALS
from tests.benchmarks.harness.system import ROOT, System
from tools.servers import Valkey

ROUNDS = 3
PICKUPS = 200
TIMES_FASTER = {"arq": 50, "arq, poll_delay=0": 4, "SAQ": 5}
PICKUP_P50_MS = 1.5
PICKUP_P99_MS = 10


def ours() -> System:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return System("pressroom", 40_000, [sys.executable, "-m", "tests.benchmarks.subjects.our_queue"], version)


def drain(system: System) -> float:
    with Valkey() as server:
        rate = system.drain(server.url, system.jobs)
    sys.stderr.write(f"{system.name}: {rate:,.0f} jobs/s\n")
    return rate


def pickup(system: System) -> list[float]:
    """Milliseconds."""
    with Valkey() as server:
        waits = [1000 * seconds for seconds in system.pickup(server.url, PICKUPS)]
    sys.stderr.write(
        f"{system.name}: picked up after {percentile(waits, 50):.2f} ms, p99 {percentile(waits, 99):.2f}\n"
    )
    return waits


def run() -> Report:
    mine, *rivals = systems = [ours(), *(rival.install() for rival in RIVALS)]
    # Round by round, so that a slow minute of the machine falls on all of them; the median of a system's rounds counts.
    rounds = [{system.name: drain(system) for system in systems} for _ in range(ROUNDS)]
    rates = {system.name: statistics.median(each[system.name] for each in rounds) for system in systems}
    waits = {system.name: pickup(system) for system in systems}
    rows = [
        Row("no-op jobs/s", rates[mine.name], rival.name, rates[rival.name], times=TIMES_FASTER.get(rival.name))
        for rival in rivals
    ]
    for percent, promise in ((50, PICKUP_P50_MS), (99, PICKUP_P99_MS)):
        value = {name: percentile(each, percent) for name, each in waits.items()}
        metric = f"pickup when idle, p{percent}, ms"
        rows += [
            Row(metric, value[mine.name], rival.name, value[rival.name], less_is_better=True, at_most=promise)
            for rival in rivals
        ]
    return Report("queue", rows, {system.name: system.version for system in systems})
