"""Every text that users read is plain English: the OpenAPI document and the messages of refusals."""

import ast
import re
from collections.abc import Iterator
from typing import Any

import pytest

from api.http.durations import DURATION
from api.labels import TAG
from api.outputs.keep import KEEP_SCHEMA
from tasks.pattern_forms import FORMS
from tasks.refusal import CODES
from tasks.validation import sentence_of
from tasks.webhook.custom_headers import NAME, VALUE
from tasks.webhook.signature import FORM
from tests.support.api.documented import document
from tests.test_laws import MODULES

DOCUMENT = document()
VERBS = {
    *("Cancel", "Check", "Create", "Delete", "Download", "Get", "List", "Open", "Pause", "Publish", "Receive"),
    *("Recover", "Resume", "Revoke", "Retry", "Rotate", "Run", "Seal", "Send", "Stream", "Submit", "Suspend", "Update"),
    *("Upload", "Validate"),
}
MAX_SUMMARY_WORDS = 5
BANNED = re.compile(
    r"\b(weather|wish\w*|shelf|shelves|strangers?|passage|tongue|brave|house|door|whoever|whom|manners|crew|anew|told"
    r"|tells?|somebody|someone|nobody|good-bye|said)\b",
    re.IGNORECASE,
)
FIRST = re.compile(r"[A-Z{'\"]|[a-z_.-]+: [A-Z{'\"]")
"""How a message begins: with a capital letter, a value, or the field and a colon."""


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for part in ("paths", "webhooks"):
        for path, methods in DOCUMENT[part].items():
            for method, operation in methods.items():
                yield f"{method} {path}", operation


OPERATIONS = list(operations())


def texts(node: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Every summary and description in the document, with its place. Examples are data."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("summary", "description") and isinstance(value, str):
                yield f"{place}/{key}", value
            elif key not in ("example", "value", "default"):
                yield from texts(value, f"{place}/{key}")
    elif isinstance(node, list):
        for number, value in enumerate(node):
            yield from texts(value, f"{place}/{number}")


def described(schema: dict[str, Any]) -> bool:
    """Whether a schema, or the one that it refers to, has a description."""
    if "$ref" in schema and "description" not in schema:
        return described(DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    inner = [one for key in ("anyOf", "allOf") for one in schema.get(key, ()) if one.get("type") != "null"]
    return bool(schema.get("description")) or (bool(inner) and all(map(described, inner)))


@pytest.mark.parametrize(("place", "operation"), OPERATIONS, ids=[place for place, _ in OPERATIONS])
def test_a_summary_is_a_verb_and_a_noun(place: str, operation: dict[str, Any]) -> None:
    words = operation["summary"].split()
    assert words[0] in VERBS, place
    assert 2 <= len(words) <= MAX_SUMMARY_WORDS, place
    assert not operation["summary"].endswith(".")


@pytest.mark.parametrize(("place", "operation"), OPERATIONS, ids=[place for place, _ in OPERATIONS])
def test_an_operation_and_its_parameters_are_described(place: str, operation: dict[str, Any]) -> None:
    assert operation["description"].endswith("."), place
    missing = [one["name"] for one in operation.get("parameters", ()) if not one.get("description")]
    assert missing == []


@pytest.mark.parametrize("name", sorted(DOCUMENT["components"]["schemas"]))
def test_a_schema_and_its_fields_are_described(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    assert schema["description"]
    assert [field for field, inner in schema.get("properties", {}).items() if not described(inner)] == []


def test_the_document_has_no_private_words() -> None:
    found = {place: text for place, text in texts(DOCUMENT) if BANNED.search(text)}
    assert found == {}


def test_a_description_begins_with_a_capital_and_ends_with_a_full_stop() -> None:
    found = {
        place: text
        for place, text in texts(DOCUMENT)
        if place.endswith("description") and not re.fullmatch(r"[A-Z`*](.|\n)*[.:)`]", text.strip())
    }
    assert found == {}


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_code_means_something_in_plain_words(code: str) -> None:
    assert re.fullmatch(r"[A-Z].*\.", CODES[code])
    assert not BANNED.search(CODES[code])


def literal(node: ast.expr) -> str | None:
    """A message as it is written, with `{}` for each value; None for what is not written there."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
    return None


def messages() -> Iterator[tuple[str, str]]:
    """The message of every `Refusal` and `problem`, and of every variable `message`, with its place."""
    for module, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            found, line = None, getattr(node, "lineno", 0)
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                position = {"Refusal": 1, "SandboxDeath": 1, "TryAgain": 1, "OutboundError": 1, "problem": 2}.get(name)
                if position is not None and len(node.args) > position:
                    found = literal(node.args[position])
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "message":
                found = literal(node.value)
            if found is not None:
                yield f"{module}:{line}", found


def test_every_message_is_a_plain_sentence() -> None:
    found = dict(messages())
    assert len(found) > 150, "the messages were found"
    wrong = {
        place: text
        for place, text in found.items()
        if BANNED.search(text) or not text.endswith((".", "{}")) or not FIRST.match(text)
    }
    assert wrong == {}


def patterns(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            yield node["pattern"]
        for value in node.values():
            yield from patterns(value)
    elif isinstance(node, list):
        for value in node:
            yield from patterns(value)


def test_no_message_shows_a_pattern() -> None:
    """The patterns that pydantic checks have words in FORMS; others are checked by code that has its own messages."""
    found = set(patterns(DOCUMENT))
    checked_by_code = {
        FORM,
        f"^{DURATION}$",
        str(KEEP_SCHEMA["pattern"]),
        *(f"^{one.pattern}$" for one in (TAG, NAME, VALUE)),
    }
    assert found - checked_by_code <= FORMS.keys()
    for pattern in found:
        error = {"type": "string_pattern_mismatch", "loc": ("a",), "input": "?", "ctx": {"pattern": pattern}}
        assert "^" not in sentence_of(error)
