"""The form of an endpoint: from its fields to what the API takes, and back. What is wrong with them the API says."""

import json
from collections.abc import Mapping
from typing import Any, Final

from api.console.forms import Form, json_in

TEXTS: Final = ("url", "events", "description", "channel", "rate_limit", "max_in_flight", "headers", "filters", "tags")
SWITCHES: Final = ("ordered", "ed25519")
PARSED: Final = ("rate_limit", "max_in_flight", "filters")
LISTS: Final = ("events", "tags")


def body_of(form: Form) -> dict[str, Any]:
    """What the API takes, of the fields that the form has. None for what is empty."""
    given = {name: _value(name, form[name]) for name in TEXTS if name in form}
    return given | {name: name in form for name in SWITCHES}


def shown_form(form: Form) -> dict[str, Any]:
    """A form as it was sent, to be corrected."""
    return {name: form.get(name, "") for name in TEXTS} | {name: name in form for name in SWITCHES}


def shown_endpoint(endpoint: Mapping[str, Any]) -> dict[str, Any]:
    """The form of an endpoint of the API, to be changed; without one, that of a new endpoint."""
    shown = {name: _text(name, endpoint.get(name)) for name in TEXTS}
    return shown | {name: bool(endpoint.get(name)) for name in SWITCHES}


def _value(name: str, text: str) -> Any:
    text = text.strip()
    if name == "url":
        return text
    if name in LISTS:
        return text.replace(",", " ").split() or (None if name == "tags" else [])
    if name == "headers":
        lines = (line.partition(":") for line in text.splitlines() if line.strip())
        return {key.strip(): value.strip() for key, _, value in lines}
    return _parsed(text) if text and name in PARSED else text or None


def _parsed(text: str) -> Any:
    try:
        return json_in(text)
    except ValueError:
        return text


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in LISTS:
        return " ".join(value)
    if name == "headers":
        return "\n".join(f"{key}: {one}" for key, one in value.items())
    return json.dumps(value, ensure_ascii=False) if name == "filters" else str(value)
