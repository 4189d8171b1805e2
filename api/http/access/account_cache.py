"""What this process knows of keys and owners, so that a request costs no question to Redis for them.

What was read is used for ACCOUNT_CACHE_S at most, also while Redis is away: a revoked key is refused within that time
whatever happens. It is dropped earlier when Redis announces a change, and when the subscription to these announcements
begins again, for some may have been missed.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from time import monotonic
from typing import Final, Generic, TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.http.access.access import Access
from api.http.access.key_use import KeyUse
from tasks.accounts.key_format import digest_of, id_of
from tasks.accounts.key_record import KeyRecord, read_keys
from tasks.accounts.key_store import has_keys
from tasks.accounts.owners import OwnerStore
from tasks.accounts.quotas import Quotas
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.telemetry.outage_log import OutageLog

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

MAX_KEYS: Final = 10_000
"""Keys of which a process knows what they may do: some 5 MB."""
MAX_OWNERS: Final = 10_000
"""Owners of which a process knows their quotas: some 5 MB."""
MAX_UNKNOWN: Final = 2_000
"""Keys of which a process knows that they open nothing. They have a place of their own, so that made-up ones push out
no other."""


class ExpiringMap(Generic[K, V]):
    """A bounded map. An entry ends after its time, or as the one that was not used for longest makes room.

    Args:
        limit: Entries at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._entries: OrderedDict[K, tuple[V, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: K) -> V | None:
        """The value, unless it has ended."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        value, until = entry
        if monotonic() >= until:
            del self._entries[key]
            return None
        self._entries.move_to_end(key)
        return value

    def put(self, key: K, value: V, seconds: float) -> None:
        """Keep a value for some seconds."""
        self._entries[key] = (value, monotonic() + seconds)
        self._entries.move_to_end(key)
        if len(self._entries) > self._limit:
            self._entries.popitem(last=False)

    def pop(self, key: K) -> None:
        """Drop an entry, if there is one."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Drop all entries."""
        self._entries.clear()


@dataclass(frozen=True, slots=True)
class OwnerAccount:
    """What a process knows of an owner. suspended: whether its requests are refused."""

    quotas: Quotas
    suspended: bool = False


class AccountCache:
    """The keys in Redis that were used lately, and the owners that sent requests.

    Args:
        redis: Connection.
        settings: For how long what was read is used (ACCOUNT_CACHE_S), and the quotas of owners without a record.
        outage_log: Is told when Redis does not answer.
        use: Is told of each use of a key.
    """

    def __init__(self, redis: "Redis[bytes]", settings: Settings, outage_log: OutageLog, use: KeyUse) -> None:
        self._redis = redis
        self._settings = settings
        self._kept_s = settings.account_cache_s
        self._owner_store = OwnerStore(redis)
        self._owners: ExpiringMap[str, OwnerAccount] = ExpiringMap(MAX_OWNERS)
        self._changes = 0
        self._outage_log = outage_log
        self._use = use
        self._no_keys_until = 0.0
        self._keys: ExpiringMap[str, KeyRecord] = ExpiringMap(MAX_KEYS)
        self._ended: ExpiringMap[str, tuple[KeyRecord | None]] = ExpiringMap(MAX_UNKNOWN)
        self._asked: dict[str, asyncio.Task[KeyRecord | None]] = {}

    def __len__(self) -> int:
        return len(self._keys) + len(self._ended)

    async def key(self, key: str) -> KeyRecord:
        """The record of a live key.

        Args:
            key: The key, which is well formed.

        Raises:
            Refusal: `unauthorized`, `unavailable`.
        """
        digest = digest_of(key)
        record = await self._record(id_of(digest))
        record = _live(record if record is not None and record.digest == digest else None)
        self._use.add(record.id)
        return record

    async def key_with_id(self, key_id: str) -> KeyRecord:
        """The record of a live key, for a session that was begun with it.

        Args:
            key_id: The public id of the key.

        Raises:
            Refusal: `unauthorized`, `unavailable`.
        """
        return _live(await self._record(key_id))

    async def check_key(self, key_id: str) -> None:
        """Check that a key still opens something: for what ends with it.

        Args:
            key_id: The public id of the key.

        Raises:
            Refusal: `unauthorized`, `unavailable`.
        """
        await self.key_with_id(key_id)

    async def check_again(self, access: Access) -> None:
        """Check that what a request was let in with still opens something: for responses that take long.

        Args:
            access: What the request was let in with.

        Raises:
            Refusal: `unauthorized`, `owner_suspended`, `unavailable`.
        """
        if access.key_id is not None:
            await self.check_key(access.key_id)
        check_suspension(access, await self.owner(access.owner))

    async def any_keys(self) -> bool:
        """Whether Redis has any key.

        Raises:
            Refusal: `unavailable`.
        """
        if monotonic() < self._no_keys_until:
            return False
        try:
            found = await has_keys(self._redis)
        except (RedisError, OSError) as error:
            raise self._unavailable(error) from error
        self._no_keys_until = 0.0 if found else monotonic() + self._kept_s
        return found

    def known_owner(self, name: str) -> OwnerAccount | None:
        """An owner of which this process knows."""
        return self._owners.get(name)

    async def owner(self, name: str) -> OwnerAccount:
        """An owner. While Redis does not answer, one that is not known has the quotas of the settings."""
        known = self._owners.get(name)
        if known is not None:
            return known
        changes = self._changes
        try:
            record = await self._owner_store.find(name)
        except (RedisError, OSError) as error:
            self._outage_log.failed(error)
            return OwnerAccount(Quotas.of(self._settings))
        quotas = Quotas.of(self._settings, record.quotas if record else None)
        account = OwnerAccount(quotas, suspended=record is not None and record.suspended_at is not None)
        # What was read may have been changed meanwhile.
        if changes == self._changes:
            self._owners.put(name, account, self._kept_s)
        return account

    def forget(self, announcement: bytes | None) -> None:
        """Drop what a change has made untrue.

        Args:
            announcement: `key <id>`, `owner <name>`, or None for anything that may have changed.
        """
        what, _, name = (announcement or b"").decode().partition(" ")
        # What is being read may have been read before the change.
        self._asked.clear()
        self._no_keys_until = 0.0
        self._changes += 1
        if what == "owner":
            self._owners.pop(name)
        elif what == "key":
            self._keys.pop(name)
            self._ended.pop(name)
        else:
            self._keys.clear()
            self._ended.clear()
            self._owners.clear()

    async def _record(self, key_id: str) -> KeyRecord | None:
        record = self._keys.get(key_id)
        if record is not None:
            return record
        ended = self._ended.get(key_id)
        if ended is not None:
            return ended[0]
        reading = self._asked.get(key_id)
        if reading is None:
            reading = self._asked[key_id] = asyncio.create_task(self._read(key_id), name="AccountCache")
        # One who goes away takes no one else's answer along.
        return await asyncio.shield(reading)

    async def _read(self, key_id: str) -> KeyRecord | None:
        this = asyncio.current_task()
        try:
            (record,) = await read_keys(self._redis, key_id)
        except (RedisError, OSError) as error:
            raise self._unavailable(error) from error
        finally:
            is_current = self._asked.get(key_id) is this
            if is_current:
                del self._asked[key_id]
        if is_current:
            self._keep(key_id, record)
        return record

    def _unavailable(self, error: Exception) -> Refusal:
        self._outage_log.failed(error)
        return Refusal("unavailable", "Redis does not respond, so API keys cannot be checked. Try again in a moment.")

    def _keep(self, key_id: str, record: KeyRecord | None) -> None:
        if record is None or record.state != "live":
            self._ended.put(key_id, (record,), self._kept_s)
            return
        left_s = self._kept_s if record.expires_at is None else (record.expires_at - record.read_at) / 1000
        self._keys.put(key_id, record, min(left_s, self._kept_s))


def check_suspension(access: Access, account: OwnerAccount) -> None:
    """Refuse a suspended owner. Raises: Refusal `owner_suspended`."""
    if account.suspended and not access.is_never_suspended:
        raise Refusal("owner_suspended", f"Owner {access.owner!r} is suspended. Ask the operator of this service.")


def _live(record: KeyRecord | None) -> KeyRecord:
    """A key's record, if the key opens something. Raises: Refusal `unauthorized`."""
    if record is None:
        raise Refusal(
            "unauthorized", "This API key is unknown. It may have been revoked long ago.", field="Authorization"
        )
    if record.state != "live":
        raise Refusal(
            "unauthorized", f"This API key is {record.state}. Ask its owner for another one.", field="Authorization"
        )
    return record
