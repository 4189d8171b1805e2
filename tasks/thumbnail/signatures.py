"""File formats recognised by their first bytes: one table for the API, which refuses what is not read, and for jobs."""

import re
import struct
import zlib
from collections.abc import Collection
from typing import Final, NamedTuple

from tasks.refusal import Refusal

HEAD_BYTES = 4096
"""Bytes at the beginning of a file that `format_of` looks at."""
GZIP: Final = b"\x1f\x8b"
"""How a compressed SVG (SVGZ) begins, as every gzip file does."""
GZIP_WBITS: Final = 16 | zlib.MAX_WBITS
"""What makes zlib read gzip files alone."""
_GZIP_SUM_BYTES: Final = 8
"""The end of a gzip file: a wrong sum makes it a damaged SVG, which is said when it is decoded."""

_MEDIA_TYPES: Final = {
    "jpeg": "image/jpeg",
    "png": "image/png",
    "webp": "image/webp",
    "avif": "image/avif",
    "heic": "image/heic",
    "gif": "image/gif",
    "tiff": "image/tiff",
    "bmp": "image/bmp",
    "jp2": "image/jp2",
    "ico": "image/vnd.microsoft.icon",
    "svg": "image/svg+xml",
    "pdf": "application/pdf",
}

MEDIA_TYPES: Final = tuple(_MEDIA_TYPES.values())
"""Those of the files that are read."""

# What a group with ?> or *+ has matched is not tried in another way, so that no head takes long.
_COMMENT = rb"<!--.*?-->"
_DECLARATION = rb"(?:\xef\xbb\xbf)?\s*+(?><\?xml.*?\?>\s*)?+"
_DOCTYPE = rb"<!DOCTYPE(?>[^\[>]*)(?>\[.*?\]\s*>|>)"
_BEFORE_SVG = _DECLARATION + rb"(?>(?>" + _COMMENT + rb"|" + _DOCTYPE + rb")\s*)*+"
_BEFORE_HTML = _DECLARATION + rb"(?>" + _COMMENT + rb"\s*)*+"
_SIGNATURES: Final = {
    "jpeg": rb"\xff\xd8\xff",
    "png": rb"\x89PNG\r\n\x1a\n",
    "webp": rb"RIFF....WEBP",
    "avif": rb"....ftyp(avif|avis|(mif1|msf1).{4}(.{4}){0,30}?(avif|avis))",
    "heic": rb"....ftyp(heic|heix|hevc|hevx|heim|heis|mif1|msf1)",
    "gif": rb"GIF8[79]a",
    "tiff": rb"II[*+]\x00|MM\x00[*+]",
    "bmp": rb"BM.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00",
    "jp2": rb"\x00\x00\x00\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51",
    "ico": rb"\x00\x00\x01\x00(?!\x00\x00)",
    "svg": _BEFORE_SVG + rb"<(?:\w+:)?svg[\s>/]",
    "pdf": rb".{0,256}?%PDF-",
}


class _Foreign(NamedTuple):
    """A format that is not read. words: what a person calls it; advice: what to do instead."""

    words: str
    signature: bytes
    advice: str


_READ = "Send a JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF, BMP, JPEG 2000, ICO, SVG or PDF."
_EXPORT = "Save it as a JPEG or PNG and send that."
_RAW = "Export it as a JPEG and send that."
_STILL = "Send a still picture of it, or an animated WebP or GIF."
_PRINT = "Save it as a PDF and send that; its first page is drawn."
_UNPACK = "Unpack it and send the pictures in it."

