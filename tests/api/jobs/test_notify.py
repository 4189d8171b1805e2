"""`notify`: a submit may name one URL that is told of the end of this job."""

import asyncio
import json
from urllib.parse import urlsplit

import httpx
import standardwebhooks
from arq.connections import ArqRedis

from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.webhook.notify_url import open_url
from tasks.webhook.secret_box import SecretBox
from tasks.webhook.signature import new_secret
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.pictures import PNG
from tests.support.api.specs import spec
from tests.support.api.subscribers import URL, delivering, listed
from tests.support.receivers import Receiver

BOX = SecretBox.of("k" * 32)


async def kept(redis: ArqRedis, answer: httpx.Response) -> dict[str, str] | None:
    """What the record remembers of it."""
    assert answer.status_code == 202, answer.text
    assert "notify" not in answer.text
    found = await redis.hget(JOB + answer.json()["id"], "notify")
    remembered: dict[str, str] | None = json.loads(found) if found else None
    return remembered


async def upload(alice: httpx.AsyncClient) -> str:
    upload_id: str = (await alice.post("/v1/uploads", content=PNG)).json()["id"]
    return upload_id


async def test_every_submit_takes_an_address(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    files = {"file": ("a.png", PNG)}
    answers = (
        await alice.post("/v1/images", content=PNG, params={"notify": URL}),
        await alice.post("/v1/images", files=files, params={"notify": URL}),
        await alice.post("/v1/images", files=files, data={"notify": URL}),
        await alice.post("/v1/images", files=files, data={"variants": "avatar", "notify": f'{{"url": "{URL}"}}'}),
        await alice.post("/v1/images", json={"upload": await upload(alice), "notify": URL}),
        await alice.post("/v1/images", json={"upload": await upload(alice), "notify": {"url": URL}}),
        await alice.post("/v1/reports", json=spec(), params={"notify": URL}),
        await alice.post(
            "/v1/reports", content=b"a\n1\n", headers={"Content-Type": "text/csv"}, params={"notify": URL}
        ),
    )
    for answer in answers:
        remembered = await kept(redis, answer)
        assert remembered is not None
        assert open_url(remembered["url"], BOX) == URL
    assert await kept(redis, await alice.post("/v1/images", content=PNG)) is None


async def test_notify_may_stand_in_the_body_or_a_header_of_every_submit(
    alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    header, event = {"Pressroom-Notify": URL}, {"type": "order.paid", "data": {}}
    for answer in (
        await alice.post("/v1/images", content=PNG, headers=header),
        await alice.post("/v1/images", files={"file": ("a.png", PNG)}, headers=header),
        await alice.post("/v1/images", json={"upload": await upload(alice)}, headers=header),
        await alice.post("/v1/reports", json=spec(), headers=header),
        await alice.post("/v1/reports", json={**spec(), "notify": {"url": URL}}),
        await alice.post("/v1/reports", content=b"a\n1\n", headers={"Content-Type": "text/csv"} | header),
        await alice.post("/v1/events", json=event, headers=header),
        await alice.post("/v1/events", json={**event, "notify": URL}),
        await alice.post("/v1/batches", headers=header),
    ):
        remembered = await kept(redis, answer)
        assert remembered is not None
        assert open_url(remembered["url"], BOX) == URL
    twice = await alice.post("/v1/events", json={**event, "notify": f"{URL}/b"}, headers=header)
    assert (twice.status_code, twice.json()["field"]) == (422, "notify")


async def test_a_secret_of_it_is_sealed(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    secret = new_secret()
    notify = json.dumps({"url": URL, "secret": secret})
    for answer in (
        await alice.post("/v1/images", content=PNG, params={"notify": notify}),
        await alice.post("/v1/reports", json=spec(), params={"notify": notify}),
    ):
        remembered = await kept(redis, answer)
        assert remembered is not None
        assert secret[6:] not in remembered["secret"]
        assert BOX.open(remembered["secret"], "notify") == secret


async def test_a_token_in_the_url_is_sealed(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    url = f"{URL}?token=t0ken&x"
    answer = await alice.post("/v1/images", content=PNG, params={"notify": url})
    remembered = await kept(redis, answer)
    assert remembered is not None
    assert "t0ken" not in str(remembered)
    assert urlsplit(remembered["url"]).hostname == "127.0.0.1"  # workers of an earlier version name the lane by it
    assert open_url(remembered["url"], BOX) == url
    every_key = [key async for key in redis.scan_iter("*")]
    assert every_key
    for key in every_key:
        assert b"t0ken" not in (await redis.dump(key) or b"")


async def test_of_a_form_with_several_files_the_end_of_the_batch_is_told(
    alice: httpx.AsyncClient, redis: ArqRedis
) -> None:
    files = [("file", ("a.png", PNG)), ("file", ("b.png", PNG + b"b"))]
    batch = (await alice.post("/v1/images", files=files, data={"notify": URL})).json()
    assert await redis.hget(JOB + batch["batch"], "notify") is not None
    assert [await redis.hget(JOB + job["id"], "notify") for job in batch["jobs"]] == [None, None]


async def test_the_same_content_is_the_same_job_whoever_is_to_be_told(alice: httpx.AsyncClient) -> None:
    answers = [
        await alice.post("/v1/images", content=PNG, params=query, headers={"Idempotency-Key": "k"})
        for query in ({"notify": URL}, {"notify": URL + "2"}, {})
    ]
    assert [answer.status_code for answer in answers] == [202, 200, 200]


BAD: dict[str, tuple[str, str, str]] = {
    "a private address": ("http://10.0.0.1/", "address_refused", "notify.url"),
    "another scheme": ("ftp://example.com/", "invalid_url", "notify.url"),
    "nothing": ("", "invalid_url", "notify.url"),
    "half an object": ('{"url": ', "invalid_request", "notify"),
    "no address": ("{}", "invalid_request", "notify.url"),
    "an unknown member": (f'{{"url": "{URL}", "events": []}}', "invalid_request", "notify.events"),
    "a short secret": (f'{{"url": "{URL}", "secret": "whsec_MTIz"}}', "invalid_secret", "notify.secret"),
}


async def test_what_is_wrong_is_named_and_nothing_is_made(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    upload_id = await upload(alice)
    for bad, (notify, code, field) in BAD.items():
        answers = [
            await alice.post("/v1/images", content=PNG, params={"notify": notify}),
            await alice.post("/v1/images", files={"file": ("a.png", PNG)}, data={"notify": notify}),
            await alice.post("/v1/reports", json=spec(), params={"notify": notify}),
        ]
        if bad != "half an object":
            member = json.loads(notify) if notify.startswith("{") else notify
            answers.append(await alice.post("/v1/images", json={"upload": upload_id, "notify": member}))
        for answer in answers:
            problem = answer.json()
            assert (answer.status_code, problem["code"], problem["field"]) == (422, code, field), (bad, answer.url)
            assert bad != "half an object" or problem["detail"].startswith("notify: The text is not valid JSON")
    assert [key async for key in redis.scan_iter(JOB + "*")] == []


async def test_a_form_has_it_once(alice: httpx.AsyncClient) -> None:
    files = {"file": ("a.png", PNG)}
    answer = await alice.post("/v1/images", files=files, data={"notify": [URL, URL]})
    assert (answer.status_code, answer.json()["field"]) == (422, "notify")
    answer = await alice.post("/v1/images", files=files, data={"notfy": URL})
    assert (answer.status_code, answer.json()["field"]) == (422, "notfy")


async def test_the_end_is_told_signed_with_links_and_without_a_subscription(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, worker: ManualWorker, receiver: Receiver
) -> None:
    secret = new_secret()
    notify = json.dumps({"url": receiver.at("/once"), "secret": secret})
    jobs = [
        (await alice.post("/v1/images", content=PNG, params={"notify": told})).json()
        for told in (notify, receiver.at("/plain"))
    ]
    for job in jobs:
        await worker.end(job["id"])
    async with delivering(redis, settings):
        requests = {request.path: request for request in await receiver.wait_for(2)}
        deliveries = await listed(alice, 2, state="succeeded")
    told = standardwebhooks.Webhook(secret).verify(requests["/once"].body.decode(), requests["/once"].headers)
    assert (told["type"], told["data"]["id"]) == ("job.succeeded", jobs[0]["id"])
    assert told["data"]["links"]["self"] == jobs[0]["links"]["self"]
    assert "webhook-signature" not in requests["/plain"].headers
    assert {delivery["endpoint"] for delivery in deliveries} == {"notify"}
    again = await alice.post(f"/v1/deliveries/{deliveries[0]['id']}/redelivery")
    assert again.status_code == 202
    async with delivering(redis, settings), asyncio.timeout(10):
        assert len(await receiver.wait_for(3)) == 3
        await listed(alice, 2, state="succeeded")


async def test_the_same_may_be_said_in_the_header_and_in_the_body(alice: httpx.AsyncClient, redis: ArqRedis) -> None:
    said = {"url": URL, "secret": new_secret()}
    body = {"upload": await upload(alice), "notify": said}
    answer = await alice.post("/v1/images", json=body, headers={"Pressroom-Notify": json.dumps(said)})
    remembered = await kept(redis, answer)
    assert remembered is not None
    assert open_url(remembered["url"], BOX) == URL
    assert BOX.open(remembered["secret"], "notify") == said["secret"]
    other = await alice.post("/v1/images", json=body, headers={"Pressroom-Notify": URL})
    assert (other.status_code, other.json()["field"]) == (422, "notify")
