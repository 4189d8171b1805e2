"""The timetable: every schedule that Redis holds, its line, its job, and when it is due next."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypedDict

from redis.asyncio import Redis

from tasks import clock
from tasks.kind import Kind
from tasks.queue.jobs.enqueue import Submission
from tasks.queue.jobs.enqueue_with_blobs import need
from tasks.queue.records.list import read_index
from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import SCHEDULE, SCHEDULES, SECOND_MS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.schedule.cron import next_due
from tasks.settings import SYSTEM, Settings
from tasks.storage.protocol import Storage

Overlap = Literal["skip", "allow"]
"""What becomes of a run that falls due while the last one has not ended."""
Misfire = Literal["skip"] | int
"""Seconds by which a run may be late, as after an outage, and is made up for, once; `skip`: it is not."""
PROMPT_S: Final = 60
"""A run that is no later than this is in time."""
PAUSED: Final = "inf"
"""When a paused schedule is due."""


@dataclass(frozen=True, slots=True)
class BuiltInSchedule:
    """A schedule that comes with the service. Its job is one of `kind` that is told nothing."""

    kind: Kind[Any]
    cron: str
    description: str
    timezone: str = "UTC"
    overlap: Overlap = "skip"
    misfire: Misfire = "skip"


class SchedulePatch(TypedDict, total=False):
    """What an owner may say of a schedule. None: as if it had never been said."""

    name: str | None
    description: str | None
    cron: str
    timezone: str
    overlap: Overlap
    misfire: Misfire
    paused: bool


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """What Redis holds of one. kind, queue, params, job_name, blobs, address: of its jobs, as in `Submission`.
    revision: changes with it. last_run: the id of its last job. next_ms: None while it is paused. Times are
    milliseconds since 1970."""

    id: str
    owner: str
    cron: str
    timezone: str
    overlap: Overlap
    misfire: Misfire
    kind: str
    queue: str
    params: str
    created_at: int
    revision: str
    name: str | None = None
    description: str | None = None
    paused: bool = False
    paused_reason: str | None = None
    job_name: str | None = None
    blobs: tuple[str, ...] = ()
    address: str | None = None
    last_run: str | None = None
    next_ms: int | None = field(default=None, compare=False)

    @property
    def built_in(self) -> bool:
        """Whether it comes with the service."""
        return self.owner == SYSTEM

    @property
    def late_ms(self) -> int:
        """How late a run may be."""
        return (PROMPT_S if self.misfire == "skip" else self.misfire) * SECOND_MS

    @property
    def submission(self) -> Submission:
        """What each run submits."""
        return Submission(
            kind=self.kind,
            queue=self.queue,
            owner=self.owner,
            params=self.params,
            max_params_bytes=len(self.params.encode()),
            blobs=self.blobs,
            name=self.job_name or self.name,
            address=self.address,
        )

    def run_id(self, due_ms: int) -> str:
        """The id of the one job of a due time: whoever works it out again finds the same. Of a line of the page it is
        the one that ARQ's own cron would give."""
        named = f"{self.id}:{due_ms}"
        return named if self.built_in else hashlib.sha256(named.encode()).hexdigest()[:32]

    @classmethod
    def from_hash(cls, schedule_id: str, fields: Mapping[bytes, bytes], due: float | None = None) -> Self:
        """The schedule of a non-empty Redis hash. due: its score in SCHEDULES."""
        text = {name.decode(): value.decode() for name, value in fields.items()}
        return cls(
            id=schedule_id,
            owner=text["owner"],
            cron=text["cron"],
            timezone=text["timezone"],
            overlap="allow" if text["overlap"] == "allow" else "skip",
            misfire="skip" if text["misfire"] == "skip" else int(text["misfire"]),
            kind=text["kind"],
            queue=text["queue"],
            params=text["params"],
            created_at=int(text["created_at"]),
            revision=text["revision"],
            name=text.get("name"),
            description=text.get("description"),
            paused=text.get("paused") == "1",
            paused_reason=text.get("paused_reason"),
            job_name=text.get("job_name"),
            blobs=tuple(json.loads(text.get("blobs", "[]"))),
            address=text.get("address"),
            last_run=text.get("last_run"),
            next_ms=int(due) if due is not None and due < float(PAUSED) else None,
        )


