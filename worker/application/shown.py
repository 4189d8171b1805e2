"""How arguments and results of an ARQ application are shown in records, whatever they are: as JSON, or as a bounded
repr."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

MAX_SHOWN_CHARS = 4_000
"""Longest text of one job's arguments, or of its result, in its record."""


def shown_call(args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """The arguments of a call as JSON for the record."""
    call = {"args": list(args), "kwargs": dict(kwargs)}
    text = _json(call)
    if text is not None:
        return text
    left = MAX_SHOWN_CHARS // max(len(args) + len(kwargs), 1)
    shown = {"args": [_one(arg, left) for arg in args], "kwargs": {name: _one(kwargs[name], left) for name in kwargs}}
    text = json.dumps(shown)
    return text if len(text) <= 2 * MAX_SHOWN_CHARS else json.dumps({"repr": _repr(call, MAX_SHOWN_CHARS)})


def shown_result(result: Any) -> dict[str, Any]:
    """A result for the record; empty for None."""
    if result is None:
        return {}
    return {"value": result} if _json(result) is not None else {"repr": _repr(result, MAX_SHOWN_CHARS)}


def _one(value: Any, limit: int) -> Any:
    text = _json(value)
    return value if text is not None and len(text) <= limit else {"repr": _repr(value, limit)}


def _json(value: Any) -> str | None:
    """As JSON; None if JSON cannot hold it, would change it, or it is too long."""
    try:
        text = json.dumps(value, allow_nan=False)
        is_same = len(text) <= MAX_SHOWN_CHARS and json.loads(text) == _lists(value)
    except Exception:  # whatever the class of a value does
        return None
    return text if is_same else None


def _lists(value: Any) -> Any:
    """Tuples as the lists that JSON makes of them."""
    if isinstance(value, list | tuple):
        return [_lists(one) for one in value]
    return {name: _lists(one) for name, one in value.items()} if isinstance(value, dict) else value


def _repr(value: Any, limit: int) -> str:
    try:
        text = repr(value)
    except Exception as error:  # likewise
        text = f"<{type(value).__name__} whose repr raises {type(error).__name__}>"
    text = text.encode(errors="backslashreplace").decode()
    return text if len(text) <= limit else text[: max(limit - 1, 1)] + "…"
