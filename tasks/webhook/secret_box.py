"""Encrypts the secrets of endpoints, so that read access to Redis alone is not enough to sign deliveries."""

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
"""HKDF info: makes the keys of this use of SECRET_KEY independent of those of any other use."""
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12


class SecretBox:
    """Encrypts with AES-256-GCM under a key derived from the first text (HKDF-SHA256); decrypts with any of them.

    Without keys, as in development, it stores plain texts. A box with keys still reads those.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._ciphers = [AESGCM(_derived(key)) for key in keys]

    @classmethod
    def of(cls, secret_key: str | None) -> Self:
        """The box of a SECRET_KEY: `new,old` while it is being changed, None or empty for none."""
        return cls([key for key in map(str.strip, (secret_key or "").split(",")) if key])

    def seal(self, text: str, about: str) -> str:
        """Encrypt a text. about: the owner of the secret, needed to decrypt it. Each call gives another result."""
        if not self._ciphers:
            return PLAIN + text
        nonce = os.urandom(NONCE_BYTES)
        return SEALED + b64encode(nonce + self._ciphers[0].encrypt(nonce, text.encode(), about.encode())).decode()

    def open(self, sealed: str, about: str) -> str:
        """Decrypt a text of `seal`. Raises: Refusal `secret_unreadable`, whatever the reason."""
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
