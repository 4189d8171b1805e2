"""How often Redis is asked."""

from arq.connections import ArqRedis


class Trips:
    """Counts what Redis has read from its clients and the hashes it looked up."""

    def __init__(self, redis: ArqRedis) -> None:
        self._redis = redis
        self._reads = self._hashes = 0

    async def begin(self) -> None:
        await self._redis.config_resetstat()
        self._reads, self._hashes = await self._counts()

    async def since(self) -> tuple[int, int]:
        """Trips (this question is one itself) and hashes since `begin`."""
        reads, hashes = await self._counts()
        return reads - self._reads - 1, hashes - self._hashes

    async def _counts(self) -> tuple[int, int]:
        info = await self._redis.info("everything")
        return info["total_reads_processed"], info.get("cmdstat_hgetall", {}).get("calls", 0)
