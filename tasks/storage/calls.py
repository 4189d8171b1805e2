"""Calls of a storage: obstore's blocking calls in threads, and whether the storage answers them.

They release the GIL and cost no more than its async calls, which may abort the interpreter if it exits while one of
them ends. A running call holds a thread; a slow client does not.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, ParamSpec, TypeVar

import structlog
from obstore.exceptions import BaseError

from tasks.storage.cures import cure_of
from tasks.storage.protocol import StorageUnavailable

log = structlog.get_logger()

P = ParamSpec("P")
T = TypeVar("T")

THREADS: Final = 32
"""Calls at once of one process."""


class StorageCalls:
    """Runs the calls of one storage.

    Args:
        name: Names the storage in logs and errors.
        is_folder: Whether it is a folder of this machine.

    Attributes:
        threads: In which they run.
        away_since: Since when (seconds since 1970) the storage has not answered; None if it does.
    """

    def __init__(self, name: str, *, is_folder: bool) -> None:
        self._name = name
        self._is_folder = is_folder
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="storage")
        self.away_since: float | None = None

    async def noted(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run a blocking call in a thread, and note whether the storage answers. Cancelling ends the wait alone.

        Args:
            work: The call.
            *args: Its arguments.
            **named: Its named arguments.

        Raises:
            StorageUnavailable: The storage has failed.
        """
        return await self.note(self.run(work, *args, **named))

    async def note(self, answer: Awaitable[T]) -> T:
        """Note whether the storage answers. Raises: StorageUnavailable."""
        try:
            result = await answer
        except StorageUnavailable as away:
            self.mark_away(away)
            raise
        self._mark_back()
        return result

    async def run(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run a blocking call in a thread. For one that may succeed without an answer of the storage.

        Args:
            work: The call.
            *args: Its arguments.
            **named: Its named arguments.

        Raises:
            StorageUnavailable: The storage has failed.
        """
        return await self.answered(
            asyncio.get_running_loop().run_in_executor(self.threads, lambda: work(*args, **named))
        )

    async def answered(self, answer: Awaitable[T]) -> T:
        """An answer, with obstore's errors in our words. Raises: StorageUnavailable."""
        try:
            return await answer
        except BaseError as error:
            raise self.unavailable(str(error), cure=cure_of(error, is_folder=self._is_folder)) from error

    def unavailable(self, reason: str, *, cure: str | None = None) -> StorageUnavailable:
        """The error of a storage that fails.

        Args:
            reason: Its first line is in the message.
            cure: What an operator has to correct; None if waiting helps.
        """
        return StorageUnavailable(f"the storage {self._name} has failed: {reason.partition(chr(10))[0]}", cure=cure)

    def mark_away(self, away: StorageUnavailable) -> None:
        """Note that the storage does not answer."""
        if self.away_since is None:
            self.away_since = time.time()
            log.warning("storage.away", error=str(away), cure=away.cure or "none: waiting helps")

    def _mark_back(self) -> None:
        if self.away_since is not None:
            log.info("storage.back", away_s=round(time.time() - self.away_since, 1))
            self.away_since = None
