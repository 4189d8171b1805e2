"""What a job has made, as its page shows it: pictures side by side, and other files to download."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from api.console.calls import ApiAnswer
from api.console.formats import A4_PX, PICTURE_PX, shown_size

SHOWN_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/avif", "image/gif"})
"""Types of pictures that stand in the page. What can have scripts in it (SVG, HTML) is only ever downloaded."""
PREVIEW: Final = "preview.png"
"""The file of a report that shows its first page."""
STEPS: Final = ("done", "total")
"""Of the progress of a job, which has a bar of its own."""
TEXT_CHARS: Final = 65_536
"""Of a part of the job's JSON; more is at its raw link."""
WARNINGS: Final = 20
BESIDE_PX: Final = 256
"""The width of a report's first page."""


def outputs_of(job: Mapping[str, Any]) -> dict[str, Any]:
    """What `job/outputs.html` shows."""
    files = [
        {**file, "place": file_place(job["id"], file["name"]), "size": _size(file["name"], file["about"])}
        for file in job["files"]
    ]
    result = job.get("result") or {}
    counted = result or job.get("progress") or {}
    given = result.get("warnings")
    warnings: list[Any] = given if isinstance(given, list) else []
    return {
        "pictures": [file for file in files if file["type"] in SHOWN_TYPES and file["name"] != PREVIEW],
        "preview": next((file for file in files if file["name"] == PREVIEW), None),
        "files": files,
        "markup": result.get("markup") or [],
        "original": result.get("picture"),
        "figures": {name: value for name, value in counted.items() if type(value) is int and name not in STEPS},
        "warnings": warnings[:WARNINGS],
        "more_warnings": max(len(warnings) - WARNINGS, 0),
    }


def _size(name: str, about: Mapping[str, Any]) -> tuple[int, int]:
    if name == PREVIEW:
        return shown_size(about, width=BESIDE_PX, height=2 * BESIDE_PX, unknown=A4_PX)
    return shown_size(about, width=PICTURE_PX, height=PICTURE_PX)


def file_place(job_id: str, name: str) -> str:
    """Where the page loads a file from."""
    return f"/console/jobs/{job_id}/files/{quote(name, safe='')}"


def folded(answer: ApiAnswer) -> list[dict[str, Any]]:
    """Params, metadata and result of a job exactly as the API sent them, with lines that people can read.

    Numbers are not read: one of 30 digits stays as it is.
    """
    parts = msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])
    shown = []
    for name in ("params", "metadata", "result"):
        if name in parts and bytes(parts[name]) not in (b"{}", b"null"):
            text = msgspec.json.format(bytes(parts[name]), indent=2).decode()
            shown.append(
                {"name": name, "text": text[:TEXT_CHARS], "bytes": len(parts[name]), "is_cut": len(text) > TEXT_CHARS}
            )
    return shown
