"""How a running job reports how far it is."""

from collections.abc import Mapping
from typing import Protocol


class Progress(Protocol):
    """A callable that reports progress. Cheap to call: it is passed on a few times a second, however often it is
    called."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Report progress.

        Args:
            done: Steps done so far.
            total: Steps there are in all.
            note: A word for people, such as what is being drawn.
        """
        ...


class AttemptProgress(Progress, Protocol):
    """The progress of an attempt, which may have numbers of its kind besides."""

    def __call__(self, done: int, total: int, note: str = "", counts: Mapping[str, int] | None = None) -> None:
        """Report progress.

        Args:
            done: As of `Progress`.
            total: As of `Progress`.
            note: As of `Progress`.
            counts: Numbers (or true and false) by name that are shown beside these three.
        """
        ...