_RAW_WORDS = "a camera's raw picture (such as DNG, NEF or ARW)"
_FOREIGN: Final = [
    _Foreign("a camera's raw picture (CR2)", rb"II\*\x00.{4}CR", _RAW),
    _Foreign("a camera's raw picture (CR3)", rb"....ftypcrx ", _RAW),
    _Foreign("a camera's raw picture (RAF)", rb"FUJIFILMCCD-RAW", _RAW),
    _Foreign("a camera's raw picture (RW2)", rb"IIU\x00", _RAW),
    _Foreign("a camera's raw picture (ORF)", rb"IIR[OS]|MMOR", _RAW),
    _Foreign("a camera's raw picture (X3F)", rb"FOVb", _RAW),
    _Foreign("a JPEG XL picture", rb"\xff\x0a|\x00\x00\x00\x0cJXL \r\n\x87\n", _EXPORT),
    _Foreign("a JPEG XR picture", rb"II\xbc", _EXPORT),
    _Foreign("a Photoshop document (PSD)", rb"8BPS", _EXPORT),
    _Foreign("a GIMP document (XCF)", rb"gimp xcf", _EXPORT),
    _Foreign("an OpenEXR picture", rb"\x76\x2f\x31\x01", _EXPORT),
    _Foreign("a Radiance HDR picture", rb"#\?(RADIANCE|RGBE)", _EXPORT),
    _Foreign("a DirectDraw surface (DDS)", rb"DDS ", _EXPORT),
    _Foreign("a QOI picture", rb"qoif", _EXPORT),
    _Foreign("a Netpbm picture (PBM, PGM, PPM or PAM)", rb"P[1-7]\s", _EXPORT),
    _Foreign("a PCX picture", rb"\x0a[\x00\x02-\x05][\x00\x01][\x01\x02\x04\x08]", _EXPORT),
    _Foreign("a DjVu document", rb"AT&TFORM", _PRINT),
    _Foreign("an Apple icon (ICNS)", rb"icns", _EXPORT),
    _Foreign("a Windows cursor (CUR)", rb"\x00\x00\x02\x00", _EXPORT),
    _Foreign("a Windows metafile (WMF or EMF)", rb"\xd7\xcd\xc6\x9a|\x01\x00\x00\x00.{36} EMF", _EXPORT),
    _Foreign("an MNG animation", rb"\x8aMNG", _STILL),
    _Foreign("a PostScript file (EPS)", rb"%!|\xc5\xd0\xd3\xc6", _PRINT),
    _Foreign("a gzip file of something else than an SVG", rb"\x1f\x8b", "Unpack it and send what is in it."),
    _Foreign("a video (AVI)", rb"RIFF....AVI ", _STILL),
    _Foreign("a video (WebM or Matroska)", rb"\x1aE\xdf\xa3", _STILL),
    _Foreign("a video (MPEG)", rb"\x00\x00\x01[\xb3\xba]", _STILL),
    _Foreign("a video (WMV)", rb"0&\xb2\x75\x8e\x66\xcf\x11", _STILL),
    _Foreign("sound (WAV)", rb"RIFF....WAVE", _READ),
    _Foreign("sound (MP3, FLAC or Ogg)", rb"ID3|fLaC|OggS", _READ),
    _Foreign("a video (MP4 or MOV)", rb"....(ftyp|moov|mdat|wide|pnot)", _STILL),
    _Foreign("an archive (ZIP) or an office document", rb"PK(\x03\x04|\x05\x06|\x07\x08)", f"{_UNPACK} {_PRINT}"),
    _Foreign("an archive (7z, RAR or xz)", rb"7z\xbc\xaf|Rar!|\xfd7zXZ", _UNPACK),
    _Foreign("an office document (DOC, XLS or PPT)", rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _PRINT),
    _Foreign("an RTF document", rb"\{\\rtf", _PRINT),
    _Foreign("a program", rb"MZ|\x7fELF|#!", _READ),
    _Foreign("HTML", _BEFORE_HTML + rb"<(?i:!doctype html|html|head|body|script)", _READ),
    _Foreign("XML", rb"(?:\xef\xbb\xbf)?\s*+<\?xml", _READ),
]

