"""The submit options `unique`, `debounce` and `throttle`: one job where a submit is repeated."""

import json
from collections.abc import Callable
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import from_json

from api.http.caller import RequestedOptions
from api.http.checks import Checks
from api.http.json_body import read
from tasks.queue.jobs.uniqueness import OnConflict, Option, Uniqueness
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.settings.units import DAY_S
from tasks.validation import JsonNumber

M = TypeVar("M", bound=BaseModel)

MAX_KEY_CHARS: Final = 255
MAX_SPAN_S: Final = 30 * DAY_S
"""Keys are for repeats, not for history: a job's record may be gone by then."""
MAX_TEXT_CHARS: Final = 2_000
KEY: Final = "A key of your choice. It is one of its owner, of its kind of job and of this option."

Key = Annotated[str, Field(min_length=1, max_length=MAX_KEY_CHARS, description=KEY, examples=["invoice-4711"])]


class UniqueOption(BaseModel):
    """One job with a key at a time."""

    model_config = ConfigDict(extra="forbid")

    key: Key
    holds: Literal["waiting", "running", "ended"] = Field(
        "running",
        alias="while",
        description="How long the job holds the key: until it begins (`waiting`), until it has ended (`running`), or "
        "`for_s` seconds longer (`ended`). A cancelled job, and one that is deleted, holds none.",
    )
    for_s: Annotated[JsonNumber | None, Field(gt=0, le=MAX_SPAN_S)] = Field(
        None, description="Seconds after the end, with `while: ended`; at most 30 days.", examples=[3600]
    )
    on_conflict: OnConflict = Field(
        "return",
        description="What becomes of another submit with the key: it is answered with the job that holds it "
        "(`return`), puts what it says in the place of that job if it waits (`replace`), or is refused (`reject`). "
        "`replace` is refused too if that job runs or has ended.",
    )


class DebounceOption(BaseModel):
    """A job that waits until its submits stop."""

    model_config = ConfigDict(extra="forbid")

    key: Key
    wait_s: JsonNumber = Field(gt=0, description="Seconds to wait after the last submit.", examples=[5])
    max_wait_s: JsonNumber = Field(gt=0, description="Seconds to wait after the first submit, at most.", examples=[60])


class ThrottleOption(BaseModel):
    """At most one job in a time."""

    model_config = ConfigDict(extra="forbid")

    key: Key
    every_s: JsonNumber = Field(gt=0, le=MAX_SPAN_S, description="Seconds; at most 30 days.", examples=[60])


UNIQUE_TEXT: Final = (
    "At most one job with this key: the key alone, or an object with `key`, `while` (`waiting`, `running` or `ended`), "
    "`for_s` and `on_conflict` (`return`, `replace` or `reject`). With the key alone a submit is answered with the job "
    "that has not ended yet."
)
DEBOUNCE_TEXT: Final = (
    "An object with `key`, `wait_s` and `max_wait_s`: the job starts `wait_s` after the last submit with this key, at "
    "most `max_wait_s` after the first, and does what the last one says."
)
THROTTLE_TEXT: Final = (
    "An object with `key` and `every_s`: at most one job with this key in so many seconds. Submits between are "
    "answered with it."
)


def _whole(given: Any) -> Any:
    return {"key": given} if isinstance(given, str) else given


def _as_text(given: Any) -> Any:
    return json.dumps(given) if isinstance(given, dict) else given


UniqueMember = Annotated[UniqueOption, BeforeValidator(_whole, json_schema_input_type=str | UniqueOption)]


class UniqueQuery(BaseModel):
    """The options in a query, as texts."""

    unique: str | None = Field(None, max_length=MAX_TEXT_CHARS, description=UNIQUE_TEXT, examples=["invoice-4711"])
    debounce: str | None = Field(
        None,
        max_length=MAX_TEXT_CHARS,
        description=DEBOUNCE_TEXT,
        examples=['{"key": "index", "wait_s": 5, "max_wait_s": 60}'],
    )
    throttle: str | None = Field(
        None, max_length=MAX_TEXT_CHARS, description=THROTTLE_TEXT, examples=['{"key": "report", "every_s": 60}']
    )


class UniqueFields(BaseModel):
    """The options in a JSON body."""

    unique: UniqueMember | None = Field(None, description=UNIQUE_TEXT)
    debounce: DebounceOption | None = Field(None, description=DEBOUNCE_TEXT)
    throttle: ThrottleOption | None = Field(None, description=THROTTLE_TEXT)


