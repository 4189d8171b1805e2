"""Specs to send."""

from typing import Any

ROWS = {"type": "table", "columns": [{"field": "a"}], "rows": [{"a": 1}]}


def spec(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A spec of these blocks; of a short text without any."""
    return {"document": {"title": "Sales"}, "blocks": list(blocks) or [{"type": "text", "text": "hello"}], **more}


def of_upload(upload_id: str, **more: Any) -> dict[str, Any]:
    """A spec of one table, whose rows are an upload."""
    table = {"type": "table", "dataset": "d"}
    return spec(table, datasets={"d": {"upload": upload_id, "format": "csv"}}, **more)
