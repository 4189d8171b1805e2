"""Where a blob is in the storage, under its prefix."""

import re

from tasks.storage.protocol import BlobMissing

HASH = re.compile(r"[0-9a-f]{64}")


def key(sha256: str) -> str:
    """Return the object key of a blob.

    Args:
        sha256: Of its bytes.

    Raises:
        BlobMissing: `sha256` is not a SHA-256 in lower-case hex.
    """
    if not HASH.fullmatch(sha256):
        raise BlobMissing(sha256)
    return f"blobs/{sha256[:2]}/{sha256}"
