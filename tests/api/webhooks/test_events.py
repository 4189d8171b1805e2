"""POST /v1/events: what is taken, what is refused, and what its job tells."""

import asyncio
import json
from typing import Any

import httpx
import pytest
import standardwebhooks
from arq.connections import ArqRedis

from api.jobs.views import Job
from tasks.queue.records.list import read
from tasks.queue.redis_keys import JOB, PROCESSES
from tasks.settings import Settings
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.subscribers import delivering, listed, publish, subscribe
from tests.support.receivers import Receiver

EVENT: dict[str, Any] = {"type": "order.paid", "data": {"order": 4711}}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"max_event_bytes": 40_000, "max_params_bytes": 1_000})


async def test_an_event_becomes_a_job(alice: httpx.AsyncClient, redis: ArqRedis, port: int) -> None:
    answer = await alice.post("/v1/events", json=EVENT)
    job = Job.model_validate_json(answer.content)
    assert (answer.status_code, answer.headers["Location"]) == (202, f"/v1/jobs/{job.id}")
    assert (job.kind, job.queue, job.name, job.state) == ("event", "default", "order.paid", "queued")
    assert (job.params, job.deliveries) == (EVENT, {})
    assert await redis.hget(JOB + job.id, "address") == f"http://127.0.0.1:{port}".encode()


