"""The form of API keys."""

import random
import re

import pytest

from tasks.accounts.key_format import (
    ALPHABET,
    CHECKSUM_CHARS,
    KEY_CHARS,
    RANDOM_BITS,
    RANDOM_CHARS,
    digest_of,
    id_of,
    is_well_formed,
    new_key,
)


def test_a_key_has_a_prefix_256_random_bits_and_a_checksum() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(re.fullmatch(r"pr_live_[0-9A-Za-z]{43}[0-9A-Za-z]{6}", key) for key in keys)
    assert all(map(is_well_formed, keys))
    assert len(ALPHABET) ** (RANDOM_CHARS - 1) < 2**RANDOM_BITS <= len(ALPHABET) ** RANDOM_CHARS
    assert len(ALPHABET) ** CHECKSUM_CHARS >= 2**32


def test_every_single_wrong_character_is_found() -> None:
    """CRC-32 finds every error of up to 32 bits in a row, so also any one character, and two that changed places."""
    key, chosen = new_key(), random.Random(0)  # noqa: S311 - it chooses typos
    for at in range(KEY_CHARS):
        other = chosen.choice([character for character in ALPHABET if character != key[at]])
        assert not is_well_formed(key[:at] + other + key[at + 1 :])


@pytest.mark.parametrize("text", ["", "pr_live_", "pr_live_" + "0" * 49, "PR_LIVE_" + "0" * 49, "pr_live_" + "é" * 49])
def test_what_is_no_key_is_not_well_formed(text: str) -> None:
    assert not is_well_formed(text)


def test_a_key_with_more_or_less_is_not_well_formed() -> None:
    key = new_key()
    assert not any(map(is_well_formed, (key[:-1], key + "0", f" {key}", f"{key}\n")))


def test_the_public_id_is_no_part_of_the_key() -> None:
    key = new_key()
    public = id_of(digest_of(key))
    assert re.fullmatch("[0-9a-f]{16}", public)
    assert public not in key