UniqueAsText = Annotated[
    Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | None,
    BeforeValidator(_as_text, json_schema_input_type=UniqueOption | str | None),
    Field(description=UNIQUE_TEXT),
]
DebounceAsText = Annotated[
    Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | None,
    BeforeValidator(_as_text, json_schema_input_type=DebounceOption | str | None),
    Field(description=DEBOUNCE_TEXT),
]
ThrottleAsText = Annotated[
    Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | None,
    BeforeValidator(_as_text, json_schema_input_type=ThrottleOption | str | None),
    Field(description=THROTTLE_TEXT),
]
"""In a JSON body whose other options are those of a query."""


def add_unique(options: RequestedOptions, settings: Settings, given: UniqueQuery | UniqueFields) -> None:
    """Put the option into those of the request, which must not have what it excludes.

    Args:
        options: Those of the request so far.
        settings: The limits.
        given: What the query, the body or a field of a form says.

    Raises:
        Refusal: `invalid_request`.
    """
    checks = Checks()
    for name, model, make in _OPTIONS:
        value = getattr(given, name)
        if value is not None:
            checks.run(
                lambda name=name, model=model, make=make, value=value: _add(  # type: ignore[misc]
                    options, name, make(_member(value, name, model), settings)
                )
            )
    checks.done()


def _add(options: RequestedOptions, name: Option, found: Uniqueness) -> None:
    before = options.get("unique")
    if before == found:
        return
    if before is not None and before.option == name:
        message = f"{name}: The option is given twice (query, header, body), and differs. Send it once."
        raise Refusal("invalid_request", message, field=name)
    excluded: list[str] = [before.option] if before is not None else []
    excluded += [other for other in ("batch", "after") if options.get(other)]
    if found.on_conflict != "replace" and "after" in excluded:
        excluded.remove("after")
    if found.wait_ms:
        excluded += ["delay"] if options.get("delay_ms") else []
        excluded += ["run_at"] if options.get("run_at_ms") is not None else []
    if excluded:
        message = f"The parameters {name!r} and {excluded[0]!r} exclude each other. Send one of them."
        raise Refusal("invalid_request", message, field=name)
    options["unique"] = found
    if found.wait_ms:
        options["delay_ms"] = found.wait_ms


def _member(given: Any, name: str, model: type[M]) -> M:
    """Raises: Refusal `invalid_request`, on the fields of the option."""
    if isinstance(given, model):
        return given
    checks = Checks()
    with checks.collect(inside=name):
        if not given.lstrip().startswith("{"):
            given = json.dumps({"key": given})
        try:
            from_json(given)
        except ValueError as error:
            message = f"{name}: The text is not valid JSON: {error}. Send a key, or a JSON object."
            raise Refusal("invalid_request", message, field="body") from error
        return read(given, model)
    checks.done()
    raise AssertionError  # the checks have failed


def _unique(given: UniqueOption, _: Settings) -> Uniqueness:
    if (given.holds == "ended") != (given.for_s is not None):
        message = "unique.for_s: The seconds after the end belong to 'while': 'ended'. Send both or neither."
        raise Refusal("invalid_request", message, field="unique.for_s")
    span_ms = round((given.for_s or 0) * 1000)
    return Uniqueness("unique", given.key, given.holds, span_ms, given.on_conflict, sent=_sent(given))


def _debounce(given: DebounceOption, settings: Settings) -> Uniqueness:
    limit = settings.max_delay_s
    if given.max_wait_s > limit:
        message = f"debounce.max_wait_s: The time is longer than the limit of {limit} seconds (MAX_DELAY_S)."
        raise Refusal("invalid_request", message, field="debounce.max_wait_s", limit=limit)
    if given.wait_s > given.max_wait_s:
        message = "debounce.wait_s: The time is longer than 'max_wait_s'. Send one that is not."
        raise Refusal("invalid_request", message, field="debounce.wait_s", limit=given.max_wait_s)
    wait_ms, max_wait_ms = max(round(given.wait_s * 1000), 1), max(round(given.max_wait_s * 1000), 1)
    return Uniqueness("debounce", given.key, "waiting", 0, "replace", wait_ms, max_wait_ms, _sent(given))


def _throttle(given: ThrottleOption, _: Settings) -> Uniqueness:
    every_ms = max(round(given.every_s * 1000), 1)
    return Uniqueness("throttle", given.key, "throttle", every_ms, sent=_sent(given))


def _sent(given: BaseModel) -> str:
    return given.model_dump_json(by_alias=True, exclude_none=True)


_OPTIONS: Final[tuple[tuple[Option, type[Any], Callable[[Any, Settings], Uniqueness]], ...]] = (
    ("unique", UniqueOption, _unique),
    ("debounce", DebounceOption, _debounce),
    ("throttle", ThrottleOption, _throttle),
)