async def test_its_data_reaches_the_subscribers_as_it_was_sent_and_signed(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    made = await subscribe(alice, receiver.at("/hook"), "order.*", headers={"X-Team": "billing"})
    await subscribe(alice, receiver.at("/other"), "invoice.*")
    await subscribe(bob, receiver.at("/bob"))
    data: dict[str, Any] = {
        "text": "Grüße, 日本",
        "none": None,
        "empty": {},
        "list": [],
        "large": 2**70,
        "tenth": 0.1,
        "id": "</script>",
    }
    async with delivering(redis, settings):
        event_id = await publish(alice, **data)
        [request] = await receiver.wait_for(1)
        job = (await alice.get(f"/v1/jobs/{event_id}?wait=10")).json()
        [delivery] = await listed(alice, 1, event=event_id, state="succeeded")
    assert (request.method, request.path, request.headers["x-team"]) == ("POST", "/hook", "billing")
    assert request.headers["webhook-id"] == event_id
    told = standardwebhooks.Webhook(made["secret"]).verify(request.body.decode(), request.headers)
    assert (told["type"], told["data"]) == ("order.paid", data)
    assert (job["state"], job["result"]) == ("succeeded", {"deliveries": 1})
    assert (await alice.get(f"/v1/jobs/{event_id}")).json()["deliveries"] == {"succeeded": 1}
    assert (delivery["endpoint"], delivery["type"]) == (made["id"], "order.paid")
    assert len(receiver.requests) == 1


async def test_data_pass_through_byte_for_byte(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    """A receiver of money compares what it gets with what was sent, and not what a parser has made of both."""
    data = (
        '{"z": 12.50, "a": [1E2, -0.0, 1.0, 123456789012345678901234567890, 0.1000000000000000055511151231257827],'
        ' "text": "\\u00e9 é \\/ \\" \\\\ \u2028", "none": null,  "A":{ "b" : 1e-7 } }'
    )
    json_type = {"Content-Type": "application/json"}
    made = await subscribe(alice, receiver.at("/hook"), "a")
    async with delivering(redis, settings):
        for text in (f'{{"type": "a", "data": {data}}}', f'{{"data":{data}, "channel": "c", "type":"a"}}'):
            event = await alice.post("/v1/events", content=text, headers=json_type)
            assert event.status_code == 202, event.text
            path = f"/v1/jobs/{event.json()['id']}"
            assert f'"data":{data}' in event.text
            assert f'"data":{data}' in (await alice.get(f"{path}?wait=20")).text
            assert f'"data":{data}' in (await alice.get("/v1/jobs?kind=event")).text
        requests = await receiver.wait_for(2)
    for request in requests:
        standardwebhooks.Webhook(made["secret"]).verify(request.body.decode(), request.headers)
        assert request.body.decode().endswith(f',"data":{data}}}')
    schedule = f'{{"cron": "0 6 * * *", "job": {{"kind": "event", "type": "a", "data": {data}}}}}'
    scheduled = (await alice.post("/v1/schedules", content=schedule, headers=json_type)).raise_for_status()
    assert f'"data":{data}' in scheduled.text


async def test_data_may_be_any_json_value(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    await subscribe(alice, receiver.at("/hook"), "a")
    values: list[Any] = [[{"order": 1}, []], [], "text", 12.5, True, None, {}]
    async with delivering(redis, settings):
        for number, value in enumerate(values):
            event = {"type": "a", "data": value, "id": f"event-{number}"}
            answers = [await alice.post("/v1/events", json=event) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [202, 200]
            assert answers[1].json()["params"]["data"] == value
        await receiver.wait_for(len(values))
    sent = {request.headers["webhook-id"]: json.loads(request.body)["data"] for request in receiver.requests}
    assert sorted(map(json.dumps, sent.values())) == sorted(map(json.dumps, values))


async def test_an_event_with_a_channel_reaches_its_endpoints_and_those_without_one(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    for path, channel in (("/all", None), ("/mine", "customer-1"), ("/other", "customer-2")):
        await subscribe(alice, receiver.at(path), channel=channel)
    answer = await alice.post("/v1/events", json={**EVENT, "channel": "customer-1"})
    assert answer.json()["params"] == {**EVENT, "channel": "customer-1"}
    async with delivering(redis, settings):
        requests = await receiver.wait_for(2)
        assert (await alice.get(f"/v1/jobs/{answer.json()['id']}?wait=10")).json()["result"] == {"deliveries": 2}
    assert {request.path for request in requests} == {"/all", "/mine"}
    assert {json.loads(request.body)["channel"] for request in requests} == {"customer-1"}


async def test_the_same_id_is_the_same_event(alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    first = await alice.post("/v1/events", json={**EVENT, "id": "paid-4711"})
    again = await alice.post("/v1/events", json={**EVENT, "id": "paid-4711"}, headers={"Idempotency-Key": "k"})
    other = await alice.post("/v1/events", json={**EVENT, "id": "paid-4712"})
    theirs = await bob.post("/v1/events", json={**EVENT, "id": "paid-4711"})
    assert [answer.status_code for answer in (first, again, other, theirs)] == [202, 200, 202, 202]
    assert again.json()["id"] == first.json()["id"]
    assert len({answer.json()["id"] for answer in (first, other, theirs)}) == 3
    changed = await alice.post("/v1/events", json={**EVENT, "data": {}, "id": "paid-4711"})
    assert (changed.status_code, changed.json()["code"], changed.json()["field"]) == (422, "key_reused", "id")


async def test_the_same_event_may_be_written_in_another_order(alice: httpx.AsyncClient) -> None:
    texts = (
        '{"id": "paid-1", "type": "order.paid", "data": {"order": 1, "of": {"a": 1, "b": [2, 3]}}}',
        '{"data":{"of":{"b":[2,3],"a":1},"order":1},"type":"order.paid","id":"paid-1"}',
    )
    answers = [await alice.post("/v1/events", content=text) for text in texts]
    assert [answer.status_code for answer in answers] == [202, 200]
    assert len({answer.json()["id"] for answer in answers}) == 1


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("1", "1.0", True),
        ("12.50", "12.5", True),
        ("1000", "1e3", True),
        ("-0.0", "0", True),
        ("1e-9999999999999999999999", "0", True),
        ("[1, 20]", "[1.00, 2e1]", True),
        ("1", "true", False),
        ("1", '"1"', False),
        ("100", "10", False),
        ("-1", "1", False),
    ],
)
async def test_a_number_may_be_written_in_another_way(
    alice: httpx.AsyncClient, first: str, second: str, same: bool
) -> None:
    answers = [
        await alice.post(
            "/v1/events",
            content=f'{{"type": "order.paid", "id": "1", "data": {{"amount": {amount}}}}}',
            headers={"Content-Type": "application/json"},
        )
        for amount in (first, second)
    ]
    assert [answer.status_code for answer in answers] == [202, 200 if same else 422]


async def test_an_id_is_no_idempotency_key_but_the_header_is_one(alice: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "paid-4711"}
    by_id = await alice.post("/v1/events", json={**EVENT, "id": "paid-4711"})
    by_key = await alice.post("/v1/events", json=EVENT, headers=key)
    again = await alice.post("/v1/events", json=EVENT, headers=key)
    assert [answer.status_code for answer in (by_id, by_key, again)] == [202, 202, 200]
    assert by_id.json()["id"] != by_key.json()["id"] == again.json()["id"]
    changed = await alice.post("/v1/events", json={**EVENT, "data": {}}, headers=key)
    assert (changed.json()["code"], changed.json()["field"]) == ("key_reused", "Idempotency-Key")


async def test_many_at_once_with_one_id_are_one_event(alice: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(alice.post("/v1/events", json={**EVENT, "id": "once"}) for _ in range(8)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [202]


async def test_an_event_may_be_longer_than_other_jobs_params(alice: httpx.AsyncClient) -> None:
    text = "é" * 19_900  # two bytes each
    answer = await alice.post("/v1/events", json={"type": "a", "data": {"text": text}})
    assert (answer.status_code, answer.json()["params"]["data"]["text"]) == (202, text)
    answer = await alice.post("/v1/events", json={"type": "a", "data": {"text": text + "é" * 100}})
    assert (answer.status_code, answer.json()["code"], answer.json()["limit"]) == (413, "too_large", 40_000)
    numbers = "1e5," * 9_900 + "1"
    answer = await alice.post("/v1/events", content='{"type":"a","data":{"n":[' + numbers + "]}}")
    assert (answer.status_code, numbers in answer.text) == (202, True)


BAD: dict[str, tuple[bytes, str]] = {
    "no type": (b'{"data": {}}', "type"),
    "no data": (b'{"type": "a"}', "data"),
    "an empty part": (b'{"type": "a..b", "data": {}}', "type"),
    "a star": (b'{"type": "a.*", "data": {}}', "type"),
    "a line's end": (b'{"type": "a\\n", "data": {}}', "type"),
    "a long type": (b'{"type": "%s", "data": {}}' % (b"a" * 101), "type"),
    "our type": (b'{"type": "job.succeeded", "data": {}}', "type"),
    "our first part": (b'{"type": "endpoint", "data": {}}', "type"),
    "an empty id": (b'{"type": "a", "data": {}, "id": ""}', "id"),
    "a long id": (b'{"type": "a", "data": {}, "id": "%s"}' % (b"a" * 256), "id"),
    "a channel with a space": (b'{"type": "a", "data": {}, "channel": "a b"}', "channel"),
    "an endpoint": (b'{"type": "a", "data": {}, "endpoint": "x"}', "endpoint"),
    "not a number": (b'{"type": "a", "data": {"n": NaN}}', "body"),
    "too large a number": (b'{"type": "a", "data": {"n": 1e999}}', "data"),
    "a depth bomb": (b'{"type": "a", "data": {"n": %s' % (b"[" * 5_000), "body"),
    "half a character": (b'{"type": "a", "data": {"n": "\\udc00"}}', "body"),
}


async def test_what_is_wrong_is_named_and_nothing_is_made(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    for bad, (body, field) in BAD.items():
        answer = await alice.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["field"]) == (422, "invalid_request", field), bad
    assert {key async for key in redis.scan_iter("*")} <= {PROCESSES.encode()}


async def test_deep_data_is_read_back_whole(alice: httpx.AsyncClient) -> None:
    body = b'{"type": "a", "data": {"n": %s%s}}' % (b"[" * 150, b"]" * 150)
    answer = await alice.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202
    assert (await alice.get(f"/v1/jobs/{answer.json()['id']}")).json()["params"] == json.loads(body)


async def test_events_are_listed_among_ones_jobs_and_nobody_elses(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    event_id = await publish(alice)
    assert [job["id"] for job in (await alice.get("/v1/jobs?kind=event")).json()["jobs"]] == [event_id]
    assert (await bob.get(f"/v1/jobs/{event_id}")).status_code == 404
    assert (await bob.get("/v1/jobs")).json() == {"jobs": []}


async def test_the_end_of_a_job_is_told_with_links_that_lead_back(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, worker: ManualWorker, receiver: Receiver
) -> None:
    await subscribe(alice, receiver.at("/hook"), "job.*")
    job = (await alice.post("/v1/images", content=PNG)).json()
    await worker.end(job["id"], "failed", error=("truncated", "The file ends before the picture does."))
    async with delivering(redis, settings):
        [request] = await receiver.wait_for(1)
        [delivery] = await listed(alice, 1, state="succeeded")
    told = json.loads(request.body)
    assert (told["type"], told["data"]["id"], told["data"]["kind"]) == ("job.failed", job["id"], "thumbnail")
    assert told["data"]["error"]["code"] == "truncated"
    assert told["data"]["links"]["self"] == job["links"]["self"]
    assert (await alice.get(told["data"]["links"]["self"])).json()["state"] == "failed"
    assert delivery["type"] == "job.failed"
    event = await read(redis, delivery["event"])
    assert event is not None
    assert event.owner == "alice"