class ScheduleStore:
    """All schedules. Each change is one script: hash, timer, index and what holds the blobs stay together.

    storage: where the blobs of new ones are (see `tasks.queue.jobs.enqueue_with_blobs`).
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings, storage: Storage | None = None) -> None:
        self._redis = redis
        self._settings = settings
        self._storage = storage
        self._script = Script(redis, "submit/schedule")

    async def create(self, owner: str, patch: SchedulePatch, submission: Submission) -> ScheduleRecord:
        """Create a schedule. patch: all that has no default in `ScheduleRecord`. submission: what each run submits.

        Raises: Refusal `invalid_cron`, `unknown_timezone`, `too_many_schedules`; what `need` raises.
        """
        schedule_id, most = new_id(), self._settings.max_schedules
        due = next_due(patch["cron"], patch["timezone"], clock.now_ms())
        fields, _ = _fields(patch)
        fields |= {"kind": submission.kind, "queue": submission.queue, "params": submission.params}
        fields |= {"blobs": json.dumps(submission.blobs)}
        fields |= {
            name: text for name, text in (("job_name", submission.name), ("address", submission.address)) if text
        }
        payload = {
            "verb": "create",
            "id": schedule_id,
            "owner": owner,
            "fields": _flat(fields),
            "blobs": submission.blobs,
            "due": PAUSED if patch.get("paused") else due,
            "most": most,
        }
        if (await need(self._script, payload, self._storage))["answer"] == "full":
            raise Refusal(
                "too_many_schedules",
                f"You have {most} schedules, which is the limit. Delete some first.",
                limit=most,
            )
        return await self.read(owner, schedule_id)

    async def read(self, owner: str, schedule_id: str, *, admin: bool = False) -> ScheduleRecord:
        """An owner's schedule; for admins anybody's, whose key may be gone. Raises: Refusal `not_found`."""
        schedule = await self.find(schedule_id)
        if schedule is None or (schedule.owner != owner and not admin):
            raise _unknown(schedule_id)
        return schedule

    async def find(self, schedule_id: str) -> ScheduleRecord | None:
        """Whosever it is."""
        return next(iter(await self._read_all([schedule_id])), None)

    async def page(self, owner: str, limit: int, cursor: str | None) -> tuple[list[ScheduleRecord], str | None]:
        """An owner's schedules, newest first, and the cursor of what follows.

        Raises: Refusal `invalid_request` for a cursor that is none of ours.
        """
        ids, following = await read_index(self._redis, f"{SCHEDULES}:{owner}", limit=limit, cursor=cursor)
        return await self._read_all(ids), following

    async def built_in(self) -> list[ScheduleRecord]:
        """Those that come with the service, as far as workers have installed them, by name."""
        ids = await self._redis.zrange(f"{SCHEDULES}:{SYSTEM}", 0, -1)
        return await self._read_all(sorted(one.decode() for one in ids))

    async def change(self, schedule: ScheduleRecord, patch: SchedulePatch) -> ScheduleRecord:
        """Change what wishes name. What was due while it was paused, or by another line, is not made up for.

        Raises: Refusal `invalid_cron`, `unknown_timezone`, `not_found`.
        """
        fields, without = _fields(patch)
        payload: dict[str, Any] = {"verb": "change", "id": schedule.id, "owner": schedule.owner}
        cron, timezone = patch.get("cron", schedule.cron), patch.get("timezone", schedule.timezone)
        if patch.keys() & {"cron", "timezone", "paused"}:
            due = next_due(cron, timezone, clock.now_ms())
            payload["due"] = PAUSED if patch.get("paused", schedule.paused) else due
            without.append("paused_reason")
        answer = await self._script({**payload, "fields": _flat(fields), "without": without})
        if answer["answer"] == "unknown":
            raise _unknown(schedule.id)
        return await self.read(schedule.owner, schedule.id)

    async def pause(self, schedule: ScheduleRecord, reason: str) -> None:
        """Let it run no more, since it cannot: reason, a refusal's code, tells its owner why."""
        fields = ["paused", "1", "paused_reason", reason]
        payload = {"verb": "change", "id": schedule.id, "owner": schedule.owner, "due": PAUSED}
        await self._script({**payload, "fields": fields, "without": []})

    async def delete(self, schedule: ScheduleRecord) -> None:
        """Its jobs stay as they are. Raises: Refusal `not_found`."""
        payload = {"verb": "delete", "id": schedule.id, "owner": schedule.owner, "blobs": schedule.blobs}
        if (await self._script(payload))["answer"] == "unknown":
            raise _unknown(schedule.id)

    async def install(self, line: BuiltInSchedule) -> None:
        """Take a line of the page over, as it is now. One that is paused stays so."""
        fields = {
            "cron": line.cron,
            "timezone": line.timezone,
            "overlap": line.overlap,
            "misfire": str(line.misfire),
            "description": line.description,
            "name": line.kind.name,
            "kind": line.kind.name,
            "queue": line.kind.queue,
            "params": "{}",
        }
        await self._script(
            {
                "verb": "install",
                "id": line.kind.name,
                "owner": SYSTEM,
                "fields": _flat(fields),
                "cron": line.cron,
                "timezone": line.timezone,
                "due": next_due(line.cron, line.timezone, clock.now_ms()),
            }
        )

    async def retire(self, schedule: ScheduleRecord, unseen_s: float) -> None:
        """Delete a line of the page, unless a worker has installed it within so many seconds: during a deploy those of
        another version may, and it is theirs. One that is gone already is no matter."""
        payload = {"verb": "retire", "id": schedule.id, "owner": SYSTEM, "blobs": (), "unseen_ms": unseen_s * SECOND_MS}
        await self._script(payload)

    async def _read_all(self, ids: list[str]) -> list[ScheduleRecord]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for schedule_id in ids:
                pipe.hgetall(SCHEDULE + schedule_id)
                pipe.zscore(SCHEDULES, schedule_id)
            found = await pipe.execute()
        pairs = zip(ids, found[::2], found[1::2], strict=True)
        return [ScheduleRecord.from_hash(schedule_id, fields, due) for schedule_id, fields, due in pairs if fields]


def _fields(patch: SchedulePatch) -> tuple[dict[str, str], list[str]]:
    """The fields of the hash that wishes fill, and those that they empty."""
    fields: dict[str, str] = {}
    for name, value in patch.items():
        if isinstance(value, bool):
            fields[name] = str(int(value))
        elif value is not None:
            fields[name] = str(value)
    return fields, [name for name, value in patch.items() if value is None]


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [text for pair in fields.items() for text in pair]


def _unknown(schedule_id: str) -> Refusal:
    return Refusal("not_found", f"Schedule {schedule_id!r} was not found.")
