"""Copies the outputs of a job into a destination, at the end of the job."""

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakValueDictionary

import structlog

from tasks.clock import from_ms
from tasks.destinations.path import path_of
from tasks.destinations.record import DestinationRecord, check_not_ours, find_destination, open_secret
from tasks.kind import JobContext, OutputFile
from tasks.outbound.protocol import OutboundError, OutboundRequest, OutboundResponse
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.urls.presigned_url import Credentials, presigned
from tasks.webhook.secret_box import SecretBox

log = structlog.get_logger()

SIGNED_S: Final = 900
MAX_FAILURES: Final = 1_000
"""Destinations that have failed and are remembered, in one process."""
AWAY: Final = frozenset(
    {"dns_failed", "connect_failed", "connect_timed_out", "connection_lost", "answer_timed_out", "proxy_failed"}
)
"""Failures that waiting may help with."""


class DestinationUnavailable(Exception):  # noqa: N818 - it names the state, as StorageUnavailable
    """A destination does not answer, or cannot take files now. Its text is for the owner of the job."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The destination {name!r} does not work: {reason}")
        self.name = name
        self.reason = reason


class OutputCopier:
    """Copies outputs for all jobs of a process. A destination that hangs delays only the jobs that name it.

    Args:
        settings: Those of the process.
        now: The time in seconds.
    """

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._now = now
        self._memory = _CopyMemory(settings.destination_memory_bytes)
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._failures: dict[tuple[str, str], _Failure] = {}

    def check(self, owner: str, name: str, job_id: str) -> None:
        """Refuse a job whose destination has just failed. After DESTINATION_PAUSE_S one job may try it again.

        Args:
            owner: Whose job it is.
            name: The destination.
            job_id: The job.

        Raises:
            DestinationUnavailable: It has failed.
        """
        failure, now = self._failures.get((owner, name)), self._now()
        if failure is None or failure.probe == job_id:
            return
        if now < failure.until:
            raise DestinationUnavailable(name, failure.reason)
        failure.until, failure.probe = now + self._settings.destination_pause_s, job_id

    def mark_away(self, owner: str, name: str, reason: str) -> None:
        """Remember that a destination has failed.

        Args:
            owner: Whose destination it is.
            name: The destination.
            reason: A sentence for the owner.
        """
        self._failures.pop((owner, name), None)  # so that the newest is the last
        self._failures[owner, name] = _Failure(self._now() + self._settings.destination_pause_s, reason)
        if len(self._failures) > MAX_FAILURES:
            del self._failures[next(iter(self._failures))]
        log.warning("destination.away", owner=owner, destination=name, reason=reason)

    async def copy(
        self, job: JobContext[Any], name: str, files: Sequence[OutputFile], created_at_ms: int
    ) -> dict[str, Any]:
        """Copy all files.

        Args:
            job: The job.
            name: The destination.
            files: The outputs.
            created_at_ms: When the job was submitted, in milliseconds since 1970.

        Returns:
            What the result says of it: `name`, and the `urls` of the objects.

        Raises:
            Refusal: `destination_gone`, `destination_refused`, `destination_exists`, `secret_unreadable`.
            DestinationUnavailable: The destination does not answer.
            StorageUnavailable: The outputs cannot be read.
        """
        destination = await find_destination(job.redis, job.owner, name)
        if destination is None:
            raise Refusal("destination_gone", f"The destination {name!r} was deleted. Submit the job to another one.")
        check_not_ours(job.settings, destination.bucket, destination.prefix, destination.endpoint)
        key = job.settings.secret_key
        box = SecretBox.of(key.get_secret_value() if key else None)
        target = _CopyTarget(job, destination, open_secret(box, job.owner, destination))
        at = from_ms(created_at_ms)
        urls = []
        for file in files:
            path = path_of(destination.path, job_id=job.job_id, owner=job.owner, file=file, at=at)
            whole = f"{destination.prefix}/{path}".lstrip("/")
            await self._put(target, job, name, whole, file)
            urls.append(f"s3://{destination.bucket}/{whole}")
        return {"name": name, "urls": urls}

    async def _put(self, target: "_CopyTarget", job: JobContext[Any], name: str, path: str, file: OutputFile) -> None:
        place = job.owner, name
        lock = self._turns.setdefault(place, asyncio.Lock())
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(self._settings.destination_timeout_s):
                    await stack.enter_async_context(lock)
                    self.check(job.owner, name, job.job_id)  # it may have failed meanwhile
                    await stack.enter_async_context(self._memory.of(file.bytes))
            except TimeoutError as error:
                raise DestinationUnavailable(
                    name, "Other jobs are copying, and it was not the turn of this one."
                ) from error
            try:
                await target.put(path, file)
            except DestinationUnavailable as away:
                self.mark_away(job.owner, name, away.reason)
                raise
            self._failures.pop(place, None)


@dataclass(slots=True)
class _Failure:
    """A destination that has failed: what it said, and the job that tries it first after `until` (monotonic)."""

    until: float
    reason: str
    probe: str | None = None


class _CopyMemory:
    """The memory that all files under way share. A file that is larger takes all of it."""

    def __init__(self, total: int) -> None:
        self._total = self._left = total
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def of(self, size: int) -> AsyncIterator[None]:
        wanted = min(size, self._total)
        async with self._changed:
            await self._changed.wait_for(lambda: self._left >= wanted)
            self._left -= wanted
        try:
            yield
        finally:
            async with self._changed:
                self._left += wanted
                self._changed.notify_all()


class _CopyTarget:
    """The bucket of a destination, for one job."""

    def __init__(self, job: JobContext[Any], destination: DestinationRecord, secret: str) -> None:
        self._job = job
        self._destination = destination
        self._credentials = Credentials(destination.access_key_id, secret, destination.region)

    async def put(self, path: str, file: OutputFile) -> None:
        limit = self._job.settings.max_destination_bytes
        if file.bytes > limit:
            message = f"The file {file.name!r} is larger than the limit of {limit} bytes (MAX_DESTINATION_BYTES)."
            raise Refusal("destination_refused", message, limit=limit)
        content = b"".join([chunk async for chunk in self._job.storage.read(file.blob)])
        condition = {} if self._destination.overwrite else {"if-none-match": "*"}
        answer = await self._send(path, content, file.type, condition)
        if condition and answer.status in (409, 412, 501):
            if await self._has_same(path, file):
                return  # an attempt that was cut off has copied it
            if answer.status == 501:  # the server does not know the condition
                answer = await self._send(path, content, file.type, {})
        if not 200 <= answer.status < 300:
            raise self._refused(answer.status, path)

    async def _send(self, path: str, content: bytes, media_type: str, headers: dict[str, str]) -> OutboundResponse:
        headers, timeout_s = {**headers, "content-type": media_type}, self._job.settings.destination_timeout_s
        request = OutboundRequest(self._signed("PUT", path), content, headers, method="PUT", timeout_s=timeout_s)
        try:
            return await self._job.outbound.post(request)
        except OutboundError as error:
            raise self._failed(error) from error

    async def _has_same(self, path: str, file: OutputFile) -> bool:
        """Whether the object that is there has these bytes; False if there is none. Raises: Refusal
        `destination_exists` if it has others."""
        copy = self._job.scratch.folder / "copied-before"
        try:
            await self._job.outbound.fetch(self._signed("GET", path), copy, max_bytes=file.bytes)
            same = await asyncio.to_thread(lambda: hashlib.sha256(copy.read_bytes()).hexdigest() == file.blob)
        except OutboundError as error:
            if error.status == 404:
                return False
            raise self._failed(error) from error
        except Refusal:  # it is larger
            same = False
        if not same:
            name = self._destination.name
            message = f"{path!r} is in the destination {name!r} already, with other bytes. It was not changed."
            raise Refusal("destination_exists", message)
        return True

    def _signed(self, method: str, path: str) -> str:
        now = datetime.now(UTC)
        return presigned(method, f"{self._destination.base_url}/{path}", self._credentials, SIGNED_S, now)

    def _failed(self, error: OutboundError) -> Exception:
        if error.status is not None:
            return self._refused(error.status, "it")
        if error.code in AWAY:
            return self._away(error.message)
        return Refusal("destination_refused", f"The destination {self._destination.name!r}: {error.message}")

    def _refused(self, status: int, what: str) -> Exception:
        if status in (409, 429) or status >= 500:
            return self._away(f"It answers with status {status}.")
        name = self._destination.name
        message = f"The destination {name!r} refused {what} with status {status}. Check its bucket and its keys."
        return Refusal("destination_refused", message)

    def _away(self, reason: str) -> DestinationUnavailable:
        return DestinationUnavailable(self._destination.name, reason)
