"""Reads large report specs in a process of their own: parsing and checking one holds the GIL for up to seconds.

`python -m api.reports.spec_process` is that process. It reads a spec from its standard input, as four bytes that say
its length and then its text, answers in the same form, and ends when the input does.
"""

import asyncio
import contextlib
import signal
import sys

import msgspec
import structlog

from api.http.body import SMALL_BODY_BYTES
from tasks.process_memory import hide_from_others
from tasks.refusal import Fault, Refusal
from tasks.report.spec.prepared import PreparedSpec, prepare

log = structlog.get_logger()

IDLE_S = 60.0
"""The process takes some 60 MB, and is ended when no large spec has come for so long."""
LENGTH_BYTES = 4
PROCESS = ("-m", __name__)
DIED = (OSError, asyncio.IncompleteReadError)


class SpecRefused(msgspec.Struct, frozen=True, tag="refused"):
    """A Refusal on its way out of the process."""

    code: str
    message: str
    field: str | None
    limit: float | int | None
    faults: tuple[tuple[str, str], ...]


class SpecProcess:
    """The process, which is started for the first large spec. Specs are read one after the other.

    Args:
        seconds: For one spec, and for the start of the process before it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._ending: asyncio.Task[None] | None = None

    async def prepare(self, body: bytes) -> PreparedSpec:
        """Read a spec: a small one here, which takes 10 ms at worst, a larger one in the process.

        Raises:
            Refusal: As `tasks.report.spec.prepared.prepare`; `spec_reader_unavailable` if the process takes too long,
                or dies twice.
        """
        if len(body) <= SMALL_BODY_BYTES:
            return prepare(body)
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            try:
                async with asyncio.timeout(self.seconds):
                    answer = await self._ask_again(body)
            except BaseException as error:
                await _end(self._take())  # what it says next would belong to this spec
                if isinstance(error, DIED):  # a time-out is an OSError
                    log.warning("reports.spec_process_failed", error=repr(error), bytes=len(body))
                    raise _unavailable(self.seconds if isinstance(error, TimeoutError) else None) from error
                raise
            self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end_idle)
        if isinstance(answer, SpecRefused):
            faults = [Fault(*fault) for fault in answer.faults]
            raise Refusal(answer.code, answer.message, field=answer.field, limit=answer.limit, faults=faults)
        return answer

    async def _ask_again(self, body: bytes) -> PreparedSpec | SpecRefused:
        """Ask a second time if the process dies: it may have been killed for another reason than this spec."""
        try:
            return await self._ask(body)
        except DIED as error:
            log.warning("reports.spec_process_died", error=repr(error))
            await _end(self._take())
            return await self._ask(body)

    async def _ask(self, body: bytes) -> PreparedSpec | SpecRefused:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *PROCESS,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
        told, answers = self._process.stdin, self._process.stdout
        assert told is not None and answers is not None  # noqa: S101, PT018
        told.writelines((len(body).to_bytes(LENGTH_BYTES), body))
        await told.drain()
        size = int.from_bytes(await answers.readexactly(LENGTH_BYTES))
        answer = await answers.readexactly(size)
        return msgspec.msgpack.decode(answer, type=PreparedSpec | SpecRefused)

    def _take(self) -> asyncio.subprocess.Process | None:
        process, self._process = self._process, None
        return process

    def _end_idle(self) -> None:
        # Taken at once: a spec that comes before the process has ended is read by another.
        self._ending = asyncio.create_task(_end(self._take()))

    async def close(self) -> None:
        """End the process."""
        if self._idle is not None:
            self._idle.cancel()
        await _end(self._take())
        if self._ending is not None:
            await self._ending


async def _end(process: asyncio.subprocess.Process | None) -> None:
    if process is not None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()
        assert process.stdin is not None  # noqa: S101 - it was opened as a pipe
        # Python 3.11 would report what nobody asked for: that the pipe was broken.
        with contextlib.suppress(OSError):
            await process.stdin.wait_closed()


def _unavailable(seconds: float | None) -> Refusal:
    what = "has died" if seconds is None else f"took longer than {seconds:g} s (SPEC_SECONDS)"
    return Refusal(
        "spec_reader_unavailable",
        f"The process that reads large report specs {what}. Try again in a moment, or send a smaller spec. With an "
        "Idempotency-Key nothing is done twice.",
    )


def answer_specs() -> None:
    """What the process does."""
    hide_from_others()
    # The terminal and the platform send these to it too; the web process may still be ending its requests.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    while len(head := sys.stdin.buffer.read(LENGTH_BYTES)) == LENGTH_BYTES:
        body = sys.stdin.buffer.read(int.from_bytes(head))
        answer: PreparedSpec | SpecRefused
        try:
            answer = prepare(body)
        except Refusal as refusal:
            faults = tuple((fault.field, fault.message) for fault in refusal.faults)
            answer = SpecRefused(refusal.code, refusal.message, refusal.field, refusal.limit, faults)
        text = msgspec.msgpack.encode(answer)
        sys.stdout.buffer.write(len(text).to_bytes(LENGTH_BYTES) + text)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    answer_specs()
