"""API keys: `pr_live_`, 256 random bits and a checksum, both in base 62.

The checksum finds typos and made-up keys without a look-up; it is no secret. The prefix lets scanners of source code
find keys that were published by mistake. Redis has only a key's SHA-256; a slow hash would add nothing, for 256 random
bits cannot be guessed. For the same reason no comparison in constant time is needed: a key is looked up by its hash, so
that the time of a look-up depends on the hash of what was sent, which says nothing of another key.
"""

import secrets
import string
import zlib
from hashlib import sha256
from typing import Final

PREFIX: Final = "pr_live_"
ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_BITS: Final = 256
RANDOM_CHARS: Final = 43
"""62 ** 43 is just above 2 ** 256."""
CHECKSUM_CHARS: Final = 6
KEY_CHARS: Final = len(PREFIX) + RANDOM_CHARS + CHECKSUM_CHARS
ID_CHARS: Final = 16
"""Hexadecimal characters of the public id of a key: the first 64 bits of its SHA-256, which are no part of the key."""


def new_key() -> str:
    """A key that no one else has."""
    body = PREFIX + _base62(secrets.randbits(RANDOM_BITS), RANDOM_CHARS)
    return body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether a text has the form of a key, and its checksum fits."""
    if len(key) != KEY_CHARS or not key.startswith(PREFIX) or not key.isascii():
        return False
    return _checksum(key[:-CHECKSUM_CHARS]) == key[-CHECKSUM_CHARS:]


def digest_of(key: str) -> str:
    """The SHA-256 of a key, in hexadecimal: what Redis has of it."""
    return sha256(key.encode()).hexdigest()


def id_of(digest: str) -> str:
    """The public id of a key with this SHA-256."""
    return digest[:ID_CHARS]


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), CHECKSUM_CHARS)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))
