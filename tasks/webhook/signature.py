"""Standard Webhooks 1.0, `v1`: HMAC-SHA256 over id, time and the bytes of the body (standardwebhooks.com)."""

import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import b2a_base64
from collections.abc import Sequence
from typing import Final

from tasks.refusal import Refusal

PREFIX: Final = "whsec_"
NEW_KEY_BYTES: Final = 32
MIN_KEY_BYTES: Final = 24
MAX_KEY_BYTES: Final = 64
FORM: Final = "^whsec_(?:[A-Za-z0-9+/]{4}){8,20}(?:(?:[A-Za-z0-9+/]{4})?(?:[A-Za-z0-9+/]{2}==)?|[A-Za-z0-9+/]{3}=)$"
"""Of a secret, for JSON Schema; `key_of` checks one."""


def new_secret() -> str:
    """A secret as its owner gets it: `whsec_` and the base64 of random bytes."""
    return PREFIX + b64encode(secrets.token_bytes(NEW_KEY_BYTES)).decode()


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


def headers(message_id: str, timestamp_s: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The three headers of one attempt. Without keys there is no signature.

    Args:
        message_id: the same for every attempt. Made by Pressroom, and without a dot, which separates the signed parts.
        timestamp_s: of this attempt, seconds since 1970.
        body: as it is sent.
        keys: of the live secrets, newest first. A receiver accepts the signature of any key that it knows.
    """
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    found = {"webhook-id": message_id, "webhook-timestamp": str(timestamp_s)}
    if keys:
        # b2a_base64 and hmac.digest are single calls into C; base64 and hmac.new take several Python calls.
        entries = [b2a_base64(hmac.digest(key, signed, "sha256"), newline=False) for key in keys]
        found["webhook-signature"] = "v1," + b" v1,".join(entries).decode()
    return found
