"""The protocol of resumable uploads, tus 1.0 (tus.io/protocols/resumable-upload): its headers, read strictly."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from starlette.datastructures import Headers

from tasks.refusal import Refusal
from tasks.validation import shown

PATH: Final = "/v1/uploads/resumable"
VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,checksum,termination"
CONTENT_TYPE: Final = "application/offset+octet-stream"
ALWAYS: Final = ((b"tus-resumable", VERSION.encode()), (b"tus-version", VERSION.encode()))
"""Headers of every answer under PATH, of errors too."""

REQUEST_HEADERS: Final = ("Tus-Resumable", "Upload-Length", "Upload-Offset", "Upload-Metadata", "Upload-Checksum")
EXPOSED_HEADERS: Final = (
    *("Tus-Resumable", "Tus-Version", "Upload-Offset", "Upload-Length", "Upload-Metadata", "Upload-Expires"),
)
"""What pages of other origins send, and read, besides what every request may have (CORS)."""

ALGORITHMS: Final = ("sha1", "sha256")
MAX_DIGITS: Final = 15
METADATA_KEYS: Final = ("filename", "filetype", "tags", "metadata", "purpose")
ALSO_SENT: Final = ("name", "type", "relativePath")
"""What Uppy sends of each file, besides the first two above."""
MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(?:;[ -~]{0,200})?")


class Checksum(NamedTuple):
    """What an Upload-Checksum says: a name of ALGORITHMS, and the digest."""

    algorithm: str
    digest: bytes

    def new(self) -> "hashlib._Hash":
        """A hash of the algorithm, of nothing yet."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


def check_version(headers: Headers) -> None:
    """Refuse a request of another version of the protocol, or of none.

    Raises:
        Refusal: `unsupported_protocol`.
    """
    given = headers.getlist("tus-resumable")
    if given != [VERSION]:
        said = f"{shown(', '.join(given))} was sent" if given else "The header is missing"
        message = f"Tus-Resumable: {said}. Send {VERSION}, the one version that is supported."
        raise Refusal("unsupported_protocol", message, field="Tus-Resumable")


def number_of(headers: Headers, name: str) -> int:
    """The whole number in a header that must be there.

    Raises:
        Refusal: `invalid_request`.
    """
    text = _once(headers, name)
    if text is None:
        raise Refusal("invalid_request", f"{name}: The header is missing. Send a number of bytes.", field=name)
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_DIGITS:
        message = f"{name}: {shown(text)} is no number of bytes. Send up to {MAX_DIGITS} digits and nothing else."
        raise Refusal("invalid_request", message, field=name)
    return int(text)


def metadata_of(headers: Headers) -> dict[str, str]:
    """The keys and values of Upload-Metadata.

    Raises:
        Refusal: `invalid_request`, for anything that the protocol does not allow, and for a key without a meaning.
    """
    text = _once(headers, "Upload-Metadata")
    found: dict[str, str] = {}
    for pair in text.split(",") if text else ():
        key, _, encoded = pair.strip(" ").partition(" ")
        if key not in (*METADATA_KEYS, *ALSO_SENT):
            known = ", ".join((*METADATA_KEYS, *ALSO_SENT))
            raise _bad_metadata(f"The key {shown(key)} is unknown. The keys are {known}")
        if key in found:
            raise _bad_metadata(f"The key {shown(key)} comes twice. Send it once")
        try:
            found[key] = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError):
            raise _bad_metadata(f"The value of {shown(key)} is not the base64 of UTF-8 text") from None
    media_type = found.get("filetype")
    if media_type and not MEDIA_TYPE.fullmatch(media_type):
        raise _bad_metadata(f"filetype {shown(media_type)} is no media type, such as image/jpeg")
    return found


def checksum_of(headers: Headers) -> Checksum | None:
    """What Upload-Checksum says; None without one.

    Raises:
        Refusal: `invalid_request`.
    """
    text = _once(headers, "Upload-Checksum")
    if text is None:
        return None
    algorithm, _, encoded = text.partition(" ")
    if algorithm not in ALGORITHMS:
        message = f"Upload-Checksum: {shown(algorithm)} is no algorithm. Use {' or '.join(ALGORITHMS)}."
        raise Refusal("invalid_request", message, field="Upload-Checksum")
    try:
        digest = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        digest = b""
    checksum = Checksum(algorithm, digest)
    if len(digest) != checksum.new().digest_size:
        message = f"Upload-Checksum: {shown(encoded)} is not the base64 of a {algorithm} digest."
        raise Refusal("invalid_request", message, field="Upload-Checksum")
    return checksum


def refuse_unsupported(headers: Mapping[str, str]) -> None:
    """Refuse what the supported extensions do not have.

    Raises:
        Refusal: `invalid_request`.
    """
    for name, advice in (
        ("Upload-Defer-Length", "Send Upload-Length"),
        ("Upload-Concat", "Send the file as one upload"),
    ):
        if name in headers:
            raise Refusal("invalid_request", f"{name}: The extension is not supported. {advice}.", field=name)


def _once(headers: Headers, name: str) -> str | None:
    given = headers.getlist(name)
    if len(given) > 1:
        raise Refusal("invalid_request", f"{name}: The header comes {len(given)} times. Send it once.", field=name)
    return given[0] if given else None


def _bad_metadata(what: str) -> Refusal:
    return Refusal("invalid_request", f"Upload-Metadata: {what}.", field="Upload-Metadata")
