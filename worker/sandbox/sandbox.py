"""The sandbox: runs functions in child processes that can be killed."""

import asyncio
import errno
import itertools
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tasks.kind import Notes, Sandbox, Scratch
from tasks.progress import Progress
from tasks.refusal import Refusal, SandboxDeath
from tasks.telemetry import tracing
from worker.attempts.scratch import ScratchRoot
from worker.sandbox import frames
from worker.sandbox.admission import Admission, Grant
from worker.sandbox.connection import INVALID_ANSWER, Connection
from worker.sandbox.death import explain_death, timed_out
from worker.sandbox.isolation.parts import LANDLOCK
from worker.sandbox.launcher import Launcher

PROGRESS_EVERY_S: Final = 0.25
# Children to try: one that dies before it begins its call is not the call's fault, and another child gets the call.
STARTS: Final = 3
# How often one call may ask for more memory. A picture asks when its header is read, and once more if an engine leaves
# it to another one; one more is to spare.
ASKS: Final = 3

CORES: Final = os.cpu_count() or 1

STOPPED: Final = "The sandbox was stopped; the work can be done again elsewhere"


class ProcessSandbox:
    """Runs the calls of all owners in children that a zygote forks, which the first call starts.

    A child whose call was cancelled or failed is never used again, so that no call can get the answer of another. Its
    memory counts until it has ended.

    Args:
        preload: Modules that the zygote imports once, so that the children need not.
        children: Children that run at once.
        memory_mb: Address space that a child may take in addition to its code, in megabytes.
        budget_mb: Expected memory of all running calls together, in megabytes.
        recycle_after: Calls after which a child is replaced.
        folders: Folders that every child may write to. A child has one of its own for temporary files, and during a
            call the scratch folder of the attempt (see `of`).
        reserved_mb: How much of the budget is kept, with a child more, for owners that have no running call.
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
        reserved_mb: int = 0,
    ) -> None:
        self._preload = tuple(preload)
        self._memory_mb = memory_mb
        self._recycle_after = recycle_after
        self._children = children
        self._folders = tuple(folders)
        self._scratch = ScratchRoot()
        self._admission = Admission(children, budget_mb, reserved_mb)
        self._launcher: Launcher | None = None
        self._numbers = itertools.count(1)  # of children, also after a new zygote: a call may still hold a folder
        self._launching = asyncio.Lock()
        self._idle: list[Connection] = []
        # Those that have given way: for owners that have other calls running.
        self._slow: list[Connection] = []
        self._stopped = False

    def of(self, owner: str, scratch: Scratch, notes: Notes | None = None) -> Sandbox:
        """Return the sandbox for the calls of one attempt. They are made one after the other, since the child of each
        is given the scratch folder.

        Args:
            owner: Whose job it is.
            scratch: The attempt's scratch folder.
            notes: To which the CPU time of the calls is added.
        """
        return _AttemptSandbox(self, owner, scratch, notes)

    async def call(
        self,
        function: str,
        *args: Any,
        seconds: float,
        memory_mb: int,
        progress: Progress | None = None,
        owner: str = "",
        folder: Path | None = None,
        notes: Notes | None = None,
    ) -> Any:
        """Run a function in a child; see `tasks.kind.Sandbox.call` for arguments, results and errors.

        Waiting for admission does not count against `seconds`. owner: whose turn it takes. folder: the one that the
        child may use, and no other child at the same time; None if it needs none. notes: to which the CPU time of the
        call is added.

        Raises:
            ValueError, TypeError, OverflowError: The arguments cannot be encoded.
            RuntimeError: The zygote cannot start or has ended, so that the call may be repeated; or the sandbox is
                stopped.
        """
        with tracing.step(f"sandbox {function}"):
            request = [function, args, seconds, memory_mb]
            frames.encode(request)  # raises before the call waits
            call = _Call(request, seconds, memory_mb, progress, owner, folder, notes)
            return await self._call(function, call)

    async def _call(self, function: str, call: "_Call") -> Any:
        status: int | None = None
        for _ in range(STARTS):
            self._check_open()
            child, answer = await self._attempt(call)
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
        self._slow.clear()
        self._scratch.remove()

    async def _attempt(self, call: "_Call") -> tuple[Connection, list[Any] | None]:
        grant = await self._admission.enter(call.owner, call.memory_mb)
        child: Connection | None = None
        answer: list[Any] | None = None
        try:
            cores = self._children if self._admission.is_alone() else 1
            child = await self._idle_or_new_child(grant)
            with self._lending(child, call.folder), _cpu_noted(child, call.notes):
                received = await self._exchange(child, call, grant, cores)
            answer = received
        finally:
            self._give_back(child, answer, grant)
        return child, answer

    async def _exchange(self, child: Connection, call: "_Call", grant: Grant, cores: int) -> list[Any] | None:
        left_s, answering = call.seconds, child.ask(frames.encode([*call.request, cores]))
        for _ in range(ASKS + 1):
            answer, left_s = await _answer_within(left_s, answering, child, call)
            match answer:
                case ["memory", memory_mb]:
                    if memory_mb > (limit := self._admission.largest_mb):
                        message = f"This needs {memory_mb} MB of memory; the limit is {limit} MB (SANDBOX_BUDGET_MB)."
                        raise Refusal("too_much_memory", message, limit=limit)
                    await self._admission.extend(grant, memory_mb)
                    answering = child.resume()
                case _:
                    return answer
        return INVALID_ANSWER

    def _lending(self, child: Connection, folder: Path | None) -> AbstractContextManager[None]:
        """Give a folder to a child. Without landlock every child may use every folder."""
        is_closed = self._launcher is not None and LANDLOCK not in self._launcher.lacking
        return child.folder.holding(folder) if folder is not None and is_closed else nullcontext()

    async def _idle_or_new_child(self, grant: Grant) -> Connection:
        for idle in (self._idle,) if self._admission.is_only(grant) else (self._slow, self._idle):
            while idle:
                child = idle.pop()
                if child.alive:
                    return child
        async with self._launching:
            self._check_open()
            if self._launcher is None or not self._launcher.alive:
                self._launcher = Launcher(
                    self._preload, self._memory_mb, self._scratch.folder, self._numbers, self._folders
                )
                await self._launcher.start()
            return await self._launcher.fork()

    def _give_back(self, child: Connection | None, answer: list[Any] | None, grant: Grant) -> None:
        if child is None:
            self._admission.leave(grant)
            return
        match answer:
            case ["value" | "refusal", *_] if self._is_of_use(child):
                (self._slow if child.has_given_way else self._idle).append(child)
                self._admission.leave(grant)
            case _:
                child.kill()
                child.gone.add_done_callback(lambda _: self._admission.leave(grant))

    def _is_of_use(self, child: Connection) -> bool:
        too_many_slow = child.has_given_way and len(self._slow) >= self._children
        return child.alive and child.calls < self._recycle_after and not too_many_slow

    def _check_open(self) -> None:
        if self._stopped:
            raise RuntimeError(STOPPED)


@dataclass(frozen=True, slots=True)
class _Call:
    """What a call is, from its admission to its answer."""

    request: list[Any]
    seconds: float
    memory_mb: int
    progress: Progress | None
    owner: str
    folder: Path | None
    notes: Notes | None


@contextmanager
def _cpu_noted(child: Connection, notes: Notes | None) -> Iterator[None]:
    """Add the CPU time of what the child does meanwhile, as it says: no more than it could have had."""
    began, before_ms = time.monotonic(), child.page.cpu_ms
    try:
        yield
    finally:
        if notes is not None:
            most_ms = int((time.monotonic() - began) * 1000) * CORES
            notes.cpu_ms += min(max(child.page.cpu_ms - before_ms, 0), most_ms)


@dataclass(frozen=True, slots=True)
class _AttemptSandbox:
    """The `tasks.kind.Sandbox` of one attempt."""

    sandbox: ProcessSandbox
    owner: str
    scratch: Scratch
    notes: Notes | None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def call(
        self, function: str, *args: Any, seconds: float, memory_mb: int, progress: Progress | None = None
    ) -> Any:
        async with self.turn:
            return await self.sandbox.call(
                function,
                *args,
                seconds=seconds,
                memory_mb=memory_mb,
                progress=progress,
                owner=self.owner,
                folder=self.scratch.folder,
                notes=self.notes,
            )


async def _answer_within(
    left_s: float, answering: "asyncio.Future[list[Any] | None]", child: Connection, call: _Call
) -> tuple[list[Any] | None, float]:
    """Wait for what a child sends. Returns it, and the seconds that are left of the call's."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + left_s
    while not answering.done():
        left_s = deadline - loop.time()
        if left_s <= 0:
            if not child.began:
                raise RuntimeError(f"No child of the sandbox began the call within {call.seconds:g} s; try again")
            raise timed_out(call.seconds)
        await asyncio.wait((answering,), timeout=min(left_s, PROGRESS_EVERY_S) if call.progress else left_s)
        if call.progress and (latest := child.page.latest()):
            call.progress(*latest)
    return answering.result(), deadline - loop.time()


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
