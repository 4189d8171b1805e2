"""Wrong keys are answered so often a minute; a right one is never locked out."""

import httpx
import pytest
from arq.connections import ArqRedis

from api.http.access import throttle
from api.http.access.throttle import MAX_NETWORKS, Throttle
from tasks.settings import Settings
from tests.support.api.serving import ALICE, client_of, serving


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(throttle, "monotonic", clock)
    return clock


def wait_of(limit: Throttle, address: str | None) -> int:
    """Seconds to wait; 0 if a wrong key of the address is answered."""
    refusal = limit.refusal_of(address)
    return 0 if refusal is None else refusal.retry_after_s or -1


def test_an_address_has_so_many_a_minute(clock: Clock) -> None:
    limit = Throttle(3, 1_000)
    assert [wait_of(limit, "192.0.2.1") for _ in range(5)] == [0, 0, 0, 20, 20]
    assert wait_of(limit, "192.0.2.2") == 0
    clock.now += 20
    assert [wait_of(limit, "192.0.2.1") for _ in range(2)] == [0, 20]


def test_a_network_of_ipv6_counts_as_one_address(clock: Clock) -> None:
    limit = Throttle(2, 1_000)
    assert [wait_of(limit, f"2001:db8:0:1::{n}") for n in range(3)] == [0, 0, 30]
    assert wait_of(limit, "2001:db8:0:2::1") == 0


def test_all_addresses_together_have_a_limit_and_memory_is_bounded(clock: Clock) -> None:
    limit = Throttle(3, MAX_NETWORKS + 10)
    waits = [wait_of(limit, f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}") for n in range(MAX_NETWORKS + 20)]
    assert waits == [0] * (MAX_NETWORKS + 10) + [1] * 10
    assert len(limit) == MAX_NETWORKS


async def test_a_right_key_works_from_a_throttled_address(settings: Settings, redis: ArqRedis) -> None:
    strict = settings.model_copy(update={"wrong_keys_per_minute": 2})
    async with serving(strict) as port, client_of(port, None) as client:

        async def status_of(key: str) -> httpx.Response:
            return await client.get("/v1/jobs", headers={"Authorization": f"Bearer {key}"})

        answers = [await status_of(f"wrong-key-{n}-0123456789") for n in range(4)]
        assert [answer.status_code for answer in answers] == [401, 401, 429, 429]
        assert (answers[3].json()["code"], int(answers[3].headers["retry-after"]) > 0) == ("rate_limited", True)
        assert (await status_of(ALICE)).is_success
        assert (await client.get("/v1/jobs")).status_code == 401  # without a key nothing is tried
        assert (await status_of("pr_live_" + "x" * 49)).status_code == 429
        assert (await client.get("/metrics", headers={"Authorization": "Bearer x"})).status_code in (403, 429)
