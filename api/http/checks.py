"""All faults of a request at once: each part is examined, whatever is wrong with the others."""

from collections.abc import Callable
from typing import TypeVar

from pydantic import ValidationError

from tasks.refusal import Fault, Refusal
from tasks.validation import faults_of, refusal_of

T = TypeVar("T")


class Checks:
    """Runs checks one by one and collects what they find.

    Attributes:
        faults: Every field at fault so far.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._first: Refusal | None = None

    def run(self, check: Callable[[], T], *, inside: str = "", code: str = "invalid_request") -> T | None:
        """Run a check.

        Args:
            check: Returns the checked value, or raises a Refusal or a ValidationError.
            inside: The field whose value it reads, where that is not the whole body.
            code: The code for a ValidationError.

        Returns:
            What the check returned; None if it found something wrong.
        """
        try:
            return check()
        except ValidationError as error:
            self.add(refusal_of(faults_of(error, inside=inside), code))
        except Refusal as refusal:
            self.add(refusal)
        return None

    def add(self, refusal: Refusal) -> None:
        """Keep what a check found."""
        self._first = self._first or refusal
        self.faults += refusal.faults or [Fault(refusal.field or "body", refusal.message)]

    def done(self) -> None:
        """End the checks.

        Raises:
            Refusal: Something was wrong. Its code and message are those of the first fault; `faults` has them all.
        """
        if self._first is None:
            return
        if len(self.faults) > 1:
            self._first.faults = tuple(self.faults)
        raise self._first
