"""What failed attempts have sent and received is in the storage, without secrets, and no delivery waits for it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from pydantic import SecretStr
from structlog.testing import capture_logs

from tasks.queue.jobs.job_store import JobStore
from tasks.queue.jobs.submission import Submission
from tasks.queue.records.record import Record, State
from tasks.queue.redis_keys import arq_queue
from tasks.storage.open import open_storage
from tasks.webhook.endpoints import open_box
from tasks.webhook.events import ONE_OFF
from tasks.webhook.exchanges.files import KEPT, path_of
from tasks.webhook.notify_url import seal_url
from tests.support.eventually import eventually
from tests.support.queue.ended_records import pack_all
from tests.support.receivers import Receiver
from tests.support.servers import S3Server
from tests.support.webhook_harness import WebhookHarness, delivering
from tools.servers import free_port
from worker.attempts import exchange_writer

TOKEN = "Bearer gateway/token+17"
SECRET_KEY = "k" * 40


def folder_url(tmp_path: Path) -> dict[str, str]:
    return {"storage_url": f"file://{tmp_path}/storage"}


def exchanges(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "storage").glob("exchanges/*/*"))


async def kept(webhooks: WebhookHarness, record: Record, number: int = 1) -> dict[str, Any]:
    """The exchange of an attempt, once it is written."""
    storage = open_storage(webhooks.settings)
    content = await eventually(lambda: storage.get_object(path_of(record.id, number)))
    found: dict[str, Any] = json.loads(content)
    return found


async def failed_once(webhooks: WebhookHarness, endpoint: Any, **event: Any) -> Record:
    """A delivery after its first attempt, which failed."""
    delivery = await webhooks.delivery(await webhooks.publish(**event), endpoint)
    return await webhooks.job_client.until(delivery.id, State.RETRYING)


async def test_a_failed_attempt_is_kept_and_a_success_is_not(redis: ArqRedis, tmp_path: Path) -> None:
    async with delivering(redis, **folder_url(tmp_path)) as webhooks, Receiver("failing", times=2) as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.at("/hook?source=pressroom"))
        record = await failed_once(webhooks, endpoint, data={"text": "größe"})
        exchange = await kept(webhooks, record)
        (came,) = receiver.requests
        request, response = exchange["request"], exchange["response"]
        assert (request["method"], request["url"]) == ("POST", receiver.at("/hook?source=***"))
        assert request["body"] == {"bytes": len(came.body), "truncated": False, "text": came.body.decode()}
        shown = {**came.headers, "webhook-signature": "***"}
        assert request["headers"] == shown, "all that came, and nothing else"
        assert (response["status"], response["body"]) == (500, {"bytes": 2, "truncated": False, "text": "ok"})
        for number in (2, 3):
            await redis.zadd(arq_queue("webhooks"), {record.id: 1}, xx=True)
            await receiver.wait_for(number)
            if number == 2:
                await kept(webhooks, await webhooks.job_client.until(record.id, State.RETRYING), 2)
        ended = await webhooks.job_client.ended(record.id)
        assert [attempt["about"].get(KEPT) for attempt in ended.attempts] == [True, True, None]
    assert [path.name for path in exchanges(tmp_path)] == [f"{record.id}-{number}.json" for number in (1, 2)]


async def test_no_secret_is_in_the_storage_or_the_record_whatever_the_receiver_repeats(
    redis: ArqRedis, tmp_path: Path
) -> None:
    changes = {**folder_url(tmp_path), "secret_key": SecretStr(SECRET_KEY)}
    async with delivering(redis, **changes) as webhooks, Receiver("echoing") as receiver:
        headers = {"Authorization": TOKEN, "X-Gateway": "another-secret"}
        endpoint, secret = await webhooks.subscribe(receiver.at("/hook?token=0123456789abcdef"), headers=headers)
        await webhooks.endpoints.change("dev", endpoint.id, {"ed25519": True})
        record = await failed_once(webhooks, endpoint)
        exchange = await kept(webhooks, record)
        (came,) = receiver.requests
        assert (came.headers["authorization"], came.headers["x-gateway"]) == (TOKEN, "another-secret")
        signatures = [entry.partition(",")[2] for entry in came.headers["webhook-signature"].split()]
        assert len(signatures) == 2
        secrets = [TOKEN, "gateway/token", "another-secret", "0123456789abcdef", "session-of-a-user"]
        secrets += [secret.removeprefix("whsec_"), *signatures]
        secrets += [one.replace("/", "\\/") for one in secrets]
        stored = b"".join(path.read_bytes() for path in (tmp_path / "storage").rglob("*") if path.is_file())
        assert b"x-echo-0" in stored
        answer = record.attempts[0]["about"]["answer"]
        assert [one for one in secrets if one.encode() in stored or one in answer] == []
        answered = exchange["response"]
        assert (answered["headers"]["set-cookie"], answered["body"]["text"].count("***")) == ("***", 5)


async def test_the_answer_to_a_success_hides_headers_too(redis: ArqRedis) -> None:
    async with delivering(redis, secret_key=SecretStr(SECRET_KEY)) as webhooks, Receiver("echoing") as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.at("/echoing/200"), headers={"x-gateway": "a-secret"})
        record = await webhooks.delivered(await webhooks.publish(), endpoint)
        assert record.state is State.SUCCEEDED
        answer = record.attempts[0]["about"]["answer"]
        assert '"x-gateway": "***"' in answer
        assert "a-secret" not in answer


async def test_the_token_of_a_notify_url_is_not_kept_either(redis: ArqRedis, tmp_path: Path) -> None:
    changes = {**folder_url(tmp_path), "secret_key": SecretStr(SECRET_KEY)}
    async with delivering(redis, **changes) as webhooks, Receiver("echoing") as receiver:
        box = open_box(webhooks.settings)
        notify = {"url": seal_url(receiver.at("/hook?token=0123456789abcdef"), box)}
        job = await webhooks.job_client.submit("echo", notify=json.dumps(notify))
        await webhooks.job_client.ended(job)
        (request,) = await receiver.wait_for(1)
        record = await webhooks.delivery(request.headers["webhook-id"], ONE_OFF)
        exchange = json.dumps(await kept(webhooks, record))
        assert "token=***" in exchange
        assert "0123456789abcdef" not in exchange


async def test_without_a_response_the_request_is_kept(redis: ArqRedis, tmp_path: Path) -> None:
    async with delivering(redis, **folder_url(tmp_path)) as webhooks:
        endpoint, _ = await webhooks.subscribe(f"http://127.0.0.1:{free_port()}/", headers={"x-gateway": "a-secret"})
        record = await failed_once(webhooks, endpoint)
        exchange = await kept(webhooks, record)
        assert exchange.keys() == {"request"}
        assert exchange["request"]["headers"]["x-gateway"] == "***"
        assert exchange["request"]["headers"]["host"] == endpoint.url.split("/")[2]
        assert record.attempts[0]["error"]["code"] == "connect_failed"


async def test_bodies_are_kept_up_to_the_limit_and_not_at_all_without_one(redis: ArqRedis, tmp_path: Path) -> None:
    for limit in (5, 0):
        changes = {**folder_url(tmp_path), "keep_exchange_bytes": limit}
        async with delivering(redis, **changes) as webhooks, Receiver("status") as receiver:
            endpoint, _ = await webhooks.subscribe(receiver.at("/status/503"))
            record = await failed_once(webhooks, endpoint)
            if limit:
                exchange = await kept(webhooks, record)
                assert exchange["request"]["body"]["text"] == '{"typ'
                assert exchange["response"]["body"] == {"bytes": 12, "truncated": True, "text": "as yo"}
            assert record.attempts[0]["about"].get(KEPT, False) is bool(limit)
            assert record.attempts[0]["about"]["answer"] == "as you asked"
    assert len(exchanges(tmp_path)) == 1


async def test_a_delivery_that_fails_for_good_keeps_it_until_it_is_deleted(redis: ArqRedis, tmp_path: Path) -> None:
    async with delivering(redis, **folder_url(tmp_path)) as webhooks, Receiver("gone") as receiver:
        endpoint, _ = await webhooks.subscribe(receiver.url)
        record = await webhooks.delivered(await webhooks.publish(), endpoint)
        assert (await kept(webhooks, record))["response"]["status"] == 410
        await pack_all(redis, webhooks.settings)
        assert (await webhooks.job_client.read(record.id)).attempts[0]["about"][KEPT] is True
        assert await JobStore(redis, webhooks.settings).delete([record.id]) == ["deleted"]
        reconciliation = Submission(kind="reconciliation", queue="default", owner="dev", params="{}")
        submitted = await webhooks.job_client.enqueuer.enqueue(reconciliation)
        result = (await webhooks.job_client.ended(submitted.job_id)).result
        assert result is not None
        assert result["exchanges"] == 1
    assert exchanges(tmp_path) == []


async def test_what_waits_when_the_worker_stops_is_written(redis: ArqRedis, tmp_path: Path) -> None:
    async with delivering(redis, **folder_url(tmp_path)) as webhooks, Receiver("failing", times=99) as receiver:
        for number in range(40):
            await webhooks.subscribe(receiver.at(f"/{number}"))
        event = await webhooks.publish()
        await receiver.wait_for(40)
    records = await webhooks.deliveries(event)
    noted = [record for record in records if record.attempts and record.attempts[0].get("about", {}).get(KEPT)]
    assert len(noted) == len(exchanges(tmp_path)) == 40


async def test_while_the_storage_is_away_attempts_are_recorded_as_ever(redis: ArqRedis, tmp_path: Path) -> None:
    async with delivering(redis, **folder_url(tmp_path)) as webhooks, Receiver("status") as receiver:
        (tmp_path / "storage").rmdir()
        (tmp_path / "storage").write_bytes(b"in the way")
        endpoint, _ = await webhooks.subscribe(receiver.at("/status/503"))
        with capture_logs() as lines:
            record = await failed_once(webhooks, endpoint)
            await eventually(lambda: [one for one in lines if one["event"] == "exchange.not_kept"])
            for _ in range(3):
                record = await failed_once(webhooks, endpoint)
        assert [one["event"] for one in lines].count("exchange.not_kept") == 1
        (attempt,) = record.attempts
        assert (attempt["about"]["status"], attempt["error"]["code"]) == (503, "bad_status")
        assert KEPT not in attempt["about"], "not tried again so soon"


async def test_files_that_cannot_be_written_do_not_speak_for_the_storage_and_are_not_tried_each_time(
    redis: ArqRedis, tmp_path: Path
) -> None:
    async with delivering(redis, **folder_url(tmp_path)) as webhooks, Receiver("status") as receiver:
        (tmp_path / "storage" / "exchanges").write_bytes(b"in the way")
        endpoint, _ = await webhooks.subscribe(receiver.at("/status/503"))
        with capture_logs() as lines:
            await failed_once(webhooks, endpoint)
            await eventually(lambda: [one for one in lines if one["event"] == "exchange.not_kept"])
            for _ in range(2):
                await webhooks.job_client.ended(await webhooks.job_client.submit("store"))
                record = await failed_once(webhooks, endpoint)
                assert KEPT not in record.attempts[0]["about"], "not tried again so soon"
        assert [one["event"] for one in lines if one["event"].startswith(("storage.", "exchange."))] == [
            "exchange.not_kept"
        ]


async def test_after_a_pause_they_are_written_again(
    redis: ArqRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with delivering(redis, **folder_url(tmp_path)) as webhooks, Receiver("status") as receiver:
        (tmp_path / "storage" / "exchanges").write_bytes(b"in the way")
        endpoint, _ = await webhooks.subscribe(receiver.at("/status/503"))
        with capture_logs() as lines:
            await failed_once(webhooks, endpoint)
            await eventually(lambda: [one for one in lines if one["event"] == "exchange.not_kept"])
            assert KEPT not in (await failed_once(webhooks, endpoint)).attempts[0]["about"]
            (tmp_path / "storage" / "exchanges").unlink()
            monkeypatch.setattr(exchange_writer, "PAUSE_S", 0.0)
            await kept(webhooks, await failed_once(webhooks, endpoint))


async def test_a_storage_that_hangs_holds_no_delivery_up(redis: ArqRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_writer, "MOST_WAITING", 20)
    monkeypatch.setattr("worker.engine.FLUSH_S", 0.2)
    for name, value in S3Server.environment.items():
        monkeypatch.setenv(name, value)
    async with Receiver("silent") as s3, Receiver("failing", times=100) as receiver:
        place = {"storage_url": "s3://bucket", "storage_endpoint": s3.url}
        async with delivering(redis, breaker_failures=1000, **place) as webhooks:
            endpoint, _ = await webhooks.subscribe(receiver.url)
            records = await asyncio.gather(*(failed_once(webhooks, endpoint) for _ in range(40)))
            await s3.wait_for(1)
            took_ms = [record.attempts[0]["ended_at"] - record.attempts[0]["started_at"] for record in records]
            assert max(took_ms) < 2_000, "the storage gives no answer for ten seconds"
            noted = sum(record.attempts[0]["about"].get(KEPT, False) for record in records)
            assert 20 <= noted <= 28, "those that wait, and those that eight writers hold"
