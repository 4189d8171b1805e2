"""Streams whose sources look often."""

import pytest

LOOK_S = 0.02


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOOK_S", "ALERTS_S"):
        monkeypatch.setattr(f"api.changes.sources.{name}", LOOK_S)
