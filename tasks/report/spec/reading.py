"""From a request's bytes to a `Spec`, or to a refusal that names the block and the field."""

import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, NoReturn, get_args

from pydantic import ValidationError

from tasks.refusal import Fault, Refusal
from tasks.report.spec.blocks import Block
from tasks.report.spec.document import Spec
from tasks.validation import sentence_of, with_standard_bounds

MAX_OBJECTS = 50_000
"""JSON objects of one spec: each becomes a hundred times larger than it may be written."""
MAX_FAULTS = 100
"""Errors of pydantic that are looked at: a spec with thousands of wrong cells has as many."""
FLOAT_DIGITS = 15
"""A double keeps so many digits of any decimal number."""
BLOCK_TYPES = frozenset(model.model_fields["type"].default for model in get_args(get_args(Block)[0]))


def read_spec(body: bytes) -> Spec:
    """The spec that a JSON body is.

    Raises: Refusal `invalid_request` with the field, as in `blocks.3.columns.2.width`; `too_many_objects`.
    """
    if body.count(b"{") > MAX_OBJECTS:
        message = f"The spec has more than {MAX_OBJECTS} objects. Send the rows as a dataset."
        raise Refusal("too_many_objects", message, field="body", limit=MAX_OBJECTS)
    said = read_json(body)
    try:
        return Spec.model_validate(said)
    except ValidationError as error:
        raise refusal_of(error, said) from error


def read_json(body: bytes) -> Any:
    """A JSON document. Numbers are finite, and exact: one that a float would round comes as text. Half a surrogate pair
    becomes U+FFFD.

    Raises: Refusal `invalid_request`.
    """
    try:
        said = json.loads(body, parse_float=_number, parse_constant=_no_number)
        if b"\\ud" in body.lower():
            whole = json.dumps(said, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            said = json.loads(whole)
    except RecursionError as error:
        raise Refusal("invalid_request", "The body is nested too deeply. Use fewer levels.", field="body") from error
    except ValueError as error:
        raise Refusal("invalid_request", f"The body is not valid JSON: {error}.", field="body") from error
    return said


def _number(text: str) -> float | str:
    value = float(text)
    if not math.isfinite(value):
        _no_number(text)
    exact = len(text) <= FLOAT_DIGITS + len(".") or Decimal(text) == Decimal(repr(value))
    return value if exact else text


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a finite number")


def refusal_of(error: ValidationError, said: Any) -> Refusal:
    """What pydantic has found in `said`, told in the words of the one who wrote it.

    Of a choice (`auto`, `flex` or points) pydantic tells what is wrong with each; they become one sentence, unless one
    way went further than the others: then it was meant.
    """
    found = error.errors(include_url=False)
    if found[0]["type"] == "recursion_depth_exceeded":
        return Refusal("invalid_request", "blocks: The blocks are nested too deeply. Use fewer levels.", field="blocks")
    faults = [
        (_place(fault, said), _sentence(fault))
        for fault in found
        if fault["type"] != "default_factory_not_called"  # follows from another fault
    ]
    first = faults[0][0]
    first = next((place for place, _ in faults if place.startswith(f"{first}.")), first)
    messages: dict[str, dict[str, None]] = {first: {}}  # by field; a dict keeps the order and no double
    for place, message in faults:
        messages.setdefault(place, {})[message] = None
    fields = [first, *(place for place, _ in faults[:MAX_FAULTS])]
    deepest = [place for place in dict.fromkeys(fields) if not any(one.startswith(f"{place}.") for one in fields)]
    wrong = [Fault(one, f"{one}: {_as_one(list(messages[one]))}.") for one in deepest]
    return Refusal("invalid_request", wrong[0].message, field=wrong[0].field, faults=wrong)


def _as_one(messages: Sequence[str]) -> str:
    """One sentence for a value that is none of several things."""
    subject = messages[0].partition(" is ")[0] + " is "
    if all(message.startswith(subject) for message in messages):
        return subject + ", and ".join(message.removeprefix(subject) for message in messages)
    return "; or ".join(messages)


def _place(fault: Mapping[str, Any], said: Any) -> str:
    """Where the fault is in what was said: pydantic's own place also names the models that it tried."""
    *way, last = fault["loc"] or ("body",)
    place: list[str] = []
    entered = False  # a block whose type pydantic is about to name
    for part in way:
        named = entered and isinstance(said, dict) and said.get("type") == part and part in BLOCK_TYPES
        entered = isinstance(part, int)
        if not named and _holds(said, part):
            place.append(str(part))
            said = said[part]
    named = entered and isinstance(said, dict) and said.get("type") == last and last in BLOCK_TYPES
    if not named and (_holds(said, last) or fault["type"] == "missing" or not place):
        place.append(str(last))
    if fault["type"].startswith("union_tag"):
        place.append("type")
    return ".".join(place)


def _holds(said: Any, part: Any) -> bool:
    if isinstance(said, list):
        return isinstance(part, int) and part < len(said)
    return isinstance(said, dict) and part in said


def _sentence(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "union_tag_invalid":
        return f"unknown block type {fault['ctx']['tag']!r}, expected one of {fault['ctx']['expected_tags']}"
    if fault["type"] == "union_tag_not_found":
        return "the block has no type, such as 'text' or 'table'"
    return sentence_of(fault)


def schema() -> dict[str, Any]:
    """The JSON Schema of `Spec`."""
    made: dict[str, Any] = with_standard_bounds(Spec.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
