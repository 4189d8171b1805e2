"""The store of schedules: their cron expressions, their jobs, and when they are due next."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypedDict

from redis.asyncio import Redis

from tasks import clock
from tasks.kind import Kind
from tasks.queue.jobs.enqueue_with_blobs import enqueue_with_blobs
from tasks.queue.jobs.submission import Submission
from tasks.queue.jobs.submit_limits import SubmitLimits
from tasks.queue.records.list import read_index
from tasks.queue.records.record import new_id
from tasks.queue.redis_keys import SCHEDULE, SCHEDULES, SECOND_MS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.schedule.cron import canonical, canonical_zone, next_due
from tasks.settings import SYSTEM, Settings
from tasks.storage.protocol import Storage

Overlap = Literal["skip", "allow"]
"""Whether a run is skipped that is due while the previous one has not ended."""
Misfire = Literal["skip"] | int
"""Seconds by which a run may be late, as after an outage, and still run once; `skip`: it does not run."""
PROMPT_S: Final = 60
"""Seconds by which a run may be late without counting as missed."""
PAUSED: Final = "inf"
"""The due time of a paused schedule in SCHEDULES."""


@dataclass(frozen=True, slots=True)
class BuiltInSchedule:
    """A schedule that comes with the service. Its job is one of `kind`, without params."""

    kind: Kind[Any]
    cron: str
    description: str
    timezone: str = "UTC"
    overlap: Overlap = "skip"
    misfire: Misfire = "skip"


class SchedulePatch(TypedDict, total=False):
    """The fields of a schedule that its owner may set. None removes a value."""

    name: str | None
    description: str | None
    cron: str
    timezone: str
    overlap: Overlap
    misfire: Misfire
    paused: bool
    tags: list[str] | None
    metadata: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """A schedule as Redis holds it. Times are milliseconds since 1970.

    kind, queue, params, job_name, blobs and address are those of its jobs, as in `Submission`; they have its `tags` and
    `metadata`. `revision` changes with
    every change, `last_run` is the id of its last job, and `next_ms` is None while it is paused.
    """

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
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    next_ms: int | None = field(default=None, compare=False)

    @property
    def built_in(self) -> bool:
        """Whether it comes with the service."""
        return self.owner == SYSTEM

    @property
    def late_ms(self) -> int:
        """How late a run may start, in milliseconds."""
        return (PROMPT_S if self.misfire == "skip" else self.misfire) * SECOND_MS

    @property
    def submission(self) -> Submission:
        """What each run submits."""
        event = json.loads(self.params) if self.kind == "event" else {}
        return Submission(
            kind=self.kind,
            queue=self.queue,
            owner=self.owner,
            params=self.params,
            max_params_bytes=len(self.params.encode()),
            blobs=self.blobs,
            name=self.job_name or self.name,
            address=self.address,
            event_type=event.get("type"),
            channel=event.get("channel"),
            tags=self.tags,
            metadata=_json(self.metadata) if self.metadata else None,
        )

    def run_id(self, due_ms: int) -> str:
        """Compute the id of the job of a due time, which is always the same. For a built-in schedule it is the id that
        ARQ's own cron would give.

        Args:
            due_ms: The due time in milliseconds since 1970.
        """
        named = f"{self.id}:{due_ms}"
        return named if self.built_in else hashlib.sha256(named.encode()).hexdigest()[:32]

    @classmethod
    def from_hash(cls, schedule_id: str, fields: Mapping[bytes, bytes], due: float | None = None) -> Self:
        """Build the record from a non-empty Redis hash.

        Args:
            schedule_id: The schedule's id.
            fields: The hash.
            due: Its score in SCHEDULES.
        """
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
            tags=tuple(json.loads(text.get("tags", "[]"))),
            metadata=json.loads(text.get("metadata", "{}")),
            next_ms=int(due) if due is not None and due < float(PAUSED) else None,
        )


class ScheduleStore:
    """Reads and changes schedules. Each change is one script, so that hash, timer, index and blob holders agree.

    Args:
        redis: Connection.
        settings: Limits of schedules.
        storage: Where the blobs of new schedules are (see `tasks.queue.jobs.enqueue_with_blobs`).
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings, storage: Storage | None = None) -> None:
        self._redis = redis
        self._settings = settings
        self._storage = storage
        self._limits = SubmitLimits(settings)
        self._script = Script(redis, "submit/schedule")

    async def create(
        self, owner: str, patch: SchedulePatch, submission: Submission, *, most: int | None = None
    ) -> ScheduleRecord:
        """Create a schedule.

        Args:
            owner: Whose schedule it is.
            patch: Its fields; all that have no default in `ScheduleRecord` are required.
            submission: What each run submits.
            most: Schedules that the owner may have; None is MAX_SCHEDULES.

        Raises:
            Refusal: `invalid_cron`, `unknown_timezone`, `too_many_schedules`, `rate_limited`, or the blobs are not
                stored any more.
        """
        schedule_id, most = new_id(), self._settings.max_schedules if most is None else most
        patch = _canonical(patch)
        due = next_due(patch["cron"], patch["timezone"], await self.now_ms())
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
            **self._limits.rates(),
        }
        answer = await enqueue_with_blobs(self._script, payload, self._storage)
        if answer["answer"] == "too_fast":
            raise self._limits.too_fast(answer)
        if answer["answer"] == "full":
            raise Refusal(
                "too_many_schedules",
                f"You have {most} schedules, which is the limit. Delete some first.",
                limit=most,
            )
        return await self.read(owner, schedule_id)

    async def read(self, owner: str, schedule_id: str, *, admin: bool = False) -> ScheduleRecord:
        """Read an owner's schedule; an admin may read any.

        Raises:
            Refusal: `not_found`.
        """
        schedule = await self.find(schedule_id)
        if schedule is None or (schedule.owner != owner and not admin):
            raise _unknown(schedule_id)
        return schedule

    async def find(self, schedule_id: str) -> ScheduleRecord | None:
        """Find a schedule of any owner."""
        return next(iter(await self._read_all([schedule_id])), None)

    async def page(self, owner: str, limit: int, cursor: str | None) -> tuple[list[ScheduleRecord], str | None]:
        """List an owner's schedules, newest first.

        Args:
            owner: Whose schedules.
            limit: Most schedules to return.
            cursor: The cursor of an earlier page, or None.

        Returns:
            The schedules, and the cursor of the next page or None.

        Raises:
            Refusal: `invalid_request` for an invalid cursor.
        """
        ids, following = await read_index(self._redis, f"{SCHEDULES}:{owner}", limit=limit, cursor=cursor)
        return await self._read_all(ids), following

    async def built_in(self) -> list[ScheduleRecord]:
        """List the built-in schedules that workers have installed, by name."""
        ids = await self._redis.zrange(f"{SCHEDULES}:{SYSTEM}", 0, -1)
        return await self._read_all(sorted(one.decode() for one in ids))

    async def change(self, schedule: ScheduleRecord, patch: SchedulePatch) -> ScheduleRecord:
        """Change a schedule. Due times of its pause, or of its earlier cron expression, do not run afterwards.

        Raises:
            Refusal: `invalid_cron`, `unknown_timezone`, `not_found`.
        """
        patch = _canonical(patch)
        fields, without = _fields(patch)
        payload: dict[str, Any] = {"verb": "change", "id": schedule.id, "owner": schedule.owner}
        cron, timezone = patch.get("cron", schedule.cron), patch.get("timezone", schedule.timezone)
        if patch.keys() & {"cron", "timezone", "paused"}:
            due = next_due(cron, timezone, await self.now_ms())
            payload["due"] = PAUSED if patch.get("paused", schedule.paused) else due
            without.append("paused_reason")
        answer = await self._script({**payload, "fields": _flat(fields), "without": without})
        if answer["answer"] == "unknown":
            raise _unknown(schedule.id)
        return await self.read(schedule.owner, schedule.id)

    async def pause(self, schedule: ScheduleRecord, reason: str) -> None:
        """Pause a schedule that cannot be due again.

        Args:
            schedule: The schedule.
            reason: The code of the refusal, which is shown to its owner.
        """
        fields = ["paused", "1", "paused_reason", reason]
        payload = {"verb": "change", "id": schedule.id, "owner": schedule.owner, "due": PAUSED}
        await self._script({**payload, "fields": fields, "without": []})

    async def delete(self, schedule: ScheduleRecord) -> None:
        """Delete a schedule. Its jobs stay as they are.

        Raises:
            Refusal: `not_found`.
        """
        payload = {"verb": "delete", "id": schedule.id, "owner": schedule.owner, "blobs": schedule.blobs}
        if (await self._script(payload))["answer"] == "unknown":
            raise _unknown(schedule.id)

    async def install(self, schedule: BuiltInSchedule) -> None:
        """Create or update a built-in schedule. A paused one stays paused."""
        fields = {
            "cron": schedule.cron,
            "timezone": schedule.timezone,
            "overlap": schedule.overlap,
            "misfire": str(schedule.misfire),
            "description": schedule.description,
            "name": schedule.kind.name,
            "kind": schedule.kind.name,
            "queue": schedule.kind.queue,
            "params": "{}",
        }
        await self._script(
            {
                "verb": "install",
                "id": schedule.kind.name,
                "owner": SYSTEM,
                "fields": _flat(fields),
                "cron": schedule.cron,
                "timezone": schedule.timezone,
                "due": next_due(schedule.cron, schedule.timezone, await self.now_ms()),
            }
        )

    async def retire(self, schedule: ScheduleRecord, unseen_s: float) -> None:
        """Delete a built-in schedule, unless a worker has installed it recently: during a deploy, workers of another
        version may still have it. Does nothing if it is gone.

        Args:
            schedule: The schedule.
            unseen_s: Seconds for which no worker may have installed it.
        """
        payload = {"verb": "retire", "id": schedule.id, "owner": SYSTEM, "blobs": (), "unseen_ms": unseen_s * SECOND_MS}
        await self._script(payload)

    async def now_ms(self) -> int:
        """Return Redis' time in milliseconds since 1970: a schedule is due by it, however wrong this machine's clock
        is."""
        return clock.of_redis(await self._redis.time())

    async def _read_all(self, ids: list[str]) -> list[ScheduleRecord]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for schedule_id in ids:
                pipe.hgetall(SCHEDULE + schedule_id)
                pipe.zscore(SCHEDULES, schedule_id)
            found = await pipe.execute()
        pairs = zip(ids, found[::2], found[1::2], strict=True)
        return [ScheduleRecord.from_hash(schedule_id, fields, due) for schedule_id, fields, due in pairs if fields]


def _canonical(patch: SchedulePatch) -> SchedulePatch:
    """Raises: Refusal `invalid_cron`, `unknown_timezone`."""
    written = patch.copy()
    if "cron" in written:
        written["cron"] = canonical(written["cron"])
    if "timezone" in written:
        written["timezone"] = canonical_zone(written["timezone"])
    return written


def _fields(patch: SchedulePatch) -> tuple[dict[str, str], list[str]]:
    """The fields of the hash that a patch sets, and the names of those that it removes."""
    fields: dict[str, str] = {}
    for name, value in patch.items():
        if isinstance(value, bool):
            fields[name] = str(int(value))
        elif isinstance(value, list | dict):
            fields[name] = _json(value)
        elif value is not None:
            fields[name] = str(value)
    return fields, [name for name, value in patch.items() if value is None]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [text for pair in fields.items() for text in pair]


def _unknown(schedule_id: str) -> Refusal:
    return Refusal("not_found", f"Schedule {schedule_id!r} was not found.")
