"""Endpoints of one owner that never answer: its others, and other owners, do not wait for them."""

import asyncio

from arq.connections import ArqRedis

from tests.support.receivers import Receiver
from tests.support.webhook_harness import delivering

SLOTS, HANGING, GOOD = 6, 20, 3
TIMEOUT_S = 1.5


async def test_those_that_answer_wait_for_none_of_those_that_hang(redis: ArqRedis) -> None:
    options = {"owner_max_deliveries": SLOTS, "delivery_timeout_s": TIMEOUT_S}
    loop = asyncio.get_running_loop()
    async with delivering(redis, **options) as webhooks, Receiver("silent") as hanging, Receiver() as good:
        for _ in range(GOOD):
            await webhooks.subscribe(good.url, events=["good.*"])
        await webhooks.publish("good.morning")
        await good.wait_for(GOOD)
        for number in range(HANGING):
            await webhooks.subscribe(hanging.at(f"/{number}"), events=["dead.*"])
        for _ in range(3):
            await webhooks.publish("dead.letter")
        await hanging.wait_for(SLOTS // 2)

        began = loop.time()
        for number in range(1, 11):
            await webhooks.publish("good.day")
            await good.wait_for(GOOD * (number + 1))
        waited_s = loop.time() - began
        if waited_s < TIMEOUT_S:  # else this machine was too slow to see it
            assert len(hanging.requests) <= SLOTS, "half of the owner's slots are kept"
        assert waited_s < 4 * TIMEOUT_S, "ten events in a row, none of which waited for a time-out"

        await hanging.wait_for(SLOTS + 1)
        paths = [request.path for request in hanging.requests[: 3 * SLOTS // 2]]
        assert len(set(paths)) == len(paths), "what was not tried yet goes before what timed out"
