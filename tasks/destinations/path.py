"""Where in a destination an output goes: a path with a closed set of fields."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from tasks.kind import OutputFile, variant_of
from tasks.refusal import Refusal
from tasks.validation import shown

FIELDS: Final = ("job", "owner", "name", "variant", "ext", "width", "height", "date", "year", "month", "day")
DEFAULT: Final = "{job}/{name}"
MAX_PATH_BYTES: Final = 512
_PART: Final = re.compile(r"\{([a-z]+)\}|([A-Za-z0-9._=/-]+)")
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._=-]+")


def check_template(template: str) -> None:
    """Check the path of a destination.

    Raises:
        Refusal: `invalid_request`.
    """
    found = list(_PART.finditer(template))
    reason = None
    if not template or len(template.encode()) > MAX_PATH_BYTES:
        reason = f"is not allowed. Send 1 to {MAX_PATH_BYTES} bytes"
    elif "".join(one[0] for one in found) != template:
        reason = "is not allowed. Send letters, digits, . _ = - / and fields in braces"
    elif unknown := [one[1] for one in found if one[1] and one[1] not in FIELDS]:
        reason = f"has an unknown field {unknown[0]!r}. The fields are {', '.join(FIELDS)}"
    elif not _is_plain(template):
        reason = "is not allowed. Begin and end without '/', and have no part that is empty, '.' or '..'"
    elif not {one[1] for one in found} & {"name", "variant"}:
        reason = "gives all outputs of a job one path. Have {name} or {variant} in it"
    if reason is not None:
        raise Refusal("invalid_request", f"path: {shown(template)} {reason}.", field="path")


def path_of(template: str, *, job_id: str, owner: str, file: OutputFile, at: datetime) -> str:
    """The path of an output.

    Args:
        template: One that `check_template` has accepted.
        job_id: The job.
        owner: Whose job it is.
        file: The output.
        at: When the job was submitted.

    Raises:
        Refusal: `destination_refused`: the path is longer than MAX_PATH_BYTES, or a part of it is `.` or `..`.
    """
    values = _values(job_id, owner, file, at)
    path = _PART.sub(lambda one: values[one[1]] if one[1] else one[0], template)
    if len(path.encode()) > MAX_PATH_BYTES or not _is_plain(path):
        message = f"The path {shown(path)} is longer than {MAX_PATH_BYTES} bytes, or has a part that is '.' or '..'."
        raise Refusal("destination_refused", message)
    return path


def _values(job_id: str, owner: str, file: OutputFile, at: datetime) -> Mapping[str, str]:
    values: dict[str, Any] = {
        "job": job_id,
        "owner": owner,
        "name": file.name,
        "variant": variant_of(file.name),
        "ext": file.name.rpartition(".")[2],
        "width": file.about.get("width", 0),
        "height": file.about.get("height", 0),
        "date": f"{at:%Y-%m-%d}",
        "year": f"{at:%Y}",
        "month": f"{at:%m}",
        "day": f"{at:%d}",
    }
    # A value is one part of a path at most.
    return {name: _UNSAFE.sub("_", str(value)) or "_" for name, value in values.items()}


def _is_plain(path: str) -> bool:
    return not any(part in ("", ".", "..") for part in path.split("/"))
