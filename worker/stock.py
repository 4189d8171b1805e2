"""The documented names `arq worker.stock.<queue>` of the settings in `worker.arq_compat.settings`."""

from typing import Any

from worker.arq_compat import settings


def __getattr__(name: str) -> dict[str, Any]:
    found: dict[str, Any] = getattr(settings, name)
    return found
