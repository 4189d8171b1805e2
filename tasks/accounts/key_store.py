"""API keys in Redis: making, replacing and revoking them. A change is one script, with its line of the audit log."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any, Final

from redis.asyncio import Redis

from tasks.accounts.key_format import digest_of, id_of, new_key
from tasks.accounts.key_record import KeyRecord, read_keys
from tasks.queue.account_keys import API_KEYS
from tasks.queue.script import Script
from tasks.refusal import Refusal

AT_ONCE: Final = 200
"""Keys that one round trip reads."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks for a key, and what bounds what it may be given.

    Attributes:
        name: Who it is, for the record: the id of its key, `setting:<owner>`, `cli` or `open`.
        key_id: The id of its key, which must be live in Redis; None for other askers.
        not_after: No key may live longer, in milliseconds since 1970; None without a bound.
    """

    name: str
    key_id: str | None = None
    not_after: int | None = None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was made. `key` is shown once, and is nowhere else.

    Attributes:
        key: The key.
        record: What Redis has of it.
        old_ends: When the key that it replaces ends, in milliseconds since 1970; None without one.
    """

    key: str
    record: KeyRecord
    old_ends: int | None = None


class KeyStore:
    """The keys of all owners.

    Args:
        redis: Connection.
        most: Keys of one owner, the ended ones that are still listed included.
    """

    def __init__(self, redis: "Redis[bytes]", most: int) -> None:
        self._redis = redis
        self._most = most
        self._make = Script(redis, "submit/api_key")
        self._revoke = Script(redis, "accounts/revoke_key")

    async def create(
        self, owner: str, name: str, scopes: Iterable[str], asker: Asker, *, read_only: bool, life_ms: int | None
    ) -> NewKey:
        """Make a key.

        Args:
            owner: Whose key it is.
            name: What its owner calls it.
            scopes: What it may do.
            asker: Who asks for it.
            read_only: Whether it may send GET and HEAD only.
            life_ms: Milliseconds for which it lives; None for as long as the asker's bound allows.

        Raises:
            Refusal: `too_many_keys`, `forbidden` for a longer life than the asker's, `unauthorized` if the asker's key
                has ended, `redis_full`.
        """
        wanted = {"name": name, "scopes": ",".join(sorted(scopes)), "read_only": int(read_only)}
        return await self._made(owner, asker, {**wanted, "life_ms": life_ms})

    async def rotate(
        self, owner: str, key_id: str, asker: Asker, *, grace_ms: int, life_ms: int | None = None
    ) -> NewKey:
        """Make a key that replaces another one; both are live for a while.

        Args:
            owner: Whose key it is.
            key_id: The id of the old key.
            asker: Who asks for it.
            grace_ms: Milliseconds for which the old key lives on, at most.
            life_ms: Milliseconds for which the new one lives; None for as long as the old one did.

        Raises:
            Refusal: As `create`, and `not_found`, `key_ended`, `two_live_keys`.
        """
        return await self._made(owner, asker, {"replaces": key_id, "grace_ms": grace_ms, "life_ms": life_ms})

    async def revoke(self, key_id: str, owner: str | None = None) -> KeyRecord:
        """End a key now.

        Args:
            key_id: Its id.
            owner: Whose key it must be; None for anyone's.

        Raises:
            Refusal: `not_found`.
        """
        answer = await self._revoke({"id": key_id, "owner": owner})
        if answer["answer"] == "unknown":
            raise unknown_key(key_id)
        return await self.find(key_id, owner)

    async def find(self, key_id: str, owner: str | None = None) -> KeyRecord:
        """Read a key.

        Args:
            key_id: Its id.
            owner: Whose key it must be; None for anyone's.

        Raises:
            Refusal: `not_found`.
        """
        (record,) = await read_keys(self._redis, key_id)
        if record is None or owner not in (None, record.owner):
            raise unknown_key(key_id)
        return record

    async def all(self, owner: str | None = None) -> AsyncIterator[KeyRecord]:
        """The keys of an owner, or of all owners, the newest first."""
        index, start = f"{API_KEYS}:{owner}" if owner is not None else API_KEYS, 0
        while ids := await self._redis.zrevrange(index, start, start + AT_ONCE - 1):
            for record in await read_keys(self._redis, *(key_id.decode() for key_id in ids)):
                if record is not None:
                    yield record
            start += AT_ONCE

    async def _made(self, owner: str, asker: Asker, wanted: dict[str, Any]) -> NewKey:
        key = new_key()
        digest = digest_of(key)
        answer = await self._make(
            {
                "id": id_of(digest),
                "digest": digest,
                "owner": owner,
                "made_by": asker.name,
                "by": asker.key_id,
                "not_after": asker.not_after,
                "most": self._most,
                **wanted,
            }
        )
        if answer["answer"] != "created":
            raise self._refusal(answer["answer"], wanted.get("replaces", ""))
        return NewKey(key, await self.find(id_of(digest)), answer.get("old_ends"))

    def _refusal(self, answer: str, replaced: str) -> Refusal:
        match answer:
            case "full":
                message = (
                    f"The owner has {self._most} keys (MAX_KEYS), those that ended in the last 30 days included. Use "
                    "one of them, or wait until some are forgotten."
                )
                return Refusal("too_many_keys", message, limit=self._most)
            case "too_long":
                message = "A key may not live longer than the one with which it is made. Ask for a shorter life."
                return Refusal("forbidden", message, field="expires")
            case "asker_ended":
                return Refusal("unauthorized", "The key that was sent has ended meanwhile.", field="Authorization")
            case "ended":
                message = f"The key {replaced!r} has expired or was revoked. Create another one."
                return Refusal("key_ended", message)
            case "two_live":
                message = (
                    f"The key {replaced!r} was rotated, and two keys are live already. Revoke the old one first, or "
                    "wait until it has expired."
                )
                return Refusal("two_live_keys", message)
            case "unknown":
                return unknown_key(replaced)
        raise RuntimeError(f"the script answered {answer!r}")


def unknown_key(key_id: str) -> Refusal:
    """There is no such key, or it is another owner's."""
    return Refusal("not_found", f"The key {key_id!r} was not found. A key is named by its id, not by itself.")


async def has_keys(redis: "Redis[bytes]") -> bool:
    """Whether Redis knows any key, also one that has ended lately.

    Raises:
        redis.exceptions.RedisError: Redis does not answer.
    """
    return bool(await redis.exists(API_KEYS))
