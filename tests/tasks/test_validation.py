"""What is wrong with a field is told in plain words: what came, and what may."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tasks.validation import MAX_SHOWN_CHARS, faults_of


class Asked(BaseModel):
    """A request with a field of each sort."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, Field(min_length=1, max_length=3, pattern="^[a-z]*$")] = "a"
    count: Annotated[int, Field(ge=1, le=9)] = 1
    share: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = 0.5
    flag: bool = False
    names: Annotated[list[str], Field(min_length=1, max_length=2)] = ["a"]
    pair: tuple[int, ...] = ()
    more: dict[str, str] = {}
    state: Literal["queued", "running"] = "queued"
    secret: int = 0
    inner: "Inner | None" = None


class Inner(BaseModel):
    """One field that has to be there."""

    id: str


CASES: list[tuple[dict[str, Any], str]] = [
    ({"text": 5}, "text: 5 is no text."),
    ({"text": ""}, "text: The text is too short (characters: 0, at least 1)."),
    ({"text": "abcd"}, "text: The text is too long (characters: 4, at most 3)."),
    ({"text": "A"}, "text: 'A' does not have the right form."),
    ({"count": "10m"}, "count: '10m' is no whole number."),
    ({"count": 1.5}, "count: 1.5 is no whole number."),
    ({"count": 0}, "count: 0 is too small. Send at least 1."),
    ({"count": 10}, "count: 10 is too large. Send at most 9."),
    ({"share": "half"}, "share: 'half' is no number."),
    ({"share": 0}, "share: 0 is too small. Send more than 0."),
    ({"share": 1}, "share: 1 is too large. Send less than 1."),
    ({"flag": "perhaps"}, "flag: 'perhaps' is neither true nor false."),
    ({"flag": None}, "flag: null is neither true nor false."),
    ({"names": "a"}, "names: 'a' is no list."),
    ({"names": []}, "names: There are too few entries (0, at least 1)."),
    ({"names": ["a", "b", "c"]}, "names: There are too many entries (3, at most 2)."),
    ({"names": [["a"]]}, "names.0: A list is no text."),
    ({"pair": True}, "pair: true is no list."),
    ({"more": "x"}, "more: 'x' is no JSON object."),
    ({"more": {"a": {}}}, "more.a: A JSON object is no text."),
    ({"state": "done"}, "state: 'done' is not 'queued' or 'running'."),
    ({"secret": "hunter2"}, "secret: The value is no whole number."),
    ({"inner": {}}, "inner.id: The field is required."),
    ({"inner": []}, "inner: A list is no JSON object."),
    ({"colour": 1}, "colour: The field is unknown."),
]


def messages(given: Any) -> Iterator[str]:
    with pytest.raises(ValidationError) as caught:
        Asked.model_validate(given)
    yield from (fault.message for fault in faults_of(caught.value))


@pytest.mark.parametrize(("given", "message"), CASES)
def test_a_message_says_what_came_and_what_may(given: dict[str, Any], message: str) -> None:
    assert list(messages(given)) == [message]


def test_of_a_long_value_the_beginning_is_shown() -> None:
    (message,) = messages({"count": "9" * 1_000 + "x"})
    assert message.startswith("count: '999")
    assert message.endswith("… is no whole number.")
    assert len(message) < MAX_SHOWN_CHARS + 40
