"""Bytes to upload. The API looks at their beginning only."""

import os

PNG = b"\x89PNG\r\n\x1a\n" + b"a picture, as far as the API can tell"
JPEG = b"\xff\xd8\xff\xe0" + b"another one"


def big(size: int) -> bytes:
    """A picture of so many bytes, as far as the API can tell; a new one each time."""
    return JPEG + os.urandom(16) + bytes(size - len(JPEG) - 16)
