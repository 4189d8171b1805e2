"""Which failed jobs fail again when they are retried, and what helps instead."""

from typing import Final

from api.console.texts import Text

OF_IMAGES: Final = ("unsupported_format", "crop_outside", "truncated", "corrupt")
OF_REPORTS: Final = (
    *("malformed_dataset", "wrong_encoding", "unknown_dataset", "unknown_sheet", "unknown_column"),
    *("duplicate_column", "invalid_cell", "invalid_format", "unknown_timezone"),
)
OF_ALL: Final = ("invalid_params", "inputs_gone", "upload_incomplete", "record_incomplete")
FINAL: Final = frozenset((*OF_IMAGES, *OF_REPORTS, *OF_ALL))
"""Codes of `tasks.refusal.CODES` whose cause is in what was submitted. No limits: they can be raised."""


def advice_of(code: str | None, t: Text) -> str:
    """What helps where a retry does not; empty where one may help."""
    if code not in FINAL:
        return ""
    return t("failures.helps_truncated") if code == "truncated" else t("failures.helps")
