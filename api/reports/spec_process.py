"""Reads large report specs in a process of their own: parsing and checking one holds the GIL for up to seconds.

`python -m api.reports.spec_process` is that process. It reads a spec from its standard input, as four bytes that say
its length and then its text, answers in the same form, and ends when the input does.
"""

import asyncio
import contextlib
import signal
import sys
from pathlib import Path

import msgspec
import structlog

from api.http.body import SMALL_BODY_BYTES
from tasks.refusal import Fault, Refusal
from tasks.report.spec.prepared import PreparedSpec, prepare

log = structlog.get_logger()

IDLE_S = 60.0
"""The process takes some 60 MB, and is ended when no large spec has come for so long."""
PATIENCE_S = 60.0
"""For one spec, and for the start of the process before it."""
LENGTH_BYTES = 4
ROOT = Path(__file__).parents[2]


class SpecRefused(msgspec.Struct, frozen=True, tag="refused"):
    """A Refusal on its way out of the process."""

    code: str
    message: str
    field: str | None
    limit: float | int | None
    faults: tuple[tuple[str, str], ...]


class SpecProcess:
    """The process, which is started for the first large spec. Specs are read one after the other."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None
        self._closing: asyncio.Task[None] | None = None

    async def prepare(self, body: bytes) -> PreparedSpec:
        """Read a spec: a small one here, which takes 10 ms at worst, a larger one in the process.

        Raises:
            Refusal: As `tasks.report.spec.prepared.prepare`.
            TimeoutError: The process has died or did not answer.
        """
        if len(body) <= SMALL_BODY_BYTES:
            return prepare(body)
        async with self._turn:
            if self._idle is not None:
                self._idle.cancel()
            try:
                async with asyncio.timeout(PATIENCE_S):
                    answer = await self._ask(body)
            except BaseException as error:
                await self.close()  # what it says next would belong to this spec
                if isinstance(error, OSError | asyncio.IncompleteReadError):
                    log.warning("reports.spec_process_died", error=repr(error))
                    raise TimeoutError("the process that reads specs has died") from error
                raise
            self._idle = asyncio.get_running_loop().call_later(IDLE_S, self._end_idle)
        if isinstance(answer, SpecRefused):
            faults = [Fault(*fault) for fault in answer.faults]
            raise Refusal(answer.code, answer.message, field=answer.field, limit=answer.limit, faults=faults)
        return answer

    async def _ask(self, body: bytes) -> PreparedSpec | SpecRefused:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                __name__,
                cwd=ROOT,
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

    def _end_idle(self) -> None:
        self._closing = asyncio.create_task(self.close())

    async def close(self) -> None:
        """End the process; the next large spec starts another."""
        if self._idle is not None:
            self._idle.cancel()
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


def answer_specs() -> None:
    """What the process does."""
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
