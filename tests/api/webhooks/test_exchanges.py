"""`/v1/deliveries/{id}/attempts/{number}/exchange`: what a failed attempt sent, and what came back."""

import time
from pathlib import Path
from typing import Any

import httpx
from arq.connections import ArqRedis

from tasks.maintenance.exchanges import delete_exchanges
from tasks.queue.redis_keys import JOB
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tests.support.api.subscribers import delivering, listed, publish, subscribe
from tests.support.eventually import eventually
from tests.support.receivers import Receiver


async def one_failed(client: httpx.AsyncClient) -> dict[str, Any]:
    """The delivery of a new event, once its first attempt has failed."""
    event = await publish(client, number="2026-0042")
    [delivery] = await listed(client, 1, event=event, state="retrying")
    return delivery


async def test_what_was_sent_and_answered_is_shown_without_secrets(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    await subscribe(alice, receiver.at("/echoing/?token=0123456789"), headers={"X-Gateway": "a-gateway-token"})
    async with delivering(redis, settings):
        delivery = await one_failed(alice)
        [attempt] = delivery["attempts"]
        path = f"/v1/deliveries/{delivery['id']}/attempts/1/exchange"
        assert attempt["exchange"].endswith(path)
        answer = await eventually(lambda: alice.get(attempt["exchange"]), lambda seen: seen.status_code == 200)
    shown = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert shown["delivery"] == delivery["id"]
    assert shown["attempt"] == attempt, "with its timing and error"
    assert shown["links"] == {"self": attempt["exchange"]}
    request, response = shown["request"], shown["response"]
    assert (request["method"], request["url"]) == ("POST", receiver.at("/echoing/?token=***"))
    assert (request["headers"]["x-gateway"], request["headers"]["webhook-signature"]) == ("***", "***")
    assert request["headers"]["webhook-id"] == delivery["event"]
    assert '"data":{"number":"2026-0042"}' in request["body"]["text"]
    assert (response["status"], response["headers"]["set-cookie"]) == (500, "***")
    assert not response["body"]["truncated"]
    assert "a-gateway-token" not in answer.text
    assert "0123456789" not in response["body"]["text"]


async def test_what_is_not_kept_says_what_to_do(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver
) -> None:
    await subscribe(alice, receiver.at("/fast"))
    await subscribe(alice, receiver.at("/status/503"), "order.lost")
    async with delivering(redis, settings.model_copy(update={"keep_exchange_bytes": 0})):
        event = await publish(alice)
        [good] = await listed(alice, 1, event=event, state="succeeded")
        await publish(alice, "order.lost")
        [bad] = await listed(alice, 1, state="retrying")
    assert "exchange" not in good["attempts"][0]
    assert "exchange" not in bad["attempts"][0]

    async def detail(delivery: dict[str, Any], number: int | str, status: int = 404) -> str:
        answer = await alice.get(f"/v1/deliveries/{delivery['id']}/attempts/{number}/exchange")
        assert answer.status_code == status, answer.text
        problem = answer.json()
        assert (problem["code"], problem["field"]) == ("not_found" if status == 404 else "invalid_request", "number")
        told: str = problem["detail"]
        return told

    assert "has not failed: it is succeeded" in await detail(good, 1)
    assert "has no attempt 2" in await detail(good, 2)
    assert "KEEP_EXCHANGE_BYTES is 0" in await detail(bad, 1)
    for number in ("0", "x", "1000001"):
        await detail(bad, number, 422)
    path = f"/v1/deliveries/{bad['id']}/attempts/1/exchange"
    assert (await bob.get(path)).json()["detail"] == f"Delivery '{bad['id']}' was not found."
    assert (await alice.get(f"/v1/deliveries/{event}/attempts/1/exchange")).status_code == 404


async def test_it_goes_with_its_delivery(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    await subscribe(alice, receiver.at("/gone"))
    async with delivering(redis, settings):
        for number in range(2):
            await publish(alice)
            deliveries = await listed(alice, number + 1, state="failed")
            await alice.patch(f"/v1/endpoints/{deliveries[0]['endpoint']}", json={"enabled": True})
    first, second = deliveries
    files = tmp_path / "storage" / "exchanges"
    assert len(list(files.glob("*/*"))) == 2
    assert (await alice.delete(f"/v1/jobs/{first['id']}")).status_code == 204
    assert (await alice.get(first["attempts"][0]["exchange"])).status_code == 404
    assert await delete_exchanges(redis, open_storage(settings), until=time.monotonic() + 9) == 1
    assert [path.name for path in files.glob("*/*")] == [f"{second['id']}-1.json"]

    await redis.hset(JOB + second["id"], "expires_at", 1)
    assert (await alice.get(second["attempts"][0]["exchange"])).json()["code"] == "expired"


async def test_a_storage_that_lost_it_or_is_away_is_told_from_another(
    alice: httpx.AsyncClient, redis: ArqRedis, settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    await subscribe(alice, receiver.at("/status/503"))
    async with delivering(redis, settings):
        [attempt] = (await one_failed(alice))["attempts"]
    for path in (tmp_path / "storage").rglob("*.json"):
        path.unlink()
    assert "was not kept" in (await alice.get(attempt["exchange"])).json()["detail"]
    (tmp_path / "storage").rename(tmp_path / "elsewhere")
    (tmp_path / "storage").write_bytes(b"in the way")
    answer = await alice.get(attempt["exchange"])
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
