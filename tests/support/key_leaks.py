"""What a test may leave in Redis: no key outlives its use, and the counters of lanes and queues agree with the records.

The rules are the last column of the table in `tasks/queue/redis_keys.py`, for keys that have no time to live.
"""

import json
from collections import Counter
from collections.abc import Awaitable, Callable

from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss, job_key_prefix

from api.operations.prometheus import COUNTED
from tasks.maintenance.alerts import NAMES as ALERT_NAMES
from tasks.queue.account_keys import API_KEY, API_KEYS, OWNER, OWNERS, STORED, SUSPENDED
from tasks.queue.application_keys import FUNCTION_KINDS
from tasks.queue.lanes.stats import LIVE
from tasks.queue.queues.queue_keys import MADE_QUEUES
from tasks.queue.records.record import State
from tasks.queue.redis_keys import (
    AFTER,
    ALERTS,
    BACKLOG,
    COUNTS,
    DESTINATIONS,
    DISABLED,
    ENDPOINT,
    ENDPOINTS,
    FAILING,
    FULL,
    HISTORY,
    INSTALLATION,
    JOB,
    JOBS,
    LANE,
    OWNER_CAPPED,
    PARKED,
    PRESETS,
    QUEUE,
    QUEUES,
    RUNS,
    RUNS_KEPT,
    SCHEDULE,
    SCHEDULES,
    SERVICE_TURNS,
    SUBSCRIBERS,
    SUSPECTS,
    TURNS,
    UNANSWERED_LANES,
    UNPACKED,
    WAKE,
    WAKE_CAP,
    WORKERS,
    arq_queue,
)

Rule = Callable[[str], Awaitable[str | None]]


async def key_leaks(redis: ArqRedis) -> list[str]:
    """A sentence for each key without a time to live that its rule does not allow."""
    rules = KeyRules(redis)
    await rules.read()
    keys = [key async for key in redis.scan_iter(count=1000)]
    async with redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.ttl(key)
        lifetimes = await pipe.execute()
    lasting = [key.decode(errors="surrogateescape") for key, left in zip(keys, lifetimes, strict=True) if left == -1]
    return [f"{key}: {wrong}" for key in lasting if (wrong := await rules.wrong(key))]


