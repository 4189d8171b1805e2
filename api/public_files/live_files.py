"""Which files may be served to anyone who has their URL: those of jobs that are still there.

A URL says which file it is of; whether that may still be served, only the job's record says. It is read at most every
KNOWN_S for each job, so that a page with many pictures of one job costs one look, and that `DELETE` is true within
seconds here, and within a day at every CDN.
"""

from dataclasses import dataclass
from typing import Final

from redis.asyncio import Redis

from api.http.access.account_cache import ExpiringMap
from tasks import clock
from tasks.history.store import History
from tasks.public_files.signing import SignedFile, signed_name
from tasks.queue.records.list import read
from tasks.queue.records.record import State

KNOWN_S: Final = 10.0
"""Seconds for which what a record said is believed."""
MOST_KNOWN: Final = 2_000
"""Jobs of which this is known at once."""


@dataclass(frozen=True, slots=True)
class LiveFiles:
    """The files of a job that may be served.

    Attributes:
        owner: Whose they are.
        expires_at_ms: When the job expires, in milliseconds since 1970.
        sizes: By name and blob: how many bytes a file has.
    """

    owner: str
    expires_at_ms: int
    sizes: dict[tuple[str, str], int]


class LiveJobs:
    """Remembers the files of jobs for some seconds.

    Args:
        redis: Connection.
        history: Jobs with `keep` whose record has left Redis.
    """

    def __init__(self, redis: "Redis[bytes]", history: History) -> None:
        self._redis = redis
        self._history = history
        self._known: ExpiringMap[str, LiveFiles] = ExpiringMap(MOST_KNOWN)

    async def find(self, file: SignedFile) -> tuple[LiveFiles, int] | None:
        """Find what a URL that was signed here is of.

        Returns:
            The files of its job, and the bytes of this one; None if the job was deleted, or has no such file.
        """
        live = self._known.get(file.job_id) or await self._look(file.job_id)
        if live is None or (size := live.sizes.get((file.name, file.blob))) is None:
            return None
        return live, size

    async def _look(self, job_id: str) -> LiveFiles | None:
        record = await read(self._redis, job_id) or await self._history.find(job_id)
        if record is None or record.state is not State.SUCCEEDED:
            return None
        sizes = {(signed_name(one["name"]), one["blob"]): int(one["bytes"]) for one in record.files}
        live = LiveFiles(record.owner, record.expires_at or clock.now_ms(), sizes)
        self._known.put(job_id, live, KNOWN_S)
        return live
