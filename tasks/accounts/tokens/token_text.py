"""How a token is written: `pr_up_…` for one that uploads, `pr_job_…` for one that sees a job,
`pr_portal_…` for one in a portal link.

A token ends with a checksum, so that one which was cut off or mistyped costs no look-up.
"""

import hmac
import secrets
import zlib
from hashlib import sha256
from typing import Final

UPLOAD: Final = "pr_up_"
JOB: Final = "pr_job_"
PORTAL: Final = "pr_portal_"
SECRET_BYTES: Final = 32
CHECK_CHARS: Final = 8


def upload_token() -> str:
    """A new token of 256 random bits that uploads."""
    return _with_check(UPLOAD + secrets.token_hex(SECRET_BYTES))


def portal_token() -> str:
    """A new token of 256 random bits for a portal link."""
    return _with_check(PORTAL + secrets.token_hex(SECRET_BYTES))


def job_token(job_id: str, salt: str) -> str:
    """The token that sees a job: the same one each time, so that a repeated submit can answer it again.

    Args:
        job_id: 32 hex digits.
        salt: A secret that is shown to nobody.
    """
    return _with_check(JOB + job_id + hmac.digest(salt.encode(), job_id.encode(), "sha256").hex())


def job_of_token(token: str) -> str:
    """The id of the job that a token is for."""
    return token[len(JOB) : len(JOB) + 32]


def is_whole(token: str) -> bool:
    """Whether the checksum of a token is right."""
    return token.isascii() and _with_check(token[:-CHECK_CHARS]) == token


def digest_of(token: str) -> str:
    """What is stored of a token: its SHA-256 in hex."""
    return sha256(token.encode()).hexdigest()


def _with_check(text: str) -> str:
    return f"{text}{zlib.crc32(text.encode()):08x}"
