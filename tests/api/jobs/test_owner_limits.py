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
