"""Answers that a process keeps for a moment, so that many who ask cost one."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer that is sought or known, how long it is kept (`loop.time()`), and the one before it."""

    task: asyncio.Task[Any]
    until: float
    before: asyncio.Task[Any] | None


class KeptAnswers:
    """Answers by name."""

    def __init__(self) -> None:
        self._answers: dict[str, _Answer] = {}

    async def get(
        self, name: str, find: Callable[[], Coroutine[Any, Any, Any]], kept_s: float, *, old_meanwhile: bool = False
    ) -> Any:
        """The answer. It is sought once, however many ask for it, and kept.

        Args:
            name: What is asked for.
            find: Finds the answer; it raises nothing.
            kept_s: Seconds for which an answer is kept, from the moment in which it was asked for.
            old_meanwhile: Give the answer before, if there is one, instead of waiting for the next.
        """
        loop = asyncio.get_running_loop()
        answer = self._answers.get(name)
        if answer is None or (answer.task.done() and loop.time() >= answer.until):
            before = answer.task if answer is not None else None
            answer = _Answer(loop.create_task(find(), name=name), loop.time() + kept_s, before)
            self._answers[name] = answer
        if old_meanwhile and answer.before is not None and not answer.task.done():
            return answer.before.result()
        # Who goes away takes nobody else's answer along.
        return await asyncio.shield(answer.task)

    async def close(self) -> None:
        """Wait for answers that are still sought."""
        await asyncio.gather(*(answer.task for answer in self._answers.values()), return_exceptions=True)
