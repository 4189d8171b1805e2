"""Bytes of an owner: what it may have in the storage, and what it may use in a day.

They are checked before a body is received, for what has been stored is stored.
"""

import math
from typing import Final

from redis.asyncio import Redis

from api.http.access.account_cache import ExpiringMap
from tasks.accounts.quotas import Quotas
from tasks.accounts.usage import BytesUsed, UsageStore, seconds_left_today
from tasks.refusal import Quota, Refusal

KNOWN_S: Final = 2.0
"""Seconds for which a process goes by what it has read of an owner's bytes, and by what it let in since."""
MAX_OWNERS: Final = 10_000


class ByteQuotas:
    """Checks the bytes of owners that have such a quota.

    Args:
        redis: Connection.
        known_s: Seconds for which what was read is used.
    """

    def __init__(self, redis: "Redis[bytes]", known_s: float = KNOWN_S) -> None:
        self._store = UsageStore(redis)
        self._known_s = known_s
        self._known: ExpiringMap[str, BytesUsed] = ExpiringMap(MAX_OWNERS)
        self._let_in: dict[str, int] = {}

    async def check(self, owner: str, quotas: Quotas, size: int) -> None:
        """Refuse a request whose bytes, or the files that its job makes, would exceed a quota.

        Args:
            owner: Whose bytes.
            quotas: Those of the owner.
            size: Bytes that the request brings, as far as it says so.

        Raises:
            Refusal: `owner_storage_full`, `rate_limited`.
        """
        if not quotas.has_byte_limits:
            return
        used = self._known.get(owner)
        if used is None:
            used = await self._store.bytes_used(owner)
            self._known.put(owner, used, self._known_s)
            self._let_in[owner] = 0
        coming = self._let_in.get(owner, 0) + size
        limit = quotas.stored_bytes
        held = used.stored + used.unfinished
        if limit and (held >= limit or held + coming > limit):
            fits = held + size <= limit and held < limit
            raise Refusal(
                "owner_storage_full",
                f"You have {used.stored} bytes in the storage and {used.unfinished} in uploads that are not complete, "
                f"{coming} more come with this request and those of the last seconds, and {limit} are allowed "
                "(OWNER_STORED_BYTES). Delete uploads or jobs; what expires is removed each night.",
                limit=limit,
                retry_after_s=math.ceil(self._known_s) if fits else None,
                quota=Quota("stored-bytes", unit="content-bytes"),
            )
        limit = quotas.bytes_per_day
        if limit and (used.today >= limit or used.today + coming > limit):
            seconds = seconds_left_today()
            raise Refusal(
                "rate_limited",
                f"You have sent and made {used.today} bytes today (UTC), {coming} more come with this request and "
                f"those of the last seconds, and {limit} are allowed (OWNER_BYTES_PER_DAY). Try again in {seconds} s.",
                limit=limit,
                retry_after_s=seconds,
                quota=Quota("bytes-per-day", window_s=86_400, unit="content-bytes"),
            )
        self._let_in[owner] = coming
        while len(self._let_in) > MAX_OWNERS:
            del self._let_in[next(iter(self._let_in))]
