"""GET /v1/events and `python -m api.listen`: one's events without an endpoint."""

import asyncio
import json
import signal
import sys

import httpx
import pytest
from arq.connections import ArqRedis
from standardwebhooks import Webhook

from api.listen import Listener
from tasks.queue.redis_keys import HEARD, LISTENING
from tasks.settings import Settings
from tasks.webhook.signature import new_secret
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.subscribers import delivering, publish, subscribe
from tests.support.api.web_process import WebProcess, start_web
from tests.support.receivers import Receiver
from tools.servers import free_port


async def test_all_events_from_then_on_are_heard_in_the_form_that_endpoints_get(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    await subscribe(alice, receiver.url, "order.*")
    async with delivering(redis, settings):
        await publish(alice, number=0)
        await receiver.wait_for(1)
        first = (await alice.get("/v1/events")).json()
        others = (await bob.get("/v1/events")).json()
        assert first["events"] == others["events"] == []
        ids = [await publish(alice, kind, number=1) for kind in ("order.paid", "invoice.sent")]
        heard: list[dict[str, str]] = []
        after = first["next"]
        while len(heard) < 2:
            answer = (await alice.get("/v1/events", params={"cursor": after, "wait": 5})).json()
            heard += answer["events"]
            after = answer["next"]
        await receiver.wait_for(2)
        assert [event["id"] for event in heard] == ids
        assert heard[0]["body"] == receiver.requests[1].body.decode()
        assert json.loads(heard[1]["body"])["type"] == "invoice.sent"
        assert (await alice.get("/v1/events", params={"cursor": after})).json() == {"events": [], "next": after}
        assert (await bob.get("/v1/events", params={"cursor": others["next"]})).json()["events"] == []


async def test_ends_of_jobs_are_heard_though_no_endpoint_asks_for_them(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, worker: ManualWorker
) -> None:
    after = (await alice.get("/v1/events")).json()["next"]
    job = (await alice.post("/v1/images", content=PNG)).json()
    await worker.end(job["id"], "failed", error=("truncated", "The file ends before the picture does."))
    async with delivering(redis, settings):
        [event] = (await alice.get("/v1/events", params={"cursor": after, "wait": 10})).json()["events"]
    assert json.loads(event["body"])["type"] == "job.failed"
    for key in (LISTENING, HEARD):
        assert await redis.pttl(key + "alice") > 0, "both go by themselves"


async def test_while_nobody_listens_nothing_is_written(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings
) -> None:
    async with delivering(redis, settings):
        event = await publish(alice)
        await alice.get(f"/v1/jobs/{event}?wait=10")
    assert not await redis.exists(HEARD + "alice")


@pytest.mark.parametrize("query", ["cursor=now", "cursor=1", "wait=-1", "wait=soon", "since=2026-11-20"])
async def test_a_bad_query_is_named(alice: httpx.AsyncClient, query: str) -> None:
    answer = await alice.get(f"/v1/events?{query}")
    assert (answer.status_code, answer.json()["field"]) == (422, query.partition("=")[0])


async def test_the_program_forwards_signed_events_prints_a_line_for_each_and_ends_with_ctrl_c(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    secret, key = new_secret(), alice.headers["authorization"].removeprefix("Bearer ")
    command = ["-m", "api.listen", receiver.at("/status/418"), "--server", str(alice.base_url), "--key", key]
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, *command, "--secret", secret, "--events", "order.*,job.*"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert program.stdout is not None
    async with asyncio.timeout(20), delivering(redis, settings):
        try:
            lines = [(await program.stdout.readline()).decode() for _ in range(2)]
            assert secret in lines[0]
            assert "Listening for events" in lines[1]
            await publish(alice, "invoice.sent")
            event = await publish(alice, "order.paid", number=7)
            [request] = await receiver.wait_for(1)
            line = (await program.stdout.readline()).decode()
            program.send_signal(signal.SIGINT)
            _, errors = await program.communicate()
        finally:
            if program.returncode is None:
                program.kill()
    assert (program.returncode, errors) == (0, b"")
    assert f"order.paid {event} -> 418 in " in line
    told = Webhook(secret).verify(request.body.decode(), request.headers)
    assert (told["data"], request.headers["webhook-id"]) == ({"number": 7}, event)
    assert len(receiver.requests) == 1


async def test_what_happens_while_the_server_is_away_is_heard_when_it_is_back(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    environment = {"PORT": str(free_port()), "OUTBOUND_NETWORKS": "127.0.0.0/8", "OUTBOUND_HTTP": "1"}
    key = alice.headers["authorization"].removeprefix("Bearer ")

    def start() -> WebProcess:
        return start_web(settings.redis_url.get_secret_value(), settings.storage_url, environment)

    web = start()
    await asyncio.to_thread(web.wait_until_alive)
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "api.listen", receiver.url, "--server", web.url, "--key", key),
        stdout=asyncio.subprocess.PIPE,
    )
    output = program.stdout
    assert output is not None

    async def line_with(words: str) -> str:
        while words not in (line := (await output.readline()).decode()):
            assert line, f"the program ended before it said {words!r}"
        return line

    try:
        async with asyncio.timeout(60), delivering(redis, settings):
            await line_with("Listening for events")
            first = await publish(alice)
            await line_with(f"{first} -> 200")
            web.kill()
            await line_with("cannot be reached")
            missed = [await publish(alice, number=number) for number in range(2)]  # by another web process
            web = start()
            await line_with("answers again")
            for event in missed:
                await line_with(f"{event} -> 200")
    finally:
        if program.returncode is None:
            program.kill()
        await program.wait()
        web.kill()
    assert [request.headers["webhook-id"] for request in receiver.requests] == [first, *missed]


def listener(url: str, server: str, key: str | None = None) -> Listener:
    return Listener(url, server=server, api_key=key, secret=new_secret(), patterns=["*"])


async def test_it_waits_for_a_server_that_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = asyncio.create_task(listener("http://127.0.0.1:1/", f"http://127.0.0.1:{free_port()}").run())
    async with asyncio.timeout(10):
        while "Trying again" not in capsys.readouterr().out:
            await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()


async def test_it_says_why_it_is_refused(alice: httpx.AsyncClient) -> None:
    with pytest.raises(SystemExit, match="answers 401: "):
        await listener("http://127.0.0.1:1/", str(alice.base_url), "x" * 20).run()


async def test_a_program_that_does_not_answer_is_told_of_and_the_next_event_comes(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    key = alice.headers["authorization"].removeprefix("Bearer ")
    forwarding = asyncio.create_task(listener(f"http://127.0.0.1:{free_port()}/", str(alice.base_url), key).run())
    told = ""
    async with asyncio.timeout(10), delivering(redis, settings):
        while "Listening" not in told:
            told += capsys.readouterr().out
            await asyncio.sleep(0.01)
        for _ in range(2):
            await publish(alice)
        while told.count("no answer (ConnectError)") < 2:
            told += capsys.readouterr().out
            await asyncio.sleep(0.01)
    forwarding.cancel()