_SHORT = 3
"""The type of a number of 16 bits in a TIFF."""
_RAW_TAG = 50706
"""The tag that says which version of DNG a file has."""
_KIND_TAG, _OTHERS_TAG = 254, 330
"""The tags that say that a picture is a preview of another one, and where others are."""


def format_of(head: bytes) -> str:
    """Recognise a picture format by content.

    Args:
        head: The first HEAD_BYTES of the file, or all of a shorter one.

    Returns:
        The format, a key of `formats.PLUGINS`.

    Raises:
        Refusal: `unsupported_format`, which names the format and says what to do, or `truncated` for an empty file.
    """
    if not head:
        raise Refusal("truncated", "The file is empty; send a picture.")
    if re.match(_SIGNATURES["tiff"], head) and _is_raw(head):
        raise _unsupported(_RAW_WORDS, _RAW)
    for foreign in _FOREIGN[:1]:  # CR2 begins as a TIFF
        if re.match(foreign.signature, head, re.DOTALL):
            raise _unsupported(foreign.words, foreign.advice)
    if name := _read_format(head):
        return name
    for foreign in _FOREIGN:
        if re.match(foreign.signature, head, re.DOTALL):
            raise _unsupported(foreign.words, foreign.advice)
    if _is_text(head):
        raise _unsupported("text", _READ)
    raise Refusal("unsupported_format", f"The file is no picture of a format that is read. {_READ}")


def type_of(name: str) -> str:
    """Return the media type of a format (a key of `formats.PLUGINS`)."""
    return _MEDIA_TYPES[name]


def media_type_of(head: bytes) -> str:
    """Return the media type of an image file. Arguments and errors are those of `format_of`."""
    return type_of(format_of(head))


def _unsupported(words: str, advice: str) -> Refusal:
    return Refusal("unsupported_format", f"The file is {words}, which is not read. {advice}")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 3:  # else the head ends within a character
            return False
        text = head[: error.start].decode()
    return bool(text) and "".join(text.split()).isprintable()


def _read_format(head: bytes) -> str | None:
    for name, signature in _SIGNATURES.items():
        if re.match(signature, head, re.DOTALL):
            return name
    return "svg" if _is_svgz(head) else None


def _is_svgz(head: bytes) -> bool:
    """Tell whether what begins a gzip file is an SVG; no more than HEAD_BYTES of it are unpacked."""
    if not head.startswith(GZIP):
        return False
    try:
        text = zlib.decompressobj(GZIP_WBITS).decompress(head[:-_GZIP_SUM_BYTES], HEAD_BYTES)
    except zlib.error:
        return False
    return re.match(_SIGNATURES["svg"], text, re.DOTALL) is not None


def _is_raw(head: bytes) -> bool:
    """Tell whether a TIFF is a camera's raw file: what it begins with is a small preview then."""
    order = "<" if head[:2] == b"II" else ">"
    if head[2:4] not in (b"*\0", b"\0*"):
        return False
    try:
        start = struct.unpack_from(f"{order}I", head, 4)[0]
        count = struct.unpack_from(f"{order}H", head, start)[0]
        tags = {}
        for entry in range(start + 2, min(start + 2 + 12 * count, len(head) - 11), 12):
            tag, kind, _, value = struct.unpack_from(f"{order}HHII", head, entry)
            tags[tag] = value if order == "<" or kind != _SHORT else value >> 16
    except struct.error:  # further back in the file than its head
        return False
    return _RAW_TAG in tags or (tags.get(_KIND_TAG) == 1 and _OTHERS_TAG in tags)


def allowed_type(media_type: str, types: Collection[str]) -> str:
    """Check that a media type is one of those that an upload token allows.

    Args:
        media_type: That of a file.
        types: Those that it may have; none is any.

    Raises:
        Refusal: `unsupported_format`.
    """
    if types and media_type not in types:
        message = f"The file is {media_type}. The upload token allows {', '.join(types)}."
        raise Refusal("unsupported_format", message)
    return media_type
