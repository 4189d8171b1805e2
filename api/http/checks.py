"""All faults of a request at once: each part is examined, whatever is wrong with the others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from http import HTTPStatus
from typing import Annotated, Any, TypeVar, cast

from pydantic import BaseModel, ValidationError, create_model

from api.http.problems import REFUSED, STATUS
from tasks.refusal import Fault, Refusal
from tasks.validation import MAX_FAULTS, faults_of, nested, refusal_of

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)


class Checks:
    """Runs checks one by one and collects what they find. `done` raises it.

    Attributes:
        faults: Every field at fault so far.
    """

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self._first: Refusal | None = None
        self._more = 0

    @contextmanager
    def collect(self, *, inside: str = "", code: str = "invalid_request") -> Iterator[None]:
        """Collect the Refusal or ValidationError that the block raises.

        Args:
            inside: The field whose value the block reads, where that is not the whole body.
            code: The code for a ValidationError.
        """
        try:
            yield
        except (ValidationError, Refusal) as error:
            self._add_error(error, inside, code)

    def run(self, check: Callable[[], T], *, inside: str = "", code: str = "invalid_request") -> T | None:
        """Run a check.

        Args:
            check: Returns the checked value, or raises a Refusal or a ValidationError.
            inside: As of `collect`.
            code: As of `collect`.

        Returns:
            What the check returned; None if it found something wrong.
        """
        try:  # not with `collect`: a submit runs six checks, and a context manager takes longer than most of them
            return check()
        except (ValidationError, Refusal) as error:
            self._add_error(error, inside, code)
        return None

    def model(
        self, value: Any, model: type[M], refused: Callable[[ValidationError], Refusal] | None = None
    ) -> M | None:
        """Validate a value as a model.

        Args:
            value: Parsed JSON, or the parameters of a query.
            model: The model. Its validators may raise Refusals.
            refused: What is said of a ValidationError, where that differs.

        Returns:
            The model. If something is wrong, what is right of it: each other field has its default, or is None. None
            if nothing is right.
        """
        wrong: set[str] = set()
        while len(self.faults) < MAX_FAULTS:
            right = {name: one for name, one in value.items() if name not in wrong} if wrong else value
            try:
                return model.model_validate(right)
            except ValidationError as error:
                found = refused(error) if refused else refusal_of(faults_of(error))
            except Refusal as refusal:
                found = refusal
            faults = [fault for fault in _faults_of(found) if _name(fault) not in wrong]
            if not faults:
                return _rest(model, right)
            wrong |= {_name(fault) for fault in faults}
            limit = found.limit if faults[0].limit is None else faults[0].limit
            first, more = faults[0], found.more_faults
            self.add(
                Refusal(found.code, first.message, field=first.field, limit=limit, faults=faults, more_faults=more)
            )
            if not isinstance(value, dict):
                return None
        return None

    def add(self, refusal: Refusal, *, inside: str = "") -> None:
        """Keep what a check found.

        Args:
            refusal: What is wrong.
            inside: As of `collect`.

        Raises:
            Refusal: This one, if it is no fault of the request; the first, as `done`, once as many are found as one
                answer lists.
        """
        if STATUS.get(refusal.code, REFUSED) >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise refusal
        refusal = nested(refusal, inside) if inside else refusal
        self._first = self._first or refusal
        self.faults += _faults_of(refusal)
        self._more += refusal.more_faults
        if len(self.faults) >= MAX_FAULTS:
            self.done()

    def _add_error(self, error: ValidationError | Refusal, inside: str, code: str) -> None:
        self.add(error if isinstance(error, Refusal) else refusal_of(faults_of(error), code), inside=inside)

    def done(self) -> None:
        """End the checks.

        Raises:
            Refusal: Something was wrong. Its code and message are those of the first fault; `faults` has them all.
        """
        if self._first is None:
            return
        if len(self.faults) > 1:
            self._first.field = self.faults[0].field
            self._first.faults = tuple(self.faults[:MAX_FAULTS])
            self._first.more_faults = self._more + max(0, len(self.faults) - MAX_FAULTS)
        raise self._first


def _faults_of(refusal: Refusal) -> list[Fault]:
    return list(refusal.faults) or [Fault(refusal.field or "body", refusal.message, refusal.limit)]


def _name(fault: Fault) -> str:
    """The field of the model that a fault is in."""
    return fault.field.partition(".")[0]


def _rest(model: type[M], right: Any) -> M | None:
    try:
        return cast("M", _lenient(model).model_validate(right))
    except (ValidationError, Refusal):  # of the model as a whole
        return None


@cache
def _lenient(model: type[BaseModel]) -> type[BaseModel]:
    """The same model, of which no field is required."""
    fields: dict[str, Any] = {
        name: (Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation, None)
        for name, field in model.model_fields.items()
        if field.is_required()
    }
    return create_model(f"Lenient{model.__name__}", __base__=model, **fields)
