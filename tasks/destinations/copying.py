"""Copies the outputs of a job into a destination, at the end of the job."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

from tasks.clock import from_ms
from tasks.destinations.path import path_of
from tasks.destinations.record import DestinationRecord, check_not_ours, find_destination, open_secret
from tasks.kind import JobContext, OutputFile
from tasks.outbound.protocol import OutboundError, OutboundRequest, OutboundResponse
from tasks.refusal import Refusal
from tasks.storage.presigned_url import Credentials, presigned
from tasks.storage.protocol import StorageUnavailable
from tasks.webhook.secret_box import SecretBox

SIGNED_S: Final = 900
COPY_S: Final = 60.0
"""Seconds that one file may take."""
AWAY: Final = frozenset(
    {"dns_failed", "connect_failed", "connect_timed_out", "connection_lost", "answer_timed_out", "proxy_failed"}
)
"""Failures that waiting may help with."""


class OutputCopier:
    """Copies outputs, one file at a time of all jobs of a process: each is in memory meanwhile."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

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
            StorageUnavailable: The destination does not answer.
        """
        destination = await find_destination(job.redis, job.owner, name)
        if destination is None:
            raise Refusal("destination_gone", f"The destination {name!r} was deleted. Submit the job to another one.")
        check_not_ours(job.settings, destination.bucket, destination.prefix)
        key = job.settings.secret_key
        box = SecretBox.of(key.get_secret_value() if key else None)
        target = _CopyTarget(job, destination, open_secret(box, job.owner, destination))
        at = from_ms(created_at_ms)
        urls = []
        for file in files:
            path = path_of(destination.path, job_id=job.job_id, owner=job.owner, file=file, at=at)
            whole = f"{destination.prefix}/{path}".lstrip("/")
            async with self._turn:
                await target.put(whole, file)
            urls.append(f"s3://{destination.bucket}/{whole}")
        return {"name": name, "urls": urls}


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
        url = self._signed("PUT", path)
        request = OutboundRequest(url, content, {**headers, "content-type": media_type}, method="PUT", timeout_s=COPY_S)
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

    def _away(self, reason: str) -> StorageUnavailable:
        return StorageUnavailable(
            f"the destination {self._destination.name} has failed: {reason}",
            cure=f"It is the destination {self._destination.name!r}: {reason}",
        )
