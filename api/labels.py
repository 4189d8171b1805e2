"""Tags and metadata: what senders note on jobs, uploads, endpoints and schedules, to find them by and to get back."""

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Final, NamedTuple, TypeAlias, TypeVar

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import from_json
from starlette.datastructures import Headers

from api.http.checks import Checks
from api.http.query import ListQuery
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.settings.limits import LimitSettings
from tasks.validation import shown

T = TypeVar("T")

TAGS_HEADER: Final = "Pressroom-Tags"
METADATA_HEADER: Final = "Pressroom-Metadata"
TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@/+=-]{0,99}")
"""Redis keys have tags in them, with spaces between; lists and headers separate them by commas."""
TAG_FORM: Final = "1 to 100 letters (A to Z), digits and . _ : @ / + = -, and begins with a letter or digit"
EXAMPLE_TAGS: Final = ["user:42", "invoice"]
EXAMPLE_METADATA: Final[dict[str, Any]] = {"order": 4711, "shop": "Leeds"}
TAGS_TEXT: Final = (
    f"Tags, by which you find it again. A tag has {TAG_FORM}. MAX_TAGS says how many tags are allowed (10)."
)
METADATA_TEXT: Final = (
    "What you want to know of it later: a JSON object whose values are texts, numbers, `true` or `false`. It is "
    "returned and sent in webhooks. MAX_METADATA_KEYS (20) and MAX_METADATA_BYTES (2048, as JSON) limit it."
)


def documented_header(name: str, text: str, example: str) -> dict[str, Any]:
    """A header in OpenAPI that says the same as a parameter of the query."""
    schema = {"type": "string", "examples": [example]}
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": text}


LABEL_HEADERS: Final = (
    documented_header(TAGS_HEADER, "The same as `tags`.", ",".join(EXAMPLE_TAGS)),
    documented_header(METADATA_HEADER, "The same as `metadata`.", json.dumps(EXAMPLE_METADATA)),
)

MetadataValue: TypeAlias = str | bool | int | float


def read_tag(given: Any) -> str:
    """A tag. Raises: ValueError."""
    if not isinstance(given, str) or TAG.fullmatch(given) is None:
        raise ValueError(f"{shown(given)} is no tag. A tag has {TAG_FORM}")
    return given


def split_tags(given: str) -> list[str]:
    """Tags from a text with commas between. Raises: ValueError."""
    return _read_tags(list(filter(None, (part.strip() for part in given.split(",")))))


def _read_tags(given: Any) -> list[str]:
    if not isinstance(given, list):
        raise ValueError(f"{shown(given)} is no list of tags")  # noqa: TRY004 - what pydantic takes
    return list(dict.fromkeys(map(read_tag, given)))


def _one_or_several(given: Any) -> list[str]:
    tags = _read_tags([given] if isinstance(given, str) else given)
    if not tags:
        raise ValueError("The list is empty")
    return tags


