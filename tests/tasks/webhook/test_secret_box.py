"""Stored secrets: they open with the key and the owner they were sealed for, and with nothing else."""

from base64 import b64decode, b64encode

import pytest

from tasks.refusal import Refusal
from tasks.webhook.secret_box import SecretBox

NEW, OLD = "new-key-" * 4, "old-key-" * 4
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ABOUT = "0123456789abcdef0123456789abcdef"


def refused(box: SecretBox, sealed: str, about: str = ABOUT) -> None:
    with pytest.raises(Refusal) as caught:
        box.open(sealed, about)
    assert caught.value.code == "secret_unreadable"
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("text", [SECRET, "", "ünïcode 🗝", "x" * 100_000])
def test_what_is_sealed_opens_again_and_does_not_show(text: str) -> None:
    box = SecretBox.of(NEW)
    sealed = box.seal(text, ABOUT)
    assert sealed.isascii()
    assert not text or text not in sealed
    assert SecretBox.of(NEW).open(sealed, ABOUT) == text


def test_no_two_seals_are_equal() -> None:
    box = SecretBox.of(NEW)
    assert len({box.seal(SECRET, ABOUT) for _ in range(100)}) == 100


def test_a_seal_opens_for_the_one_it_was_made_for() -> None:
    box = SecretBox.of(NEW)
    refused(box, box.seal(SECRET, ABOUT), about=ABOUT[::-1])


def test_another_key_does_not_open_it() -> None:
    refused(SecretBox.of(OLD), SecretBox.of(NEW).seal(SECRET, ABOUT))


def test_a_key_that_is_being_replaced_opens_and_no_longer_seals() -> None:
    both = SecretBox.of(f"{NEW}, {OLD}")
    assert both.open(SecretBox.of(OLD).seal(SECRET, ABOUT), ABOUT) == SECRET
    fresh = both.seal(SECRET, ABOUT)
    assert SecretBox.of(NEW).open(fresh, ABOUT) == SECRET
    refused(SecretBox.of(OLD), fresh)


def test_every_flipped_byte_is_noticed() -> None:
    box = SecretBox.of(NEW)
    prefix, _, text = box.seal(SECRET, ABOUT).partition(":")
    whole = b64decode(text)
    for place in range(len(whole)):
        flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        refused(box, f"{prefix}:{b64encode(flipped).decode()}")


def test_every_truncation_is_noticed() -> None:
    box = SecretBox.of(NEW)
    sealed = box.seal(SECRET, ABOUT)
    for length in range(len(sealed)):
        refused(box, sealed[:length])


@pytest.mark.parametrize("sealed", ["", SECRET, "aes256gcm:", "aes256gcm:é", "aes128gcm:AAAA", "aes256gcm:AA AA"])
def test_what_is_no_seal_is_unreadable(sealed: str) -> None:
    refused(SecretBox.of(NEW), sealed)


@pytest.mark.parametrize("secret_key", [None, "", " , "])
def test_without_a_key_the_text_is_marked_as_plain(secret_key: str | None) -> None:
    box = SecretBox.of(secret_key)
    assert box.seal(SECRET, ABOUT) == f"plain:{SECRET}"
    assert box.open(f"plain:{SECRET}", ABOUT) == SECRET


def test_a_key_that_is_set_later_opens_what_was_plain() -> None:
    assert SecretBox.of(NEW).open(SecretBox.of(None).seal(SECRET, ABOUT), ABOUT) == SECRET


def test_a_key_that_is_taken_away_leaves_nothing_readable() -> None:
    refused(SecretBox.of(None), SecretBox.of(NEW).seal(SECRET, ABOUT))


def test_a_secret_that_looks_like_a_seal_comes_back_as_it_was() -> None:
    for box in (SecretBox.of(None), SecretBox.of(NEW)):
        for text in ("plain:x", "aes256gcm:AAAA"):
            assert box.open(box.seal(text, ABOUT), ABOUT) == text
