"""Seals the secrets of endpoints, so that whoever reads Redis alone cannot sign in our name."""

import os
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tasks.refusal import Refusal

SEALED: Final = "aes256gcm:"
PLAIN: Final = "plain:"
PURPOSE: Final = b"pressroom endpoint secrets 1"
"""Tells this use of SECRET_KEY from any other: the keys that come of it have nothing in common."""
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class SecretBox:
    """Seals with AES-256-GCM under a key worked out of the first text (HKDF-SHA256); opens what any of them has sealed.

    Without keys, as in development, it writes plain texts; with keys it still opens those.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._ciphers = [AESGCM(_derived(key)) for key in keys]

    @classmethod
    def of(cls, secret_key: str | None) -> Self:
        """The box of a SECRET_KEY: `new,old` while it is being changed, None or empty for none."""
        return cls([key for key in map(str.strip, (secret_key or "").split(",")) if key])

    def seal(self, text: str, about: str) -> str:
        """The text as it may be stored. about: whose it is; it opens for the same alone. No two results are equal."""
        if not self._ciphers:
            return PLAIN + text
        nonce = os.urandom(NONCE_BYTES)
        return SEALED + b64encode(nonce + self._ciphers[0].encrypt(nonce, text.encode(), about.encode())).decode()

    def open(self, sealed: str, about: str) -> str:
        """What was sealed. Raises: Refusal `secret_unreadable`, whatever the reason."""
        if sealed.startswith(PLAIN):
            return sealed.removeprefix(PLAIN)
        if sealed.startswith(SEALED):
            return self._decrypted(sealed.removeprefix(SEALED), about.encode())
        raise _unreadable()

    def _decrypted(self, sealed: str, about: bytes) -> str:
        try:
            whole = b64decode(sealed, validate=True)
        except ValueError:
            raise _unreadable() from None
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(whole[:NONCE_BYTES], whole[NONCE_BYTES:], about).decode()
            except (InvalidTag, ValueError):
                continue
        raise _unreadable()


def _derived(key: str) -> bytes:
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=PURPOSE).derive(key.encode())


def _unreadable() -> Refusal:
    return Refusal(
        "secret_unreadable",
        "The secret cannot be decrypted. Add the former SECRET_KEY after a comma, or rotate the secret.",
    )
