"""Files are recognised by their first bytes; those that are not read are called what people call them."""

import struct
import time
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.thumbnail.formats import PLUGINS
from tasks.thumbnail.signatures import HEAD_BYTES, format_of, media_type_of, type_of
from tests.support.pictures import encoded, quarters

WRITERS = {"heic": "HEIF", "jp2": "JPEG2000"}
DRAWINGS = {"svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>'}


@pytest.mark.parametrize("name", PLUGINS)
def test_every_format_with_a_decoder_is_recognised(name: str) -> None:
    head = (DRAWINGS.get(name) or encoded(quarters(), WRITERS.get(name, name)))[:HEAD_BYTES]
    assert format_of(head) == name
    assert media_type_of(head) == type_of(name)


@pytest.mark.parametrize(
    "head",
    [
        b"\0\0\0\x20ftypavif",
        b"\0\0\0\x20ftypavis",
        b"\0\0\0\x20ftypmif1\0\0\0\0mif1avif",
        b"\0\0\0\x20ftypmsf1\0\0\0\0avis",
    ],
)
def test_an_avif_may_begin_with_any_of_its_brands(head: bytes) -> None:
    assert media_type_of(head) == "image/avif"


@pytest.mark.parametrize("brands", [b"heic", b"mif1\0\0\0\0heic", b"msf1\0\0\0\0hevc"])
def test_a_heic_may_begin_with_any_of_its_brands(brands: bytes) -> None:
    assert media_type_of(b"\0\0\0\x18ftyp" + brands) == "image/heic"


@pytest.mark.parametrize(
    "head",
    [
        b"<svg>",
        b'\xef\xbb\xbf<?xml version="1.0"?>\n<svg xmlns="">',
        b"<!-- made by hand -->\n<!-- twice --> <svg\n>",
        b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd"><svg ',
        b'<!DOCTYPE svg [\n  <!ENTITY ns "http://www.w3.org/2000/svg">\n] ><svg ',
        b'<s:svg xmlns:s="http://www.w3.org/2000/svg">',
        b"<?xml version='1.0'?>" + b"<!-- long -->" * 300 + b"<svg>",
    ],
)
def test_an_svg_may_begin_with_more_than_its_tag(head: bytes) -> None:
    assert format_of(head[:HEAD_BYTES]) == "svg"


def _tiff(order: str, **tags: int) -> bytes:
    numbers = {"kind": 254, "width": 256, "others": 330, "dng": 50706}
    entries = sorted((numbers[name], value) for name, value in tags.items())
    kind = {254: 4, 256: 3, 330: 4, 50706: 1}
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(entries))
    for tag, value in entries:
        stored = value << 16 if order == ">" and kind[tag] == 3 else value
        head += struct.pack(f"{order}HHII", tag, kind[tag], 1, stored)
    return head + bytes(4)


FOREIGN = {
    "camera's raw picture (such as DNG": _tiff("<", width=9, dng=0x0104),
    "camera's raw picture (such as": _tiff(">", kind=1, width=9, others=400),
    "raw picture (CR2)": b"II*\0\x10\0\0\0CR\x02\0",
    "raw picture (CR3)": b"\0\0\0\x18ftypcrx \0\0\0\1",
    "raw picture (RAF)": b"FUJIFILMCCD-RAW 0201",
    "JPEG XL": b"\xff\x0a\xfa\x1f",
    "JPEG XR": b"II\xbc\x01",
    "XCF": b"gimp xcf v011",
    "ICNS": b"icns\0\0\x10\0",
    "CUR": b"\0\0\2\0\1\0",
    "WAV": b"RIFF\0\0\0\0WAVE",
    "AVI": b"RIFF\0\0\0\0AVI LIST",
    "MP3": b"ID3\x04\0\0",
    "Matroska": b"\x1aE\xdf\xa3",
    "MOV": b"\0\0\0\x14ftypqt  ",
    "gzip": b"\x1f\x8b\x08\0",
    "7z": b"7z\xbc\xaf'\x1c",
    "DOC": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "RTF": b"{\\rtf1",
    "program": b"MZ\x90\0",
    "HTML": b"<!-- c --><!DOCTYPE HTML>",
    "XML": b'<?xml version="1.0"?><rss>',
    "text": '{"name": "Füchse"}'.encode(),
    "no picture of a format": b"\x07\x08\x00\x01",
    "no picture": b"GIF88a\0",
}


@pytest.mark.parametrize("words", FOREIGN)
def test_a_file_that_is_not_read_is_named_with_what_to_do(words: str) -> None:
    with pytest.raises(Refusal) as caught:
        format_of(FOREIGN[words])
    assert caught.value.code == "unsupported_format"
    assert words in caught.value.message
    assert any(f"{verb} " in caught.value.message for verb in ("Send", "Save", "Export", "Unpack"))


def test_a_tiff_with_a_preview_or_an_orientation_alone_is_no_raw_file() -> None:
    assert format_of(_tiff("<", width=9)) == format_of(_tiff(">", kind=0, width=9, others=400)) == "tiff"
    assert format_of(b"II*\0\xff\xff\xff\x7f") == "tiff"


def test_an_empty_file_is_truncated() -> None:
    with pytest.raises(Refusal) as caught:
        format_of(b"")
    assert caught.value.code == "truncated"


@pytest.mark.parametrize(
    "unit", [b"<!---->", b"<!-- ", b"<?xml ", b"<!DOCTYPE [", b"]>", b" ", b"ftypmif1", b"%PD", b"\0"]
)
def test_no_head_takes_long_to_recognise(unit: bytes) -> None:
    start = time.process_time()
    for head in (unit * HEAD_BYTES, b"<!DOCTYPE x" + unit * HEAD_BYTES, b"\0\0\0\x20ftypmif1" + unit * HEAD_BYTES):
        outcome: Any = None
        try:
            outcome = format_of(head[:HEAD_BYTES])
        except Refusal as refusal:
            outcome = refusal.code
        assert outcome
    assert time.process_time() - start < 1
