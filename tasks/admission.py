"""How work in the sandbox asks for memory once it knows how much it needs."""

from typing import Protocol


class Admit(Protocol):
    """A callable that waits until the work may take so much memory. It returns at once if the work has as much."""

    def __call__(self, memory_mb: int) -> None:
        """Wait for memory.

        Args:
            memory_mb: Megabytes in all. The work may ask a few times, for more each time; while it waits, it should
                hold little.
        """
        ...


def admit_all(memory_mb: int) -> None:
    """The `Admit` of work that runs outside the sandbox: it may take what it needs."""
