"""A variable that is empty, as panels of platforms and Compose's `${NAME:-}` leave it, is one that is not set."""

from pathlib import Path

import pytest

from tasks.queue.connect import connect
from tasks.settings import EMPTY_STAYS, Settings, load

NAMES = sorted(Settings.model_fields.keys() - EMPTY_STAYS)


def test_an_empty_variable_is_as_if_it_were_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name.upper(), raising=False)
    unset = Settings(_env_file=None)
    for name in NAMES:
        monkeypatch.setenv(name.upper(), "")
    empty = Settings(_env_file=None)
    assert empty == unset
    assert not empty.model_fields_set & set(NAMES)


def test_without_proxies_none_is_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUSTED_PROXIES", "")
    assert Settings(_env_file=None).proxy_networks == ()


def test_it_hides_the_line_of_the_file_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("API_KEYS=shop:0123456789abcdef\n")
    monkeypatch.chdir(tmp_path)
    assert load().api_keys
    monkeypatch.setenv("API_KEYS", "")
    assert not load().api_keys


def test_an_empty_address_of_redis_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its default is this machine, for which a process on a platform would wait forever."""
    monkeypatch.setenv("REDIS_URL", "")
    with pytest.raises(ValueError, match="REDIS_URL: write redis://"):
        connect(load().redis_url.get_secret_value())
