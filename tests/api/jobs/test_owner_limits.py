"""One owner fills a queue: nobody else notices."""

import asyncio

from tasks.settings import Settings
from tests.support.api.pictures import PNG
from tests.support.api.serving import BOB, client_of, serving

WAITING = 40


async def test_an_owners_delayed_events_shut_no_queue_for_others_nor_the_way_to_clear_it(
    settings: Settings,
) -> None:
    settings = settings.model_copy(update={"max_waiting_jobs": WAITING, "admins": ("bob",)})
    async with serving(settings) as port, client_of(port) as alice, client_of(port, BOB) as bob:
        events = [
            alice.post("/v1/events?delay=3600", json={"type": "order.paid", "data": {"n": n}}) for n in range(WAITING)
        ]
        answers = await asyncio.gather(*events)
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) == WAITING - WAITING // 4
        assert {answer.json()["code"] for answer in refused} == {"owner_queue_full"}
        assert all(int(answer.headers["Retry-After"]) > 0 for answer in refused)

        assert (await bob.post("/v1/events", json={"type": "order.paid", "data": {}})).status_code == 202
        assert (await bob.post("/v1/images", content=PNG)).status_code == 202
        assert (await bob.post("/v1/cleanup", json={})).status_code == 202
        assert (await alice.post("/v1/jobs/cancellation", json={"all": True})).status_code == 202


async def test_what_is_over_a_rate_is_told_when_to_come_again(settings: Settings) -> None:
    rates = {"owner_deliveries_per_minute": 2, "owner_runs_per_minute": 1, "owner_schedules_per_minute": 1}
    event = {"type": "order.paid", "data": {}}
    schedule = {"cron": "0 0 1 1 *", "job": {"kind": "event", **event}, "overlap": "allow"}
    async with (
        serving(settings.model_copy(update=rates)) as port,
        client_of(port) as alice,
        client_of(port, BOB) as bob,
    ):
        paths: list[str] = []
        for client in (alice, bob):
            made = await client.post("/v1/schedules", json=schedule)
            assert made.status_code == 201, "each owner has a rate of its own"
            paths.append(made.headers["Location"])
        assert (await alice.post(f"{paths[0]}/runs")).status_code == 202
        over: dict[tuple[str, str], object] = {
            ("/v1/schedules", "1 schedules per minute"): schedule,
            (f"{paths[0]}/runs", "1 runs of schedules per minute"): None,
            ("/v1/events", "2 deliveries per minute"): event,
        }
        assert (await alice.post("/v1/events", json=event)).status_code == 202, "the run was the first delivery"
        for (url, said), body in over.items():
            answer = await alice.post(url, json=body)
            assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited"), answer.text
            assert said in answer.json()["detail"]
            assert 0 < int(answer.headers["Retry-After"]) <= 60
        for client, path in zip((alice, bob), paths, strict=True):
            assert (await client.delete(path)).status_code == 204