def parse_metadata(given: str) -> Mapping[str, Any]:
    """Metadata from its JSON text. Raises: ValueError."""
    try:
        value = from_json(given, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(f"The text is not valid JSON: {error}") from None
    return _read_metadata(value)


def _read_metadata(given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ValueError(f"{shown(given)} is no JSON object")  # noqa: TRY004 - what pydantic takes
    for key, value in given.items():
        if not key:
            raise ValueError("A key is empty")
        is_finite = not isinstance(value, float) or math.isfinite(value)
        if not isinstance(value, MetadataValue) or not is_finite:
            raise ValueError(f"The value of {shown(key)} must be a text, a number, true or false")
    return given


_DEFAULTS = LimitSettings()
_TagSchema = Annotated[str, Field(pattern=f"^{TAG.pattern}$")]
_TagsSchema = list[_TagSchema]  # of any length: MAX_TAGS counts different ones
_FewTagsSchema = Annotated[list[_TagSchema], Field(min_length=1)]
_KeySchema = Annotated[str, Field(min_length=1)]
_MetadataSchema = Annotated[dict[_KeySchema, MetadataValue], Field(max_length=_DEFAULTS.max_metadata_keys)]

Tag = Annotated[str, BeforeValidator(read_tag, json_schema_input_type=_TagSchema)]
_Tags = Annotated[list[str], BeforeValidator(_read_tags, json_schema_input_type=_TagsSchema)]
_TagsText = Annotated[list[str], BeforeValidator(split_tags, json_schema_input_type=str)]
_Metadata = Annotated[dict[str, Any], BeforeValidator(_read_metadata, json_schema_input_type=_MetadataSchema)]
_MetadataText = Annotated[dict[str, Any], BeforeValidator(parse_metadata, json_schema_input_type=str)]


_TagFilter = Annotated[
    list[str],
    BeforeValidator(_one_or_several, json_schema_input_type=_TagSchema | _FewTagsSchema),
]


class TagQuery(BaseModel):
    """The filter of lists whose entries have tags."""

    SEVERAL: ClassVar = frozenset({"tag"})

    tag: _TagFilter | None = Field(
        None,
        description="A tag that they have. Several (in a query, send it several times): they have each of them.",
        examples=[EXAMPLE_TAGS[0]],
    )


class TaggedListQuery(TagQuery, ListQuery):
    """The query of a list that is returned page by page, of entries with tags."""

    def is_wanted(self, tags: Sequence[str]) -> bool:
        """Whether an entry with these tags is asked for."""
        return set(self.tag or ()) <= set(tags)


class LabelFields(BaseModel):
    """Tags and metadata in a JSON body."""

    tags: _Tags | None = Field(None, description=TAGS_TEXT, examples=[EXAMPLE_TAGS])
    metadata: _Metadata | None = Field(None, description=METADATA_TEXT, examples=[EXAMPLE_METADATA])


class LabelQuery(BaseModel):
    """Tags and metadata in a query."""

    tags: _TagsText | None = Field(
        None,
        description=f"{TAGS_TEXT} Separate them by commas. The header `{TAGS_HEADER}` does the same.",
        examples=[",".join(EXAMPLE_TAGS)],
    )
    metadata: _MetadataText | None = Field(
        None,
        description=f"{METADATA_TEXT} The header `{METADATA_HEADER}` does the same, and is in no log.",
        examples=[json.dumps(EXAMPLE_METADATA)],
    )


ShownTags = Annotated[list[str] | None, Field(description="Its tags.", examples=[EXAMPLE_TAGS])]
ShownMetadata = Annotated[
    dict[str, MetadataValue] | None, Field(description="Its metadata.", examples=[EXAMPLE_METADATA])
]
"""Tags and metadata in an answer."""


class Labels(NamedTuple):
    """Tags and metadata as records have them. metadata: JSON; None if there is none."""

    tags: tuple[str, ...] = ()
    metadata: str | None = None


def labels_of(settings: Settings, given: LabelFields | LabelQuery) -> Labels:
    """The tags and metadata of a body or a query.

    Raises:
        Refusal: `invalid_request`: there are too many, or they are too large.
    """
    if given.tags is None and given.metadata is None:
        return Labels()
    checks = Checks()
    tags = checks.run(lambda: _check_tags(settings, given.tags or ()))
    metadata = checks.run(lambda: _check_metadata(settings, given.metadata or {}))
    checks.done()
    return Labels(tags or (), metadata)


def labels_of_request(settings: Settings, headers: Headers, query: LabelQuery) -> Labels:
    """The tags and metadata that a request has in its query or in headers.

    Raises:
        Refusal: `invalid_request`.
    """
    checks = Checks()
    tags, metadata = checks.run(lambda: labels_of(settings, query)) or Labels()
    if (text := checks.run(lambda: header_text(headers, TAGS_HEADER))) is not None:
        noted = checks.run(partial(read_tags, settings, text, TAGS_HEADER)) or ()
        checks.run(partial(check_once, "tags", tags, noted))
        tags = noted
    if (text := checks.run(lambda: header_text(headers, METADATA_HEADER))) is not None:
        described = checks.run(partial(read_metadata, settings, text, METADATA_HEADER))
        checks.run(partial(check_once, "metadata", metadata, described))
        metadata = described
    checks.done()
    return Labels(tags, metadata)


def read_tags(settings: Settings, text: str, field: str = "tags") -> tuple[str, ...]:
    """The tags in a header, or in a field of a form. Raises: Refusal `invalid_request`, on the field."""
    return _check_tags(settings, _parsed(split_tags, text, field), field)


def read_metadata(settings: Settings, text: str, field: str = "metadata") -> str | None:
    """The metadata in a header, or in a field of a form. Raises: Refusal `invalid_request`, on the field."""
    return _check_metadata(settings, _parsed(parse_metadata, text, field), field)


def header_text(headers: Headers, name: str) -> str | None:
    """A header as UTF-8; None if there is none.

    Raises:
        Refusal: `invalid_request`: it comes twice, or is not UTF-8.
    """
    given = headers.getlist(name)
    if not given:
        return None
    if len(given) > 1:
        raise Refusal("invalid_request", f"{name}: The header comes {len(given)} times. Send it once.", field=name)
    try:
        return given[0].encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise Refusal("invalid_request", f"{name}: The header is not UTF-8.", field=name) from error


def check_once(name: str, before: object, now: object) -> None:
    """Refuse an option of which two places of a request do not say the same.

    Args:
        name: The option.
        before: What one place says, or nothing.
        now: What the other says.

    Raises:
        Refusal: `invalid_request`.
    """
    if before and before != now:
        message = f"{name}: It is given twice (query, header, body), and not the same. Send it in one place."
        raise Refusal("invalid_request", message, field=name)


def _parsed(parse: Callable[[str], T], text: str, field: str) -> T:
    try:
        return parse(text)
    except ValueError as error:
        raise Refusal("invalid_request", f"{field}: {error}.", field=field) from None


def _check_tags(settings: Settings, tags: Sequence[str], field: str = "tags") -> tuple[str, ...]:
    limit = settings.max_tags
    if len(tags) > limit:
        message = f"{field}: There are {len(tags)} tags. At most {limit} are allowed (MAX_TAGS)."
        raise Refusal("invalid_request", message, field=field, limit=limit)
    return tuple(tags)


def _check_metadata(settings: Settings, metadata: Mapping[str, Any], field: str = "metadata") -> str | None:
    keys, limit = settings.max_metadata_keys, settings.max_metadata_bytes
    text = json.dumps(metadata, ensure_ascii=False, separators=(",", ":")) if metadata else ""
    size = len(text.encode())
    if len(metadata) > keys:
        message = f"{field}: There are {len(metadata)} keys. At most {keys} are allowed (MAX_METADATA_KEYS)."
        raise Refusal("invalid_request", message, field=field, limit=keys)
    if size > limit:
        message = f"{field}: It is {size} bytes of JSON. At most {limit} are allowed (MAX_METADATA_BYTES)."
        raise Refusal("invalid_request", message, field=field, limit=limit)
    return text or None
