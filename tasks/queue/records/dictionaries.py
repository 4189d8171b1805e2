"""Text that records have in common, with which packed ones are compressed. What comes last is the cheapest to refer to.

They must never change: without them packed records cannot be read. Another one takes another form (`packing.FORMS`).
"""

from hashlib import sha256
from typing import Final

from tasks.queue.records.folding import SEPARATOR, fold


def _sample(*names_and_values: str) -> bytes:
    return b"".join(SEPARATOR + one.encode() for one in names_and_values)


FIRST_DICTIONARY: Final = b"".join(
    (
        b'"code": "message": "field": "unsupported_format" "timed_out" "failed" "cancelled" "retrying" "lapsed" ',
        b'"handed_back" "error": {"code": "',
        _sample("after", '["', "batch", "", "error", '{"code": "failed", "message": "', "jobs", '["', "notify"),
        _sample('{"url": "https://', "schedule", "", "schedule_due_at", "17", "total", "", "tracestate", ""),
        _sample("traceparent", "00-"),
        # a delivery
        _sample("event", "", "lane", "endpoint:", "params", '{"event":"","endpoint":""}'),
        _sample("shelves", "/delivery */delivery endpoint/"),
        # an event
        _sample("lane", "owner:", "params", '{"type":"","data":{}}'),
        _sample("progress", '{"done": 1, "total": 1, "note": "deliveries"}'),
        _sample("request_id", "", "result", '{"deliveries": 1}', "shelves", "/event */event", "started_at", "17"),
        # a report
        _sample("files", '[{"name": "report.pdf", "blob": "", "type": "application/pdf", "bytes": , "about": {'),
        b'"pages": 1}}]',
        _sample("lane", "owner:", "params", '{"order":{"blob":"","bytes":},"title":"","formats":["pdf"]}'),
        _sample(
            "progress", '{"done": 1, "total": 1, "note": "pages"}', "result", '{"pages": 1, "rows": 1, "warnings": []}'
        ),
        _sample("shelves", "/report */report"),
        # a picture, and what all have
        b'{"name": "medium.webp", "blob": "", "type": "image/webp", ',
        _sample("address", "https://", "attempt", "1", "attempt:1", '{"number": 1, "worker": "", "started_at": 17'),
        b', "ended_at": 17, "outcome": "succeeded", "about": {"url": "https://", "status": 200, "address": "", ',
        b'"timing": {"dns": 1.2, "connect": 3.4, "wait": 4.5, "read": 0.1, "total": 6.7}, "answer": ""}}',
        _sample("blobs", "", "files", '[{"name": "small.jpg", "blob": "", "type": "image/jpeg", "bytes": , "about": {'),
        b'"width": 256, "height": 256}}]',
        _sample("lane", "owner:", "params", '{"upload":{"blob":"","bytes":},"variants":[{"name":"small",'),
        b'"width":256,"height":256,"fit":"contain","format":"auto","background":"#ffffff","enlarge":false},{"name":"medium"',
        b',"width":512,"height":512,"fit":"cover","format":"webp","quality":80,"background":"#ffffff","enlarge":false}]}',
        _sample("progress", '{"done": 1, "total": 1, "note": "small"}', "request_id", ""),
        _sample("shelves", "/thumbnail */thumbnail", "started_at", "17", "worker", ""),
    )
)
"""Of form 1, which folds nothing."""


_TIME: Final = "1795883055113"
_ID, _OTHER_ID, _SHA256, _OTHER_SHA256 = "0" * 32, "1" * 32, "0" * 64, "1" * 64
_SPAN, _SUMMARY = "2f" * 8, "2" * 136
"""What these are does not matter: only the marks in their places are part of the dictionary."""
_JOBS: Final = [f'"{digit * 32}"' for digit in "34"]
_WORKER: Final = f":10:{'0' * 8}"
_ATTEMPT: Final = f'{{"number": 1, "worker": "{_WORKER}", "started_at": {_TIME}, "ended_at": {_TIME}, "outcome": '
_SUCCEEDED: Final = ("attempt", "1", "attempt:1", _ATTEMPT + '"succeeded"}')
_STARTED: Final = ("started_at", _TIME, "worker", _WORKER)
_POSTED: Final = (
    '"succeeded", "about": {"url": "https://", "status": 200, "address": "203.0.113.7", "timing": '
    '{"dns": 1.2, "connect": 12.3, "wait": 45.6, "read": 0.1, "total": 78.9}, "answer": "ok"}}'
)
_PDF: Final = (
    f'[{{"name": "report.pdf", "blob": "{_OTHER_SHA256}", "type": "application/pdf", "bytes": 40960, '
    '"about": {"pages": 1}}]'
)
_PICTURE: Final = (
    '{"picture": {"format": "jpeg", "type": "image/jpeg", "width": 3000, "height": 2000, "frames": 1, "mode": "RGB", '
    f'"has_alpha": false, "orientation": 1, "summary": "{_SUMMARY}", "bytes": 204800, "sha256": "{_SHA256}"}}}}'
)