class KeyRules:
    """The rules, and what they go by: the live jobs, and how many of them run in each lane."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._live: dict[bytes, State] = {}
        self._running: Counter[str] = Counter()
        self._states: Counter[tuple[str, str]] = Counter()
        timers = sorted(map(arq_queue, QUEUES), key=len, reverse=True)  # one name is the beginning of the others
        self._rules: dict[str, Rule] = {
            JOB: self._record,
            API_KEY: _nothing,
            API_KEYS: _nothing,
            JOBS: _nothing,
            AFTER: self._after,
            ENDPOINT: self._endpoint,
            ENDPOINTS: self._endpoints,
            SUBSCRIBERS: self._subscribers,
            SCHEDULE: self._schedule,
            SCHEDULES: self._schedules,
            RUNS: self._runs,
            QUEUE: self._queue,
            MADE_QUEUES: _nothing,
            FUNCTION_KINDS: _nothing,
            TURNS: self._turns,
            SERVICE_TURNS: self._turns,
            FULL: self._full,
            FAILING: self._endpoint_index,
            DISABLED: self._endpoint_index,
            COUNTS: self._counts,
            OWNERS: self._owners,
            OWNER: self._owner,
            SUSPENDED: self._suspended,
            STORED: _nothing,
            ALERTS: self._alerts,
            PARKED: self._parked,
            LANE: self._lane,
            OWNER_CAPPED: self._standing_back,
            UNANSWERED_LANES: self._unanswered_lanes,
            BACKLOG: self._waiting,
            SUSPECTS: self._waiting,
            WAKE: self._wake,
            INSTALLATION: _nothing,
            DESTINATIONS: _nothing,
            PRESETS: _nothing,
            HISTORY: _nothing,
            UNPACKED: _nothing,
            WORKERS: _nothing,
            abort_jobs_ss: _nothing,
            **dict.fromkeys(timers, self._timers),
        }

    async def read(self) -> None:
        keys = [key async for key in self._redis.scan_iter(match=f"{JOB}*", count=1000)]
        async with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hmget(key, "state", "queue", "lane", "kind")
            records = await pipe.execute()
        for key, (state, queue, lane, kind) in zip(keys, records, strict=True):
            if state and not State(state.decode()).ended:
                self._live[key.removeprefix(JOB.encode())] = State(state.decode())
                self._running[f"{queue.decode()}:{lane.decode()}"] += state == b"running"
                self._states[queue.decode(), state.decode()] += kind != b"batch"

    async def wrong(self, key: str) -> str | None:
        """Why this key should not be here, or should have a time to live."""
        for prefix, rule in self._rules.items():
            if key.startswith(prefix):
                return await rule(key)
        return "no line of the table names it"

    async def _record(self, key: str) -> str | None:
        alive = key.removeprefix(JOB).encode(errors="surrogateescape") in self._live
        return None if alive else "the record of an ended job has no time to live"

    async def _endpoint(self, key: str) -> str | None:
        owner = await self._redis.hget(key, "owner")
        since = owner and await self._redis.zscore(ENDPOINTS + owner.decode(), key.removeprefix(ENDPOINT))
        return "no owner's index names it" if since is None else None

    async def _endpoints(self, key: str) -> str | None:
        gone = [
            one for one in await self._redis.zrange(key, 0, -1) if not await self._redis.exists(ENDPOINT.encode() + one)
        ]
        return f"{gone} are gone" if gone else None

    async def _subscribers(self, key: str) -> str | None:
        owner, _, subscription = key.removeprefix(SUBSCRIBERS).partition(":")
        pattern, _, channel = subscription.partition("#")
        for one, score in await self._redis.zrange(key, 0, -1, withscores=True):
            wanted = (owner.encode(), b"1" if score >= 0 else b"0", channel.encode() or None)
            *found, events = await self._redis.hmget(ENDPOINT.encode() + one, "owner", "enabled", "channel", "events")
            if tuple(found) != wanted or pattern not in json.loads(events or b"[]"):
                return f"{one!r} did not ask for this, or is disabled"
        return None

    async def _owner(self, key: str) -> str | None:
        known = await self._redis.zscore(OWNERS, key.removeprefix(OWNER))
        return "the index of owners does not name it" if known is None else None

    async def _owners(self, key: str) -> str | None:
        gone = [
            one for one in await self._redis.zrange(key, 0, -1) if not await self._redis.exists(OWNER.encode() + one)
        ]
        return f"{gone} are gone" if gone else None

    async def _suspended(self, key: str) -> str | None:
        for owner, since in (await self._redis.hgetall(key)).items():
            if await self._redis.hget(OWNER.encode() + owner, "suspended_at") != since:
                return f"the record of {owner!r} does not say so"
        return None

    async def _after(self, key: str) -> str | None:
        prerequisite = key.removeprefix(AFTER).encode(errors="surrogateescape")
        return None if prerequisite in self._live else "the job that others wait for has ended"

    async def _schedule(self, key: str) -> str | None:
        owner, schedule_id = await self._redis.hget(key, "owner"), key.removeprefix(SCHEDULE)
        indexes = [SCHEDULES, f"{SCHEDULES}:{(owner or b'').decode()}"]
        absent = [index for index in indexes if await self._redis.zscore(index, schedule_id) is None]
        return f"{absent} do not name it" if absent else None

    async def _schedules(self, key: str) -> str | None:
        ids = await self._redis.zrange(key, 0, -1)
        gone = [one for one in ids if not await self._redis.exists(SCHEDULE.encode() + one)]
        return f"{gone} are gone" if gone else None

    async def _runs(self, key: str) -> str | None:
        if not await self._redis.exists(SCHEDULE + key.removeprefix(RUNS)):
            return "the schedule is gone"
        return None if await self._redis.zcard(key) <= RUNS_KEPT else "it remembers too many"

    async def _queue(self, key: str) -> str | None:
        queue = key.removeprefix(QUEUE)
        if queue not in QUEUES and await self._redis.zscore(MADE_QUEUES, queue) is None:
            return "there is no such queue"
        for state in LIVE:
            told = int(await self._redis.hget(key, f"in:{state}") or 0)
            if told != self._states[queue, state]:
                return f"it counts {told} {state} jobs; there are {self._states[queue, state]}"
        return None

    async def _full(self, key: str) -> str | None:
        queue = key.removeprefix(FULL)
        for lane in map(bytes.decode, await self._redis.zrange(key, 0, -1)):
            if not await self._redis.exists(f"{BACKLOG}{queue}:{lane}"):
                return f"nobody waits in {lane}"
            if await self._redis.zscore(TURNS + queue, lane) is not None:
                return f"{lane} is to be served"
        return None

    async def _endpoint_index(self, key: str) -> str | None:
        ids = await self._redis.zrange(key, 0, -1)
        gone = [one for one in ids if not await self._redis.exists(ENDPOINT.encode() + one)]
        return f"{gone} are gone" if gone else None

    async def _counts(self, key: str) -> str | None:
        odd = [field for field in await self._redis.hkeys(key) if field.split(b" ")[0].decode() not in COUNTED]
        return f"{odd} count nothing" if odd else None

    async def _alerts(self, key: str) -> str | None:
        odd = [field for field in await self._redis.hkeys(key) if field.split(b" ")[0].decode() not in ALERT_NAMES]
        return f"there are no alerts {odd}" if odd else None

    async def _turns(self, key: str) -> str | None:
        queue = key.removeprefix(TURNS).removeprefix(SERVICE_TURNS)
        lanes = await self._redis.zrange(key, 0, -1)
        idle = [lane for lane in lanes if not await self._redis.exists(f"{BACKLOG}{queue}:{lane.decode()}")]
        return f"nobody waits in {idle}" if idle else None

    async def _parked(self, key: str) -> str | None:
        seen = await self._redis.hget(QUEUE + key.removeprefix(PARKED), "seen")
        over = await self._redis.zrangebyscore(key, "-inf", f"({int(seen or 0)}")
        return f"the time of {over} was over at the last claim" if over else None

    async def _lane(self, key: str) -> str | None:
        lane = key.removeprefix(LANE)
        running, cap, rate, ordered, failures = await self._redis.hmget(
            key, "running", "cap", "rate", "ordered", "failures"
        )
        if int(running or 0) != self._running[lane]:
            return f"it counts {running!r} running jobs; there are {self._running[lane]}"
        if failures and not await self._redis.exists(ENDPOINT + lane.partition("endpoint:")[2]):
            return "it counts the failures of an endpoint that is gone"
        return None if running or cap or rate or ordered or failures else "it says nothing"

    async def _standing_back(self, key: str) -> str | None:
        queue, _, owner = key.removeprefix(OWNER_CAPPED).partition(":")
        running = await self._redis.zcard(f"{JOBS}{owner}/delivery:running")
        return None if queue in QUEUES and running else "nothing of the owner is under way that would let them in"

    async def _unanswered_lanes(self, key: str) -> str | None:
        lanes = await self._redis.zrange(key, 0, -1)
        idle = [lane for lane in lanes if not await self._redis.exists(f"{BACKLOG}webhooks:{lane.decode()}")]
        return f"nobody waits in {idle}" if idle else None

    async def _waiting(self, key: str) -> str | None:
        ids = await self._redis.zrange(key, 0, -1)
        misplaced = [job_id for job_id in ids if self._live.get(job_id) is not State.QUEUED]
        return f"{misplaced} do not wait" if misplaced else None

    async def _wake(self, key: str) -> str | None:
        signals = await self._redis.llen(key)
        return f"it holds {signals} signals" if signals > WAKE_CAP else None

    async def _timers(self, key: str) -> str | None:
        ids = await self._redis.zrange(key, 0, -1)
        known = [one in self._live or await self._redis.exists(job_key_prefix.encode() + one) for one in ids]
        return None if all(known) else "it holds a timer of a job that is not alive"


async def _nothing(_: str) -> str | None:
    return None
