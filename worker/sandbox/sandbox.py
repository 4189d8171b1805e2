"""The sandbox: calls of functions in child processes that can be killed."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from tasks.progress import Progress
from tasks.refusal import Refusal, SandboxDeath
from tasks.telemetry import tracing
from worker.sandbox import frames
from worker.sandbox.admission import Admission
from worker.sandbox.connection import Connection
from worker.sandbox.death import timed_out, verdict
from worker.sandbox.launcher import Launcher

PROGRESS_EVERY_S: Final = 0.25
# A child, idle or new, may die before it takes up its call; that is not the work's fault, and another gets the call.
STARTS: Final = 3

STOPPED: Final = "The sandbox was stopped; the work can be done again elsewhere"


class ProcessSandbox:
    """`tasks.kind.Sandbox` on children of a zygote, which is started by the first call.

    preload: modules that the zygote imports once, so that no child has to. children: how many may run at once.
    memory_mb: address space a child may take, on top of its code. budget_mb: expected memory of all running calls
    together. recycle_after: calls after which a child is replaced.

    A child whose call was broken off, failed or died is never used again, so no call can get another's answer. Its
    memory counts until it is gone.
    """

    def __init__(
        self, *, preload: Sequence[str], children: int, memory_mb: int, budget_mb: int, recycle_after: int
    ) -> None:
        self._preload = tuple(preload)
        self._memory_mb = memory_mb
        self._recycle_after = recycle_after
        self._admission = Admission(children, budget_mb)
        self._launcher: Launcher | None = None
        self._launching = asyncio.Lock()
        self._idle: list[Connection] = []
        self._stopped = False

    async def call(
        self, function: str, *args: Any, seconds: float, memory_mb: int, progress: Progress | None = None
    ) -> Any:
        """As `tasks.kind.Sandbox.call` promises. Waiting for admission does not count against `seconds`.

        `function` is called as function(*args, report=report); `report` is a `tasks.progress.Progress`.

        Raises besides: ValueError, TypeError or OverflowError for args that cannot cross; RuntimeError if the zygote
        cannot start or ends under the call, which is not the work's fault and may be tried again, and once the sandbox
        is stopped.
        """
        with tracing.step(f"sandbox {function}"):
            return await self._call(function, args, seconds, memory_mb, progress)

    async def _call(
        self, function: str, args: tuple[Any, ...], seconds: float, memory_mb: int, progress: Progress | None
    ) -> Any:
        frame = frames.encode([function, args, seconds])
        status: int | None = None
        for _ in range(STARTS):
            self._check_open()
            child, answer = await self._attempt(frame, seconds, memory_mb, progress)
            if answer is not None:
                return _open(function, answer)
            status = child.gone.result()
            if child.began:
                if status is None:
                    break
                raise verdict(status, self._memory_mb)
        self._check_open()
        raise RuntimeError(f"The sandbox lost its children under {function} (last exit status: {status}); try again")

    async def stop(self) -> None:
        """End the zygote and every child; calls that run or wait raise RuntimeError."""
        self._stopped = True
        self._admission.refuse(STOPPED)
        async with self._launching:
            if self._launcher is not None:
                await self._launcher.stop()
        self._idle.clear()

    async def _attempt(
        self, frame: bytes, seconds: float, memory_mb: int, progress: Progress | None
    ) -> tuple[Connection, list[Any] | None]:
        await self._admission.enter(memory_mb)
        child: Connection | None = None
        answer: list[Any] | None = None
        try:
            child = await self._take_child()
            answer = await _converse(child, frame, seconds, progress)
        finally:
            self._give_back(child, answer, memory_mb)
        return child, answer

    async def _take_child(self) -> Connection:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
        async with self._launching:
            self._check_open()
            if self._launcher is None or not self._launcher.alive:
                self._launcher = Launcher(self._preload, self._memory_mb)
                await self._launcher.start()
            return await self._launcher.fork()

    def _give_back(self, child: Connection | None, answer: list[Any] | None, memory_mb: int) -> None:
        if child is None:
            self._admission.leave(memory_mb)
            return
        match answer:
            case ["value" | "refusal", *_] if child.alive and child.calls < self._recycle_after:
                self._idle.append(child)
                self._admission.leave(memory_mb)
            case _:
                child.kill()
                child.gone.add_done_callback(lambda _: self._admission.leave(memory_mb))

    def _check_open(self) -> None:
        if self._stopped:
            raise RuntimeError(STOPPED)


async def _converse(child: Connection, frame: bytes, seconds: float, progress: Progress | None) -> list[Any] | None:
    loop = asyncio.get_running_loop()
    answer = child.ask(frame)
    deadline = loop.time() + seconds
    while not answer.done():
        left = deadline - loop.time()
        if left <= 0:
            raise timed_out(seconds)
        await asyncio.wait((answer,), timeout=min(left, PROGRESS_EVERY_S) if progress else left)
        if progress and (news := child.page.news()):
            progress(*news)
    return answer.result()


def _open(function: str, answer: list[Any]) -> Any:
    match answer:
        case ["value", value]:
            return value
        case ["refusal", code, message, field, limit]:
            raise Refusal(code, message, field=field, limit=limit)
        case ["error", text]:
            raise RuntimeError(f"{function} failed in the sandbox:\n{text}")
        case _:
            raise SandboxDeath(
                "crashed", "The sandbox process sent an invalid answer. The input is probably malicious."
            )
