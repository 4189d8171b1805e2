"""Signs the public URLs of files, and reads them again.

The last part of such a URL is base64url of a version, the id of the key, the fields as msgpack and the first 16 bytes
of their HMAC-SHA256, and then the ending of the file's name, by which some CDNs decide what they keep. There is one
way to write each, so that nobody can make a second URL of the same.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

import msgpack
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pydantic import SecretStr

PREFIX: Final = "/f/"
PURPOSE: Final = b"pressroom public files 1"
"""HKDF info: makes the keys of this use independent of those of any other use of the same text."""
VERSION: Final = b"\x01"
KEY_ID_BYTES: Final = 4
KEY_BYTES: Final = 32
MAC_BYTES: Final = 16
MAX_CHARS: Final = 1024
"""Longest signed text that is read."""
MAX_NAME_BYTES: Final = 200
"""Of a name in UTF-8; of a longer one the end is signed, which has the ending."""
MAX_TYPE_CHARS: Final = 100
_ENDING: Final = re.compile(r"[A-Za-z0-9]{1,8}")
_JOB_ID: Final = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class SignedFile:
    """What a public URL says.

    Attributes:
        job_id: The job that has the file.
        blob: SHA-256 of its bytes, in hex.
        name: Its name.
        type: Its media type.
        inline: Whether a browser may show it, if it is of a type that may be shown.
        expires_at_s: Seconds since 1970 from which on the URL is of no use; None if it is as good as its file.
    """

    job_id: str
    blob: str
    name: str
    type: str
    inline: bool = True
    expires_at_s: int | None = None


class FileSigner:
    """Signs with the first key, and reads what any of them has signed.

    Args:
        keys: Texts from which the keys are derived (HKDF-SHA256).
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = dict(map(_derived, keys))
        self._first = next(iter(self._keys), None)

    @classmethod
    def of(cls, text: SecretStr | None) -> Self:
        """The signer for a setting: `new,old` while it is being changed; None for a signer without keys."""
        texts = text.get_secret_value().split(",") if text else []
        return cls([one for one in map(str.strip, texts) if one])

    @property
    def has_keys(self) -> bool:
        """Whether it can sign."""
        return self._first is not None

    def path(self, file: SignedFile) -> str:
        """The path of the public URL of a file. The same file has the same path each time.

        Raises:
            ValueError: There is no key.
        """
        if self._first is None:
            raise ValueError("there is no key to sign with")
        name = signed_name(file.name)
        job = bytes.fromhex(file.job_id) if _JOB_ID.fullmatch(file.job_id) else file.job_id
        fields = (job, bytes.fromhex(file.blob), name, file.type[:MAX_TYPE_CHARS], file.inline, file.expires_at_s)
        signed = VERSION + self._first + msgpack.packb(fields)
        text = urlsafe_b64encode(signed + _mac(self._keys[self._first], signed)).rstrip(b"=").decode()
        return PREFIX + text + _ending_of(name)

    def read(self, text: str) -> SignedFile | None:
        """Read what follows PREFIX; None if none of the keys has signed it.

        Args:
            text: At most MAX_CHARS characters; longer ones were not signed here.
        """
        whole, dot, ending = text.partition(".")
        if len(text) > MAX_CHARS or not whole.isascii():
            return None
        try:
            given = urlsafe_b64decode(whole + "=" * (-len(whole) % 4))
        except ValueError:
            return None
        signed, mac = given[:-MAC_BYTES], given[-MAC_BYTES:]
        key = self._keys.get(signed[1 : 1 + KEY_ID_BYTES])
        if key is None or not hmac.compare_digest(_mac(key, signed), mac) or signed[:1] != VERSION:
            return None
        # What was signed here can be read. Several texts decode to the same bytes, but only one of them is the URL.
        job, blob, name, media_type, inline, expires_at_s = msgpack.unpackb(signed[1 + KEY_ID_BYTES :])
        if urlsafe_b64encode(given).rstrip(b"=").decode() != whole or dot + ending != _ending_of(name):
            return None
        job_id = job.hex() if isinstance(job, bytes) else job
        return SignedFile(job_id, blob.hex(), name, media_type, inline, expires_at_s)


def signed_name(name: str) -> str:
    """The part of a name that is signed: all of it, if it is not long."""
    return name.encode(errors="replace")[-MAX_NAME_BYTES:].decode(errors="ignore")


def _derived(text: str) -> tuple[bytes, bytes]:
    """The id of a key, and the key."""
    both = HKDF(SHA256(), KEY_ID_BYTES + KEY_BYTES, salt=None, info=PURPOSE).derive(text.encode())
    return both[:KEY_ID_BYTES], both[KEY_ID_BYTES:]


def _mac(key: bytes, signed: bytes) -> bytes:
    return hmac.digest(key, signed, "sha256")[:MAC_BYTES]


def _ending_of(name: str) -> str:
    ending = name.rpartition(".")[2] if "." in name else ""
    return f".{ending}" if _ENDING.fullmatch(ending) else ""