def _jpeg(name: str) -> str:
    return (
        f'{{"name": "{name}.jpg", "blob": "{_sha256_of(name)}", "type": "image/jpeg", "bytes": 20480, '
        '"about": {"width": 256, "height": 171}}'
    )


def _sha256_of(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def _variant(name: str, how: str = '"fit":"contain","format":"auto"') -> str:
    return f'{{"name":"{name}","width":256,"height":256,{how},"background":"#ffffff","enlarge":false}}'


_VARIANTS: Final = (
    _variant("thumb", '"fit":"cover","format":"webp","quality":80'),
    _variant("square", '"fit":"cover","format":"auto"'),
    *(_variant(name) for name in ("large", "medium", "small")),
)
_EXAMPLES: Final = (
    (
        *("after", f'["{_ID}"]', "attempt", "2", "batch", _OTHER_ID, "error", '{"code": "failed", "message": "The '),
        *("jobs", f"[{', '.join(_JOBS)}]", "metadata", '{"', "minter", "", "notify", '{"url": "https://'),
        *("schedule", "5" * 32, "schedule_due_at", _TIME, "tags", '["', "total", "", "tracestate", "", "tries", "1"),
        *("traceparent", f"00-{'6' * 32}-{_SPAN}-01", "urls", "public", "viewer", ""),
        *('"timed_out"', '"cancelled"', '"retrying", "error": {"code": "', '"lapsed"', '"handed_back"'),
    ),
    (  # a delivery
        *("attempt", "1", "attempt:1", _ATTEMPT + _POSTED, "event", _ID, "finished_at", _TIME),
        *("lane", f"endpoint:{_OTHER_ID}", "params", f'{{"event":"{_ID}","endpoint":"{_OTHER_ID}"}}'),
        *("shelves", f"/delivery */delivery endpoint/{_OTHER_ID}", *_STARTED),
    ),
    (  # an event
        *("address", "https://", *_SUCCEEDED, "finished_at", _TIME, "lane", "service:"),
        *("params", '{"type":"","data":{}}', "progress", '{"done": 1, "total": 1, "note": "deliveries"}'),
        *("request_id", _ID, "result", '{"deliveries": 1}', "shelves", "/event */event", *_STARTED),
    ),
    (  # a report
        *("address", "https://", *_SUCCEEDED, "blobs", _SHA256, "files", _PDF, "finished_at", _TIME, "lane", "owner:"),
        *("params", f'{{"order":{{"blob":"{_SHA256}","bytes":2048}},"title":"","formats":["pdf"]}}'),
        *("progress", '{"done": 3, "total": 3, "note": "pages"}', "request_id", _ID),
        *("result", '{"pages": 1, "rows": 40, "warnings": []}', "shelves", "/report */report", *_STARTED),
    ),
    (  # a picture
        *("image/webp", '"format": "png", "type": "image/png"', '"mode": "RGBA", "has_alpha": true'),
        *("address", "https://", *_SUCCEEDED, "blobs", _SHA256, "files"),
        f"[{', '.join(_jpeg(name) for name in ('square', 'large', 'medium', 'small'))}]",
        *("finished_at", _TIME, "lane", "owner:"),
        *("params", f'{{"upload":{{"blob":"{_SHA256}","bytes":204800}},"variants":[{",".join(_VARIANTS)}]}}'),
        *("progress", '{"done": 1, "total": 1, "note": "small"}', "request_id", _ID, "result", _PICTURE),
        *("shelves", "/thumbnail */thumbnail", *_STARTED),
    ),
)
SECOND_DICTIONARY: Final = b"".join(fold(_sample(*example), int(_TIME))[0] for example in _EXAMPLES)
"""Of form 2, which folds."""
