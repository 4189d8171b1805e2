"""Standard Webhooks 1.0 (standardwebhooks.com): `v1`, HMAC-SHA256 over id, time and the bytes of the body, and `v1a`,
Ed25519 over the same, which a receiver verifies with a key that is no secret."""

import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import b2a_base64
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tasks.refusal import Refusal

PREFIX: Final = "whsec_"
PRIVATE_PREFIX: Final = "whsk_"
PUBLIC_PREFIX: Final = "whpk_"
SEED_BYTES: Final = 32
KEYS_KEPT: Final = 1_000
"""Private keys that a process caches: making one from its bytes takes as long as signing."""
NEW_KEY_BYTES: Final = 32
MIN_KEY_BYTES: Final = 24
MAX_KEY_BYTES: Final = 64
FORM: Final = "^whsec_(?:[A-Za-z0-9+/]{4}){8,20}(?:(?:[A-Za-z0-9+/]{4})?(?:[A-Za-z0-9+/]{2}==)?|[A-Za-z0-9+/]{3}=)$"
"""Of a secret, for JSON Schema; `key_of` checks one."""


def new_secret() -> str:
    """A secret as its owner gets it: `whsec_` and the base64 of random bytes."""
    return PREFIX + text_of(secrets.token_bytes(NEW_KEY_BYTES))


def text_of(key: bytes) -> str:
    """A key as the text of its secret has it, without PREFIX."""
    return b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """The bytes that a secret encodes. They are the key of the HMAC, not the secret's text.

    Raises: Refusal `invalid_secret`.
    """
    try:
        key = b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(PREFIX) or not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise Refusal(
            "invalid_secret",
            f"The secret must be {PREFIX} and the padded base64 of {MIN_KEY_BYTES} to {MAX_KEY_BYTES} random bytes.",
            field="secret",
        )
    return key


def new_private_key() -> tuple[str, str]:
    """A key pair: the private key as text, `whsk_` and the base64 of both keys; and the public key, `whpk_` and its
    base64."""
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    text = PRIVATE_PREFIX + b64encode(private.private_bytes_raw() + public).decode()
    return text, PUBLIC_PREFIX + b64encode(public).decode()


@lru_cache(KEYS_KEPT)
def private_key_of(text: str) -> Ed25519PrivateKey:
    """The private key of a text of `new_private_key`."""
    seed = b64decode(text.removeprefix(PRIVATE_PREFIX))[:SEED_BYTES]
    return Ed25519PrivateKey.from_private_bytes(seed)


def headers(
    message_id: str,
    timestamp_s: int,
    body: bytes,
    keys: Sequence[bytes],
    private_keys: Sequence[Ed25519PrivateKey] = (),
) -> dict[str, str]:
    """The three headers of one attempt. Without keys there is no signature.

    Args:
        message_id: the same for every attempt. Made by Pressroom, and without a dot, which separates the signed parts.
        timestamp_s: of this attempt, seconds since 1970.
        body: as it is sent.
        keys: of the live secrets, newest first. A receiver accepts the signature of any key that it knows.
        private_keys: the live ones, newest first. Their signatures come after those of the secrets.
    """
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    found = {"webhook-id": message_id, "webhook-timestamp": str(timestamp_s)}
    if keys:
        # b2a_base64 and hmac.digest are single calls into C; base64 and hmac.new take several Python calls.
        entries = [b2a_base64(hmac.digest(key, signed, "sha256"), newline=False) for key in keys]
        found["webhook-signature"] = "v1," + b" v1,".join(entries).decode()
    if private_keys:
        entries = [b"v1a," + b2a_base64(key.sign(signed), newline=False) for key in private_keys]
        before = [found["webhook-signature"]] if keys else []
        found["webhook-signature"] = " ".join([*before, *(entry.decode() for entry in entries)])
    return found
