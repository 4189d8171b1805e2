"""What Redis has of an API key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from redis.asyncio import Redis

from tasks.queue.account_keys import API_KEY

KeyState = Literal["live", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key. Times are milliseconds since 1970 by the clock of Redis; None is "never".

    Attributes:
        id: Its public id.
        digest: The SHA-256 of the key, in hexadecimal.
        owner: Whose key it is.
        name: What its owner calls it.
        scopes: What it may do.
        read_only: Whether it may send GET and HEAD only.
        created_at: When it was made.
        made_by: The id of the key with which it was made; `setting:<owner>`, `cli` or `open` without one.
        expires_at: When it ends.
        revoked_at: When it was revoked.
        last_used_at: When it was last used, to the minute.
        replaces: The id of the key that it replaces.
        read_at: When this was read.
    """

    id: str
    digest: str
    owner: str
    name: str
    scopes: frozenset[str]
    read_only: bool
    created_at: int
    made_by: str
    expires_at: int | None
    revoked_at: int | None
    last_used_at: int | None
    replaces: str | None
    read_at: int

    @property
    def state(self) -> KeyState:
        """Whether it opened anything when it was read."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= self.read_at else "live"

    @classmethod
    def of(cls, key_id: str, fields: Mapping[bytes, bytes], read_at: int) -> Self:
        """Read the hash of a key."""
        text = {name.decode(): value.decode() for name, value in fields.items()}

        def time_of(name: str) -> int | None:
            return int(text[name]) if text.get(name) else None

        return cls(
            id=key_id,
            digest=text["digest"],
            owner=text["owner"],
            name=text["name"],
            scopes=frozenset(filter(None, text["scopes"].split(","))),
            read_only=text["read_only"] == "1",
            created_at=int(text["created_at"]),
            made_by=text["made_by"],
            expires_at=time_of("expires_at"),
            revoked_at=time_of("revoked_at"),
            last_used_at=time_of("last_used_at"),
            replaces=text.get("replaces") or None,
            read_at=read_at,
        )


async def read_keys(redis: "Redis[bytes]", *key_ids: str) -> list[KeyRecord | None]:
    """Read keys by their ids, in one round trip.

    Args:
        redis: Connection.
        key_ids: The ids.

    Returns:
        The keys in the same order; None where there is none of this id.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    async with redis.pipeline(transaction=False) as pipe:
        pipe.time()
        for key_id in key_ids:
            pipe.hgetall(API_KEY + key_id)
        (seconds, micros), *found = await pipe.execute()
    now = seconds * 1000 + micros // 1000
    return [
        KeyRecord.of(key_id, fields, now) if fields else None for key_id, fields in zip(key_ids, found, strict=True)
    ]
