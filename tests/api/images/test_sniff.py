"""The API and the sandbox agree: what the API refuses, the sandbox would refuse."""

import io

import pytest
from PIL import Image

from api.images.sniff import HEAD_BYTES, type_of
from tasks.refusal import Refusal
from tasks.thumbnail.formats import PLUGINS, format_of


@pytest.mark.parametrize("name", PLUGINS)
def test_every_format_that_we_read_passes_the_door(name: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, name)
    assert type_of(file.getvalue()[:HEAD_BYTES]) == f"image/{format_of(file.getvalue())}"


@pytest.mark.parametrize("brand", [b"avif", b"avis", b"mif1", b"msf1"])
def test_every_way_an_avif_may_begin_passes_the_door(brand: bytes) -> None:
    assert type_of(b"\0\0\0\x20ftyp" + brand) == "image/avif"


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"%PDF-1.7",
        b"<svg xmlns=",
        b"PK\x03\x04",
        b"\0\0\0\x18ftypheic",
        b"RIFF\0\0\0\0WAVE",
        b"GIF88a",
        b" \xff\xd8\xff",
    ],
)
def test_what_is_refused_at_the_door_would_be_refused_inside(head: bytes) -> None:
    with pytest.raises(Refusal, match="unsupported_format"):
        type_of(head)
    with pytest.raises(Refusal):
        format_of(head)
