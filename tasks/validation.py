"""What pydantic finds wrong with a request or with a job's params, as refusals that name every field at once."""

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import ValidationError

from tasks.refusal import Fault, Refusal

MAX_FAULTS = 20
"""The number of faults that one refusal lists."""


def faults_of(error: ValidationError, *, inside: str = "", whole: str = "body") -> list[Fault]:
    """All that a model found wrong.

    Args:
        error: What the model raised.
        inside: The field whose value the model read, such as `params`.
        whole: The field to name where the value as a whole is at fault.
    """
    return read_faults(error.errors(include_url=False, include_context=False, include_input=False), inside, whole)


def read_faults(errors: Iterable[Any], inside: str = "", whole: str = "body") -> list[Fault]:
    """The same, of pydantic's list of errors."""
    faults = []
    for error in errors:
        path = [inside] if inside else []
        field = ".".join([*path, *map(str, error["loc"])]) or whole
        message = error["msg"].removeprefix("Value error, ").removesuffix(".")
        faults.append(Fault(field, f"{field}: {message}."))
    return faults


def refusal_of(faults: Sequence[Fault], code: str = "invalid_request") -> Refusal:
    """A refusal for at least one fault. The first is its message and field; up to MAX_FAULTS are in its `faults`."""
    return Refusal(code, faults[0].message, field=faults[0].field, faults=faults[:MAX_FAULTS])


def nested(refusal: Refusal, inside: str) -> Refusal:
    """The same refusal, told of the request that has what it refuses in a field.

    Args:
        refusal: What is wrong.
        inside: The field, such as `job`.
    """
    return Refusal(
        refusal.code,
        _nested_message(refusal.field, refusal.message, inside),
        field=_nested_field(refusal.field, inside),
        limit=refusal.limit,
        retry_after_s=refusal.retry_after_s,
        faults=[
            Fault(_nested_field(one.field, inside), _nested_message(one.field, one.message, inside))
            for one in refusal.faults
        ],
    )


def _nested_field(field: str | None, inside: str) -> str:
    return inside if field in (None, "body") else f"{inside}.{field}"


def _nested_message(field: str | None, message: str, inside: str) -> str:
    return (
        message.replace(field, _nested_field(field, inside), 1)
        if field and message.startswith(f"{field}:")
        else message
    )
