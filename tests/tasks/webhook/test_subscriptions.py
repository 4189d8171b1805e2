"""Which events an endpoint is told of: its places among the subscribers."""

import json

from arq.connections import ArqRedis

from tasks.queue.redis_keys import ENDPOINT, SUBSCRIBERS
from tasks.settings import Settings
from tasks.webhook.endpoint_record import EndpointRecord
from tasks.webhook.endpoints import Endpoints
from tasks.webhook.secret_box import SecretBox
from tests.tasks.webhook.test_endpoints import URL, made, told


async def scores(redis: ArqRedis, endpoint: EndpointRecord) -> dict[str, float]:
    """The subscriptions of an endpoint, and its scores there."""
    prefix = f"{SUBSCRIBERS}{endpoint.owner}:"
    keys = [key.decode() async for key in redis.scan_iter(prefix + "*")]
    found = {key.removeprefix(prefix): await redis.zscore(key, endpoint.id) for key in keys}
    return {subscription: score for subscription, score in found.items() if score is not None}


async def subscribed(redis: ArqRedis, endpoint: EndpointRecord) -> set[str]:
    """The subscriptions by which an enabled endpoint is told."""
    found = await scores(redis, endpoint)
    assert set(found.values()) <= {0}
    return set(found)


async def test_they_follow_what_was_asked_for(redis: ArqRedis, endpoints: Endpoints) -> None:
    endpoint = await made(endpoints, "job.*", "order.paid")
    assert await subscribed(redis, endpoint) == {"job.*", "order.paid"}
    await endpoints.change("dev", endpoint.id, {"events": ["order.paid", "*"]})
    assert await subscribed(redis, endpoint) == {"order.paid", "*"}
    await endpoints.change("dev", endpoint.id, {"description": "no word of events"})
    assert await subscribed(redis, endpoint) == {"order.paid", "*"}


async def test_those_of_a_disabled_endpoint_are_marked(redis: ArqRedis, endpoints: Endpoints) -> None:
    endpoint = await made(endpoints, "a", enabled=False)
    assert (endpoint.enabled, endpoint.disabled_reason) == (False, "owner")
    assert await scores(redis, endpoint) == {"a": -1}
    await endpoints.change("dev", endpoint.id, {"events": ["b"], "channel": "x"})
    assert await scores(redis, endpoint) == {"b#x": -1}
    await endpoints.enable("dev", endpoint.id)
    assert await subscribed(redis, endpoint) == {"b#x"}
    await endpoints.change("dev", endpoint.id, {"enabled": False, "events": ["c"], "channel": None})
    assert await scores(redis, endpoint) == {"c": -1}
    await endpoints.change("dev", endpoint.id, {"enabled": False, "events": ["d"]})
    assert await scores(redis, endpoint) == {"d": -1}
    await endpoints.change(
        "dev", endpoint.id, {"enabled": True, "filters": [{"field": "type", "is": "d"}], "events": ["d", "e"]}
    )
    assert await scores(redis, endpoint) == {"d": 1, "e": 1}
    await endpoints.delete("dev", endpoint.id)
    assert await scores(redis, endpoint) == {}


async def test_a_disabled_endpoint_has_none_where_nothing_is_kept_for_it(
    redis: ArqRedis, settings: Settings, box: SecretBox
) -> None:
    endpoints = Endpoints(redis, settings.model_copy(update={"keep_missed_s": 0}), box)
    endpoint = await made(endpoints, "a", enabled=False)
    assert await scores(redis, endpoint) == {}
    await endpoints.enable("dev", endpoint.id)
    assert await subscribed(redis, endpoint) == {"a"}
    await endpoints.disable(endpoint.id, "gone")
    assert await scores(redis, endpoint) == {}


async def test_the_times_in_which_it_was_disabled_are_noted(redis: ArqRedis, endpoints: Endpoints) -> None:
    endpoint = await made(endpoints, "a")
    assert (await endpoints.enable("dev", endpoint.id)).disabled_times == ()
    for number in range(25):
        await endpoints.disable(endpoint.id, "gone")
        await redis.hset(ENDPOINT + endpoint.id, "disabled_at", number)
        times = (await endpoints.enable("dev", endpoint.id)).disabled_times
    assert [since for since, _ in times] == [0, *range(6, 25)], "the oldest became one long time"
    assert all(until > 1_700_000_000_000 for _, until in times)
    await endpoints.disable(endpoint.id, "gone")
    old = [[1, 2], [3, times[-1][1]]]
    await redis.hset(ENDPOINT + endpoint.id, "disabled_times", json.dumps(old))
    assert len((await endpoints.enable("dev", endpoint.id)).disabled_times) == 2, "what is kept no more is left out"


async def test_an_announcement_reaches_those_that_asked(redis: ArqRedis, endpoints: Endpoints) -> None:
    other, watcher = await made(endpoints, "order.paid"), await made(endpoints, "endpoint.*")
    assert await endpoints.disable(other.id, "gone")
    data = {"endpoint": other.id, "url": URL, "reason": "gone"}
    assert await told(redis) == [{"type": "endpoint.disabled", "data": data}]
    await endpoints.disable(watcher.id, "owner")
    assert len(await told(redis)) == 1, "the disabled endpoint is no subscriber, and there is no other"
