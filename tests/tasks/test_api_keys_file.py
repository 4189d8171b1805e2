"""API_KEYS_FILE: more keys than fit into one environment variable."""

from pathlib import Path

import pytest

from tasks.settings import load

KEY = "k" * 16


def test_keys_of_the_file_come_after_those_of_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# of the shop\n\nbob:{KEY}2  # since May\n" + "".join(f"o{n}:{n:016}\n" for n in range(20_000)))
    monkeypatch.setenv("API_KEYS", f"alice:{KEY}1")
    monkeypatch.setenv("API_KEYS_FILE", str(file))
    keys = [(owner, key.get_secret_value()) for owner, key in load().api_keys]
    assert keys[:3] == [("alice", f"{KEY}1"), ("bob", f"{KEY}2"), ("o0", "0" * 16)]
    assert len(keys) == 20_002


def test_an_owner_of_the_settings_may_have_a_long_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEYS", f"{'Shop_1-' * 20}:{KEY}1")
    assert [owner for owner, _ in load().api_keys] == ["Shop_1-" * 20]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "API_KEYS_FILE cannot be read"),
        ("# nobody\n", "has no key"),
        ("bob\n", "owner:key"),
        (f"bob:{KEY}1\n", "also the key of another owner"),
        (f"日本:{KEY}2\n", "'日本' is not allowed. An owner is 1 to 100 letters"),
        (f":{KEY}2\n", "'' is not allowed"),
    ],
)
def test_a_file_that_cannot_be_used_ends_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, reason: str
) -> None:
    """Without keys the service would be open to everyone."""
    file = tmp_path / "keys"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv("API_KEYS", f"alice:{KEY}1")
    monkeypatch.setenv("API_KEYS_FILE", str(file))
    with pytest.raises(ValueError, match=reason):
        load()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("alice,日本", "write ADMINS as owner,owner; '日本' is not allowed. An owner is 1 to 100 letters"),
        ("alice:key", "'alice:key' is not allowed"),
        ("system", "'system' has a meaning of its own"),
    ],
)
def test_a_name_in_admins_that_no_owner_may_have_ends_the_start(
    monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    monkeypatch.setenv("ADMINS", text)
    with pytest.raises(ValueError, match=reason):
        load()
