"""The asynchronous client: the methods of `Client`, to be awaited."""

import itertools
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import anyio
import anyio.to_thread
import httpx

from pressroom_client import calls
from pressroom_client.connection import http_options, request_options, temporary
from pressroom_client.content import Source
from pressroom_client.errors import JobFailedError, WaitTimeoutError
from pressroom_client.options import EventOptions, JobOptions, TableOptions
from pressroom_client.records import Job
from pressroom_client.retries import Retries

T = TypeVar("T")


class AsyncClient:
    """A client for one service and one key. It keeps connections: make one, use it from any task, and close it."""

    def __init__(
        self,
        url: str,
        key: str | None = None,
        *,
        timeout_s: float = 30.0,
        retries: Retries | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Open no connection yet.

        Args:
            url: Of the service, such as `https://pressroom.example`.
            key: An API key; none in development.
            timeout_s: Seconds without a byte after which a request is given up.
            retries: How often a request is sent; the default is 5 times.
            transport: Of httpx, for proxies, certificates and tests.
        """
        self._retries = retries or Retries()
        self._timeout_s = timeout_s
        self._http = httpx.AsyncClient(**http_options(url, key), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def submit_image(
        self,
        image: Source,
        *,
        variants: str | Sequence[Mapping[str, Any]] | None = None,
        **options: Unpack[JobOptions],
    ) -> Job:
        """Upload a picture, of which a job makes variants.

        Args:
            image: Its bytes, the path of its file, or an open file.
            variants: The name of a preset, or variants such as `{"name": "card", "width": 640, "format": "webp"}`.
            options: Those of `JobOptions`.
        """
        return await self._job(calls.image_call(image, variants, options))

    async def submit_report(self, spec: Mapping[str, Any], **options: Unpack[JobOptions]) -> Job:
        """Make a report from a spec: `{"document": {…}, "blocks": […]}`."""
        return await self._job(calls.report_call(spec, options))

    async def submit_table(
        self, table: Source, *, content_type: str = calls.BINARY, **options: Unpack[TableOptions]
    ) -> Job:
        """Make a report from a table.

        Args:
            table: CSV, NDJSON, or a workbook: its bytes, the path of its file, or an open file.
            content_type: Its media type; by default the service looks at the bytes.
            options: Those of `TableOptions`.
        """
        return await self._job(calls.table_call(table, content_type, options))

    async def publish_event(
        self,
        type: str,
        data: Any,
        *,
        channel: str | None = None,
        event_id: str | None = None,
        **options: Unpack[EventOptions],
    ) -> Job:
        """Publish an event to the webhook endpoints that subscribe to it.

        Args:
            type: Such as `order.paid`.
            data: Any JSON value.
            channel: A tenant or customer of yours.
            event_id: Of your own: published again with the same content, it has no effect.
            options: Those of `EventOptions`.
        """
        return await self._job(calls.event_call(type, data, channel, event_id, options))

    async def get_job(self, job: Job | str, *, wait_s: float = 0.0) -> Job:
        """The job's record. wait_s: seconds for which the service may wait for its end, 25 at most."""
        return await self._job(calls.job_call(job, wait_s))

    async def wait(self, job: Job | str, *, timeout_s: float = 300.0) -> Job:
        """Wait until a job has succeeded.

        Args:
            job: A record or an id.
            timeout_s: Seconds to wait at most.

        Raises:
            JobFailedError: It has failed, or was cancelled.
            WaitTimeoutError: It has not ended in time.
        """
        until = time.monotonic() + timeout_s
        while True:
            found = await self.get_job(job, wait_s=until - time.monotonic())
            if found.state == "succeeded":
                return found
            if found.ended:
                raise JobFailedError(found)
            if time.monotonic() >= until:
                raise WaitTimeoutError(found)
            await anyio.sleep(calls.EARLY_PAUSE_S)

    async def cancel_job(self, job: Job | str) -> Job:
        """Cancel a job that has not ended."""
        return await self._job(calls.cancel_call(job))

    async def download(self, job: Job | str, name: str) -> bytes:
        """An output file of a job that has succeeded, in memory. name: such as `small.jpg`."""
        return await self._send(calls.file_call(job, name), httpx.Response.aread)

    async def download_to(self, path: Path, job: Job | str, name: str) -> None:
        """Write an output file into a file, which is there when it is complete, and replaces one of this name."""

        async def write(response: httpx.Response) -> None:
            with temporary(path) as file:
                async for chunk in response.aiter_bytes():
                    await anyio.to_thread.run_sync(file.write, chunk)

        await self._send(calls.file_call(job, name), write)

    async def request(
        self, method: str, path: str, *, json: Any = None, query: Mapping[str, str | float] | None = None
    ) -> Any:
        """Any other request of the API, such as `request("GET", "/v1/jobs", query={"state": "failed"})`.

        Returns:
            The JSON of the answer; None if there is none.
        """
        answer = await self._send(calls.json_call(method, path, json, query), _read)
        return answer.json() if answer.content else None

    async def _job(self, call: calls.Call) -> Job:
        return Job.of((await self._send(call, _read)).json())

    async def _send(self, call: calls.Call, use: Callable[[httpx.Response], Awaitable[T]]) -> T:
        """Send a request, as often as needed. use: reads the answer."""
        for attempt in itertools.count(1):
            content = call.content.async_chunks() if call.content else None
            try:
                async with self._http.stream(content=content, **request_options(call, self._timeout_s)) as response:
                    if response.is_success:
                        return await use(response)
                    await response.aread()
                pause_s = self._retries.after_answer(call, attempt, response)
            except httpx.TransportError as error:
                pause_s = self._retries.after_failure(call, attempt, error)
            await anyio.sleep(pause_s)
        raise AssertionError("unreachable")


async def _read(response: httpx.Response) -> httpx.Response:
    await response.aread()
    return response
