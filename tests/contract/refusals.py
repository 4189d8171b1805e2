"""What valid requests may be refused for: what a schema cannot say. Every other refusal of one is a finding."""

import re
from collections.abc import Mapping
from typing import Any, Final

CODES: Final = {
    "expired": "An object's time may be over.",
    "endpoint_gone": "An endpoint of an earlier request may have been deleted.",
    "event_gone": "So may an event.",
    "unknown_kind": "The service that is tested has no kind that may be submitted by its name.",
    "invalid_url": "What a URL must be has more rules than a pattern can hold.",
    "address_refused": "Nor does a schema know which addresses are public,",
    "dns_failed": "and which names there are.",
    "too_many_secrets": "An endpoint has as many as its owner has made.",
    "key_reused": "A key of an earlier request may come with another content.",
    "not_unique": "A job of an earlier request may hold a unique key.",
    "no_file": "A file may be empty, and a form without one is a form.",
    "unsupported_format": "A schema knows no picture from other bytes.",
    "offset_conflict": "Where an upload goes on is what HEAD says.",
    "part_too_small": "The bytes of a request and those that are missing are in no schema,",
    "checksum_mismatch": "nor is their checksum.",
    "no_direct_uploads": "The storage that is tested is a folder, which signs nothing.",
    "upload_unfinished": "An upload may be incomplete.",
    "queue_in_use": "A queue has the jobs that it has.",
    "too_many_queues": "There may be as many queues as MAX_QUEUES says.",
    "too_many_uploads": "An owner has as many of them as it has begun.",
    "unknown_timezone": "There are 600 time zones, and new ones.",
    "invalid_cron": "A schema does not know the calendar.",
    "unknown_dataset": "A table names a dataset that another field defines.",
}
REASONS: Final = {
    r"^cursor: The cursor is not valid|^after: It is no cursor": "A cursor is what a page gave.",
    r"exclude each other": "OpenAPI has no parameters that exclude each other.",
    r"^(unique|debounce|throttle)\b": "They may be JSON in a text, and their times depend on each other.",
    r"^Send exactly one of the fields 'upload'": "A null counts as absent.",
    r"^The filter has no criterion": "A null is no criterion, and `all: false` is none.",
    r"^From 'first' to 'last' are": "Nor does a schema know how far two days are apart,",
    r"^expires: .* longer than a hundred years": "or how long a length of time in text is.",
    r"^path: ": "The fields of a template are names in a text.",
    r"^until: The time is before 'since'": "Nor has it an order of two times.",
    r"^state: A \w+ applies only to jobs": "Which states a bulk verb has is not the filter's.",
    r"^headers(\.\S+)?: (This header|An endpoint can have|The names|'.*' is not a valid)": "Names are reserved.",
    r"^The field 'type' must not begin with": "The first words of the service's own events are reserved.",
    r"^Send the raw bytes of the file, not a form": "`*/*` is every type but this one.",
    r"seconds from now": "The time by which a job may be put off is a setting.",
    r"not after now and not after": "And a deadline is after the time of the request.",
    r"for a job of kind": "Each kind has its own limits.",
    r"^Upload '.*' was not found or has expired": "Beside another fault it is one of several.",
    r"^steps\b": "A step is what the endpoint of its kind takes, and steps name each other.",
    r"^blocks: .*nested": "A schema does not count how deep blocks are nested.",
    r"needs either (upload|rows)|needs columns|two columns have": "Which fields go together depends on their values.",
    r"values for \d+ categories|needs an x for each|takes (one|no)": "So do the values of a chart.",
    r"margins leave less than": "So do margins and paper.",
    r"^Upload-(Metadata|Checksum): ": "Base64 and UTF-8 have more rules than a pattern.",
    r"^max_bytes: .* more than the limit": "And for every file it is a setting.",
    r"^Upload-Offset: .* beyond": "An offset is within its upload.",
    r"^Upload-Length: .* more than the limit": "The limit of an image is lower, and a setting.",
    r"^(variants|The field 'variants'|Preset )": "Variants are the name of a preset, or JSON in a string.",
    r"^Each variant needs its own name|^With dpr and formats|^The variants have": "Nor does it compare two of a list.",
    r"^The field 'exif' is": "And `exif` is true, or names in a string.",
    r"^(tags|tag|metadata|Pressroom-\w+)\b.*(is no tag|not valid JSON|JSON object|MAX_|must be)": "They may be text.",
    r"^keep: .* is longer than the limit": "The longest time is a setting.",
    r"^queue: ": "Some names of queues are taken, and not everyone may make one.",
    r"cannot be the name of an owner|has a meaning of its own in Pressroom": "So are some names of owners.",
    r"^The preset '.*' is one of the service": "Nor are names that are taken in the schema.",
    r"is sent twice": "The same.",
    r"^The form has no file": "As `no_file`.",
    r"is given twice \(query, header, body\)": "Nor does OpenAPI know that two places say the same.",
    r"^The URL ": "As `invalid_url`, where another fault is the first.",
    r"dataset: The dataset '.*' is not in the spec": "As `unknown_dataset`.",
    r"(link|field): .* does not have the right form": "What white space is differs between the dialects of patterns.",
    r"^counts: Jobs cannot be counted": "Which criteria are counted is an index's.",
    r"^The parameter '\w+' names .* which is not among the 'columns'": "Nor that one parameter names what another has.",
    r"^The parameter '?\w+'? is only for tables": "A parameter goes with a media type.",
    r"^(The parameter ')?(types|formats|columns|lang|currency|title|delimiter|sheet)\b": "It has a form of its own.",
    r"^notify(\.\w+)?: ": "`notify` may be JSON in a string.",
    r"^origin: .* is not among": "Which pages may call is a setting,",
    r"^(max_bytes|uses|expires): .* (limit of|is not allowed)": "and so is how much their tokens may have.",
    r"^variants: A token for 'uploads'": "What goes with a target depends on it.",
    r"^keep: ": "It is a length of time in text.",
}
"""Patterns of messages, of which each fault of a refusal must match one."""
FORM: Final = "multipart/form-data"
IN_FORMS: Final = re.compile(
    r"^(decimal|encoding|group_by|header|header_row|include_hidden|nulls|orientation|ragged|range|skip_rows|sort|thousands"
    r"|date_format|total)\b"
)
"""Fields of a form, which are documented as text; what they may be is documented at the parameters of their names."""


def without_reason(problem: Mapping[str, Any], media_type: str | None = None) -> str | None:
    """The first fault of a refusal for which there is no reason; None if there is one for each.

    Args:
        problem: The refusal.
        media_type: Of the body of the request.
    """
    if problem["code"] in CODES:
        return None
    faults = problem.get("errors") or [{"message": problem["detail"]}]
    messages = [fault["message"].removeprefix("job.") for fault in faults]
    if media_type == FORM:
        messages = [one for one in messages if not IN_FORMS.search(one)]
    return next((one for one in messages if not any(re.search(pattern, one) for pattern in REASONS)), None)
