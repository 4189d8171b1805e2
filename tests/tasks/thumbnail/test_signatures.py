"""Image formats are recognised by the first bytes of a file."""

import io

import pytest
from PIL import Image

from tasks.refusal import Refusal
from tasks.thumbnail.formats import PLUGINS
from tasks.thumbnail.signatures import HEAD_BYTES, format_of, media_type_of


@pytest.mark.parametrize("name", PLUGINS)
def test_every_format_with_a_decoder_is_recognised(name: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "HEIF" if name == "heic" else name)
    assert format_of(file.getvalue()[:HEAD_BYTES]) == name
    assert media_type_of(file.getvalue()[:HEAD_BYTES]) == f"image/{name}"


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


@pytest.mark.parametrize("head", [b"\0\0\0\x18ftypheic", b"\0\0\0\x18ftypmif1\0\0\0\0heic"])
def test_a_heic_may_begin_with_any_of_its_brands(head: bytes) -> None:
    assert media_type_of(head) == "image/heic"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"%PDF-1.7",
        b"<svg xmlns=",
        b"PK\x03\x04",
        b"\0\0\0\x18ftypisom",
        b"RIFF\0\0\0\0WAVE",
        b"GIF88a",
        b" \xff\xd8\xff",
    ],
)
def test_other_files_are_refused(head: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        media_type_of(head)
    assert caught.value.code in ("unsupported_format", "truncated")
