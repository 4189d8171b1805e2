"""What pydantic finds wrong with a request or with a job's params, as refusals that name every field at once."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence, Sized
from difflib import get_close_matches
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, ValidationError
from pydantic_core import PydanticKnownError

from tasks.pattern_forms import FORMS
from tasks.refusal import Fault, Refusal

MAX_FAULTS = 20
"""The number of faults that one refusal lists."""
MAX_SHOWN_CHARS = 60
"""Characters of a wrong value that a message shows."""
LIKENESS = 0.75
"""How alike, from 0 to 1, an unknown name must be to a known one to be taken for it."""
HIDDEN = ("secret", "headers")
"""Fields whose values no message shows."""

SENTENCES: Final = {
    "missing": "The field is required",
    "extra_forbidden": "The field is unknown",
    **dict.fromkeys(("string_type", "string_unicode", "string_sub_type"), "{given} is no text"),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "{given} is no whole number"),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number", "decimal_type"), "{given} is no number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "{given} is neither true nor false"),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type"), "{given} is no list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "{given} is no JSON object"),
    "greater_than_equal": "{given} is too small. Send at least {ge}",
    "greater_than": "{given} is too small. Send more than {gt}",
    "less_than_equal": "{given} is too large. Send at most {le}",
    "less_than": "{given} is too large. Send less than {lt}",
    "string_too_short": "The text is too short (characters: {length}, at least {min_length})",
    "string_too_long": "The text is too long (characters: {length}, at most {max_length})",
    "too_short": "There are too few entries ({length}, at least {min_length})",
    "too_long": "There are too many entries ({length}, at most {max_length})",
    **dict.fromkeys(("literal_error", "enum"), "{given} is not {expected}"),
    "string_pattern_mismatch": "{given} does not have the right form{form}",
}
"""What pydantic's errors mean to the sender of a request: what came, and what may. Pydantic's own texts are for those
who wrote the model."""
LIMITS: Final = ("ge", "le", "gt", "lt", "min_length", "max_length")
"""What pydantic calls the limits of a number, a text or a list."""


def no_boolean(value: Any) -> Any:
    """Refuse true and false where a number is wanted, which they equal in Python."""
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


JsonNumber = Annotated[float, BeforeValidator(no_boolean)]
"""A number in a JSON body. Pydantic's own would take true for 1."""
JsonInteger = Annotated[int, BeforeValidator(no_boolean)]
"""A whole number in a JSON body, likewise."""

BOUNDS: Final = {"ge": "minimum", "le": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}


def with_standard_bounds(schema: Any) -> Any:
    """A JSON Schema whose bounds have their standard names. Pydantic writes its own for a number with a validator.

    Args:
        schema: The schema, which is changed.
    """
    for part in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        with_standard_bounds(part)
    if isinstance(schema, dict) and schema.get("type") in ("number", "integer"):
        for own, name in BOUNDS.items():
            if own in schema:
                bound = schema.pop(own)
                schema[name] = schema.get(name, bound)
    return schema


def like(name: str, known: Iterable[str]) -> str | None:
    """The known name that a name is likely a misspelling of, if there is one."""
    return next(iter(get_close_matches(name.lower(), list(known), n=1, cutoff=LIKENESS)), None)


def faults_of(
    error: ValidationError,
    *,
    inside: str = "",
    whole: str = "body",
    known: Callable[[Sequence[Any]], Iterable[str]] | None = None,
) -> list[Fault]:
    """All that a model found wrong.

    Args:
        error: What the model raised.
        inside: The field whose value the model read, such as `params`.
        whole: The field to name where the value as a whole is at fault.
        known: Returns the names that an object has, of its place; so that a misspelt one is understood.
    """
    return read_faults(error.errors(include_url=False), inside, whole, known)


def read_faults(
    errors: Iterable[Any],
    inside: str = "",
    whole: str = "body",
    known: Callable[[Sequence[Any]], Iterable[str]] | None = None,
) -> list[Fault]:
    """The same, of pydantic's list of errors."""
    faults, found = [], list(errors)
    for error in found:
        if error["type"] == "too_short" and any(_is_inside(other["loc"], error["loc"]) for other in found):
            continue  # pydantic counts only the entries that are right
        path = [inside] if inside else []
        field = ".".join([*path, *map(str, error["loc"])]) or whole
        limits = [_plain(limit) for name, limit in error.get("ctx", {}).items() if name in LIMITS]
        sentence = f"{field}: {sentence_of(error)}."
        if known and error["type"] == "extra_forbidden" and (meant := like(str(error["loc"][-1]), known(error["loc"]))):
            sentence += f" Did you mean {meant!r}?"
        faults.append(Fault(field, sentence, limits[0] if limits else None))
    return faults


def _is_inside(place: Sequence[Any], whole: Sequence[Any]) -> bool:
    return len(place) > len(whole) and place[: len(whole)] == whole


def sentence_of(error: Mapping[str, Any]) -> str:
    """One of pydantic's errors in our words, without a full stop."""
    if (sentence := SENTENCES.get(error["type"])) is None:
        message: str = error["msg"]
        return message.removeprefix("Value error, ").removesuffix(".")
    given = "The value" if any(name in HIDDEN for name in error["loc"]) else shown(error["input"])
    limits = {name: _plain(limit) for name, limit in error.get("ctx", {}).items()}
    length = len(error["input"]) if isinstance(error["input"], Sized) else None
    form = FORMS.get(limits.get("pattern", ""))
    return sentence.format(given=given, length=length, form=f". Send {form}" if form else "", **limits)


def _plain(limit: Any) -> Any:
    return int(limit) if isinstance(limit, float) and limit.is_integer() else limit


def shown(value: Any) -> str:
    """A value of a request as a message shows it."""
    if isinstance(value, list | tuple):
        return "A list"
    if isinstance(value, Mapping):
        return "A JSON object"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=repr)
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"


def refusal_of(faults: Sequence[Fault], code: str = "invalid_request") -> Refusal:
    """A refusal for at least one fault: the first is its message, field and limit. Faults after MAX_FAULTS are counted
    only."""
    first, more = faults[0], max(0, len(faults) - MAX_FAULTS)
    return Refusal(
        code, first.message, field=first.field, limit=first.limit, faults=faults[:MAX_FAULTS], more_faults=more
    )


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
            Fault(_nested_field(one.field, inside), _nested_message(one.field, one.message, inside), one.limit)
            for one in refusal.faults
        ],
        more_faults=refusal.more_faults,
    )


def _nested_field(field: str | None, inside: str) -> str:
    return inside if field in (None, "body") else f"{inside}.{field}"


def _nested_message(field: str | None, message: str, inside: str) -> str:
    return (
        message.replace(field, _nested_field(field, inside), 1)
        if field and message.startswith(f"{field}:")
        else message
    )
