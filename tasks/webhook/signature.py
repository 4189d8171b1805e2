"""Standard Webhooks 1.0, `v1`: HMAC-SHA256 over id, time and the very bytes of the body (standardwebhooks.com)."""

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


def new_secret() -> str:
    """A secret as its owner gets it: `whsec_` and the base64 of random bytes."""
    return PREFIX + b64encode(secrets.token_bytes(NEW_KEY_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes that a secret stands for: they are the key of the HMAC, not its text.

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
    """The three headers of one try. Without keys there is no signature.

    message_id: the same for every try; ours, never a stranger's, and without a dot. timestamp_s: of this try, seconds
    since 1970. body: as it is sent. keys: the live ones, newest first; a receiver that knows any of them is content.
    """
    signed = f"{message_id}.{timestamp_s}.".encode() + body
    found = {"webhook-id": message_id, "webhook-timestamp": str(timestamp_s)}
    if keys:
        # b2a_base64 and hmac.digest do in one call of C what base64 and hmac.new do in several of Python.
        entries = [b2a_base64(hmac.digest(key, signed, "sha256"), newline=False) for key in keys]
        found["webhook-signature"] = "v1," + b" v1,".join(entries).decode()
    return found
