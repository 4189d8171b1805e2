"""The sandbox: runs functions in child processes that can be killed."""

import asyncio
import errno
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tasks.progress import Progress
from tasks.refusal import Refusal, SandboxDeath
from tasks.telemetry import tracing
from worker.attempts.scratch import ScratchRoot
from worker.sandbox import frames
from worker.sandbox.admission import Admission
from worker.sandbox.connection import Connection
from worker.sandbox.death import explain_death, timed_out
from worker.sandbox.launcher import Launcher

PROGRESS_EVERY_S: Final = 0.25
# Children to try: one that dies before it begins its call is not the call's fault, and another child gets the call.
STARTS: Final = 3

STOPPED: Final = "The sandbox was stopped; the work can be done again elsewhere"


class ProcessSandbox:
    """A `tasks.kind.Sandbox` whose children are forked by a zygote, which the first call starts.

    A child whose call was cancelled or failed is never used again, so that no call can get the answer of another. Its
    memory counts until it has ended.

    Args:
        preload: Modules that the zygote imports once, so that the children need not.
        children: Children that run at once.
        memory_mb: Address space that a child may take in addition to its code, in megabytes.
        budget_mb: Expected memory of all running calls together, in megabytes.
        recycle_after: Calls after which a child is replaced.
        folders: Folders that every child may write to, besides one of its own for temporary files.
    """

    def __init__(
        self,
        *,
        preload: Sequence[str],
        children: int,
        memory_mb: int,
        budget_mb: int,
        recycle_after: int,
        folders: Sequence[Path] = (),
    ) -> None:
        self._preload = tuple(preload)
        self._memory_mb = memory_mb
        self._recycle_after = recycle_after
        self._folders = tuple(folders)
        self._scratch = ScratchRoot()
        self._admission = Admission(children, budget_mb)
        self._launcher: Launcher | None = None
        self._launching = asyncio.Lock()
        self._idle: list[Connection] = []
        self._stopped = False

    async def call(
        self, function: str, *args: Any, seconds: float, memory_mb: int, progress: Progress | None = None
    ) -> Any:
        """Run a function in a child; see `tasks.kind.Sandbox.call` for arguments, results and errors.

        Waiting for admission does not count against `seconds`.

        Raises:
            ValueError, TypeError, OverflowError: The arguments cannot be encoded.
            RuntimeError: The zygote cannot start or has ended, so that the call may be repeated; or the sandbox is
                stopped.
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
                return _result_of(function, answer)
            status = child.gone.result()
            if child.began:
                if status is None:
                    break
                raise explain_death(status, self._memory_mb)
        self._check_open()
        raise RuntimeError(f"The sandbox lost its children under {function} (last exit status: {status}); try again")

    async def stop(self) -> None:
        """End the zygote and all children. Running and waiting calls raise RuntimeError."""
        self._stopped = True
        self._admission.refuse(STOPPED)
        async with self._launching:
            if self._launcher is not None:
                await self._launcher.stop()
        self._idle.clear()
        self._scratch.remove()

    async def _attempt(
        self, frame: bytes, seconds: float, memory_mb: int, progress: Progress | None
    ) -> tuple[Connection, list[Any] | None]:
        await self._admission.enter(memory_mb)
        child: Connection | None = None
        answer: list[Any] | None = None
        try:
            child = await self._idle_or_new_child()
            answer = await _exchange(child, frame, seconds, progress)
        finally:
            self._give_back(child, answer, memory_mb)
        return child, answer

    async def _idle_or_new_child(self) -> Connection:
        while self._idle:
            child = self._idle.pop()
            if child.alive:
                return child
        async with self._launching:
            self._check_open()
            if self._launcher is None or not self._launcher.alive:
                self._launcher = Launcher(self._preload, self._memory_mb, self._scratch.folder, self._folders)
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


async def _exchange(child: Connection, frame: bytes, seconds: float, progress: Progress | None) -> list[Any] | None:
    loop = asyncio.get_running_loop()
    answer = child.ask(frame)
    deadline = loop.time() + seconds
    while not answer.done():
        left = deadline - loop.time()
        if left <= 0:
            raise timed_out(seconds)
        await asyncio.wait((answer,), timeout=min(left, PROGRESS_EVERY_S) if progress else left)
        if progress and (latest := child.page.latest()):
            progress(*latest)
    return answer.result()


def _result_of(function: str, answer: list[Any]) -> Any:
    match answer:
        case ["value", value]:
            return value
        case ["refusal", code, message, field, limit]:
            raise Refusal(code, message, field=field, limit=limit)
        case ["disk_full", text]:
            raise OSError(errno.ENOSPC, text)
        case ["error", text]:
            raise RuntimeError(f"{function} failed in the sandbox:\n{text}")
        case _:
            raise SandboxDeath(
                "crashed", "The sandbox process sent an invalid answer. The input is probably malicious."
            )
