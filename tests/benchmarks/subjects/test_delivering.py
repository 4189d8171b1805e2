"""The inbox, and what is read of a process."""

import asyncio
import os
import sys
import time

import pytest

from tests.benchmarks.subjects.delivering import Cost, Meter, cpu_s, process
from tests.benchmarks.subjects.inbox import ANSWER, Inbox
from tests.benchmarks.webhooks import median
from tests.support.eventually import eventually_sync


def post(path: str, event: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: localhost\r\nWebhook-Id: {event}\r\nContent-Length: 2\r\n\r\n{{}}".encode()


async def say(inbox: Inbox, number: int, *requests: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Requests on one connection to the host that the inbox gives this number."""
    host = inbox.url(number).split("/")[2].partition(":")[0]
    reader, writer = await asyncio.open_connection(host, inbox.port)
    writer.write(b"".join(requests))
    return reader, writer


async def test_the_inbox_answers_and_notes_requests_at_many_hosts_over_lasting_connections() -> None:
    began = time.time()
    async with Inbox() as inbox:
        assert inbox.url(258) == f"http://127.0.1.2:{inbox.port}/258"
        connections = [await say(inbox, 1, post("/1", "a"), post("/1", "b")), await say(inbox, 258, post("/258", "c"))]
        for (reader, writer), answers in zip(connections, (2, 1), strict=True):
            assert await reader.readexactly(answers * len(ANSWER)) == answers * ANSWER
            writer.close()
        await inbox.until(3, seconds=5)
    found = {(arrival.path, arrival.event) for arrival in inbox.arrivals}
    assert found == {(b"/1", b"a"), (b"/1", b"b"), (b"/258", b"c")}
    assert all(began <= arrival.at <= time.time() for arrival in inbox.arrivals)


async def test_a_silent_path_is_counted_and_never_answered() -> None:
    async with Inbox([b"/0"]) as inbox:
        hanging, to_hanging = await say(inbox, 0, post("/0"))
        _, to_other = await say(inbox, 1, post("/1"))
        await inbox.until(1, seconds=5)
        assert (inbox.unanswered, [arrival.path for arrival in inbox.arrivals]) == (1, [b"/1"])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(hanging.read(1), 0.05)
        with pytest.raises(TimeoutError):
            await inbox.until(2, seconds=0.05)
        for writer in (to_hanging, to_other):
            writer.close()


def test_cpu_is_that_of_the_process_and_not_the_clock() -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); time.sleep(60)"
    with process([sys.executable, "-c", busy], {}) as pid:
        eventually_sync(lambda: cpu_s(pid) >= 0.25)
        meter = Meter(pid, os.getpid())
        time.sleep(0.2)
        cost = meter.cost(100)
    assert cost.cpu_ms < 2, "two hundred milliseconds have passed, of which it slept most"
    assert 250 < cost.per_second < 500


def test_what_a_process_said_is_shown_when_the_measurement_fails(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        with process([sys.executable, "-c", "import sys; sys.exit('no Redis')"], {}) as pid:
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail()
    assert "no Redis" in capsys.readouterr().err


def test_the_median_is_taken_of_each_figure() -> None:
    assert median([Cost(3, 1, 9), Cost(1, 2, 8), Cost(2, 3, 7)]) == Cost(2, 2, 8)
