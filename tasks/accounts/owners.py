"""The records of owners: their quotas, and whether they are suspended.

An owner needs no record: one without has the quotas of the settings, and is not suspended.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self

from redis.asyncio import Redis

from tasks.accounts.owner_names import check_owner
from tasks.accounts.quotas import read_overrides
from tasks.queue.account_keys import OWNER, OWNERS, SUSPENDED
from tasks.queue.records.list import read_index
from tasks.queue.script import Script
from tasks.refusal import Refusal

FIELDS: Final = ("created_at", "changed_at", "quotas", "note", "suspended_at", "reason")


@dataclass(frozen=True, slots=True)
class OwnerRecord:
    """An owner as Redis holds it. Times are milliseconds since 1970.

    Args:
        name: The owner.
        created_at: When the record was made.
        changed_at: When it was changed last.
        quotas: Those that differ from the settings, by name (`Quotas`).
        note: For people.
        suspended_at: Since when it is suspended; None if it is not.
        reason: Why it is suspended, for people.
    """

    name: str
    created_at: int
    changed_at: int
    quotas: Mapping[str, int] = field(default_factory=dict)
    note: str | None = None
    suspended_at: int | None = None
    reason: str | None = None

    @classmethod
    def of(cls, name: str, text: Mapping[str, str]) -> Self:
        """Build the record from the fields of a hash."""
        suspended_at = text.get("suspended_at")
        return cls(
            name=name,
            created_at=int(text.get("created_at", 0)),
            changed_at=int(text.get("changed_at", 0)),
            quotas=read_overrides(text.get("quotas")),
            note=text.get("note"),
            suspended_at=int(suspended_at) if suspended_at else None,
            reason=text.get("reason"),
        )


class OwnerStore:
    """Reads and writes the records of owners."""

    def __init__(self, redis: "Redis[bytes]") -> None:
        self._redis = redis
        self._script = Script(redis, "submit/owner")

    async def create(self, name: str, quotas: Mapping[str, int | None], note: str | None = None) -> OwnerRecord:
        """Make the record of an owner.

        Args:
            name: The owner; it may have keys and jobs already.
            quotas: Those that differ from the settings; None is what the settings say.
            note: For people.

        Raises:
            Refusal: `invalid_request`, `owner_exists`, `redis_full`.
        """
        check_owner(name, field="name")
        answer = await self._run("create", name, **_changes(quotas, note))
        if answer == "known":
            message = (
                f"Owner {name!r} has a record already. Change it with PATCH, or `python -m api.accounts owners set`."
            )
            raise Refusal("owner_exists", message, field="name")
        return _record(name, answer)

    async def change(self, name: str, quotas: Mapping[str, int | None], note: str | None = None) -> OwnerRecord:
        """Change quotas and note of an owner; those that are not given stay as they are.

        Args:
            name: The owner.
            quotas: Name → number; None is what the settings say from now on.
            note: For people; None stays, empty removes it.

        Raises:
            Refusal: `not_found`.
        """
        return _record(name, await self._known("change", name, **_changes(quotas, note)))

    async def suspend(self, name: str, reason: str | None = None) -> OwnerRecord:
        """Suspend an owner. Requests are refused, and what waits stands still, within seconds; what runs goes on.

        Args:
            name: The owner.
            reason: For people.

        Raises:
            Refusal: `not_found`.
        """
        return _record(name, await self._known("suspend", name, fields=["reason", reason] if reason else []))

    async def resume(self, name: str) -> OwnerRecord:
        """End the suspension of an owner.

        Raises:
            Refusal: `not_found`.
        """
        return _record(name, await self._known("resume", name))

    async def find(self, name: str) -> OwnerRecord | None:
        """The record of an owner; None if there is none."""
        values = await self._redis.hmget(OWNER + name, *FIELDS)
        text = {field: value.decode() for field, value in zip(FIELDS, values, strict=True) if value is not None}
        return OwnerRecord.of(name, text) if text else None

    async def read(self, name: str) -> OwnerRecord:
        """The record of an owner.

        Raises:
            Refusal: `not_found`.
        """
        found = await self.find(name)
        if found is None:
            raise _unknown(name)
        return found

    async def list(self, *, limit: int, cursor: str | None) -> tuple[list[OwnerRecord], str | None]:
        """Owners with a record, the newest first, and the cursor of the next page or None.

        Raises:
            Refusal: `invalid_request` for an invalid cursor.
        """
        names, following = await read_index(self._redis, OWNERS, limit=limit, cursor=cursor)
        async with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hgetall(OWNER + name)
            hashes = await pipe.execute()
        texts = ({key.decode(): value.decode() for key, value in one.items()} for one in hashes)
        return [OwnerRecord.of(name, text) for name, text in zip(names, texts, strict=True)], following

    async def _known(self, verb: str, name: str, **changes: Any) -> Any:
        answer = await self._run(verb, name, **changes)
        if answer == "unknown":
            raise _unknown(name)
        return answer

    async def _run(self, verb: str, name: str, **changes: Any) -> Any:
        return await self._script({"verb": verb, "owner": name, "fields": [], "without": [], "quotas": {}, **changes})


async def suspended_owners(redis: "Redis[bytes]", names: Iterable[str]) -> set[str]:
    """Those of some owners that are suspended."""
    asked = list(names)
    times = await redis.hmget(SUSPENDED, asked) if asked else []
    return {name for name, since in zip(asked, times, strict=True) if since is not None}


def _changes(quotas: Mapping[str, int | None], note: str | None) -> dict[str, Any]:
    """What the script is to change. It merges the quotas itself: two changes at once keep what the other has set."""
    return {
        "fields": ["note", note] if note else [],
        "without": ["note"] if note == "" else [],
        "quotas": {name: False if value is None else value for name, value in quotas.items()},
    }


def _record(name: str, flat: Sequence[str]) -> OwnerRecord:
    return OwnerRecord.of(name, dict(zip(flat[::2], flat[1::2], strict=True)))


def _unknown(name: str) -> Refusal:
    message = f"Owner {name!r} has no record. Make one with POST /v1/owners, or `python -m api.accounts owners create`."
    return Refusal("not_found", message)
