"""What opens something to a browser without a key, and ends by itself: upload tokens and portal links.

Each is a hash that expires, and stands in a list of its owner by the time at which it ends.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from redis.asyncio import Redis

from tasks import clock
from tasks.queue.account_keys import UPLOAD_TOKEN, UPLOAD_TOKENS
from tasks.queue.portal_keys import PORTAL_LINK, PORTAL_LINKS
from tasks.queue.redis_keys import SECOND_MS
from tasks.queue.script import Script

Sort = Literal["upload", "portal"]
KEYS: Final[Mapping[Sort, tuple[str, str]]] = {
    "upload": (UPLOAD_TOKEN, UPLOAD_TOKENS),
    "portal": (PORTAL_LINK, PORTAL_LINKS),
}
"""How the keys of one, and of an owner's list, begin; `accounts/tokens.lua` has the same."""


class Expiring(Protocol):
    """A token or a link."""

    @property
    def owner(self) -> str:
        """Whose it is."""
        ...

    @property
    def place(self) -> tuple[int, str]:
        """By which they are in order: when it ends, in milliseconds since 1970, and its id."""
        ...


E = TypeVar("E", bound=Expiring)


class ExpiringStore(Generic[E]):
    """Makes, lists and revokes those of one sort.

    Args:
        redis: Connection.
        sort: Which.
        from_hash: Builds one of its id and its hash.
    """

    def __init__(self, redis: "Redis[bytes]", sort: Sort, from_hash: Callable[[str, Mapping[bytes, bytes]], E]) -> None:
        self._redis = redis
        self._sort = sort
        self._record, self._index = KEYS[sort]
        self._from_hash = from_hash
        self._create = Script(redis, "submit/token")
        self._revoke = Script(redis, "accounts/revoke_token")

    async def _add(
        self, one: str, owner: str, fields: Mapping[str, str | int | None], *, seconds: int, most: int
    ) -> int | None:
        """Write a new one.

        Args:
            one: Its id.
            owner: Whose.
            fields: Of its hash; None is left out.
            seconds: For how long it lives.
            most: How many an owner may have.

        Returns:
            When it was made, in milliseconds since 1970; None if the owner has as many as that.

        Raises:
            Refusal: `redis_full`.
        """
        answer: dict[str, Any] = await self._create(
            {
                "sort": self._sort,
                "id": one,
                "owner": owner,
                "fields": [part for pair in fields.items() if pair[1] is not None for part in pair],
                "life_ms": seconds * SECOND_MS,
                "most": most,
            }
        )
        return None if answer["answer"] == "full" else int(answer["now"])

    async def with_id(self, one: str) -> E | None:
        """One that has not ended, by its id, of whatever owner."""
        fields = await self._redis.hgetall(self._record + one)
        found = self._from_hash(one, fields) if fields else None
        return found if found and found.place[0] > clock.now_ms() else None

    async def find(self, owner: str, one: str) -> E | None:
        """One of an owner's that has not ended, by its id."""
        found = await self.with_id(one)
        return found if found and found.owner == owner else None

    async def list(self, owner: str, limit: int, *, after: tuple[int, str] | None = None) -> list[E]:
        """Those of an owner that have not ended, the one that ends next first.

        Args:
            owner: Whose.
            limit: How many at most.
            after: The `place` of the one before the first.
        """
        found, offset = list[E](), 0
        since = max(clock.now_ms(), after[0] if after else 0)
        while len(found) < limit:
            # Those that were revoked or have expired just now leave no gap, nor those of the same millisecond.
            scored = await self._redis.zrangebyscore(self._index + owner, since, "+inf", offset, limit, withscores=True)
            ids = [one.decode() for one, score in scored if after is None or (int(score), one.decode()) > after]
            async with self._redis.pipeline(transaction=False) as pipe:
                for one in ids:
                    pipe.hgetall(self._record + one)
                records = await pipe.execute()
            found += [self._from_hash(*one) for one in zip(ids, records, strict=True) if one[1]]
            if len(scored) < limit:
                break
            offset += limit
        return found[:limit]

    async def revoke(self, owner: str, one: str) -> bool:
        """End one. Returns whether the owner had it."""
        return bool(await self._revoke({"sort": self._sort, "id": one, "owner": owner}))
