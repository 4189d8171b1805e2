"""The metadata of an uploaded file is not copied into the thumbnails."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from tests.support.pictures import encoded, quarters
from tests.support.thumbnail.drawing import Renderer

SECRETS = (b"Secret Street", b"sEcReTcOmMeNt", b"secret:xmp", b"PK\x03\x04secret.zip")


def revealing(name: str) -> bytes:
    """A picture with GPS position, description, comment, XMP and, behind its end, a foreign file."""
    exif = Image.Exif()
    exif[0x010E] = "Secret Street 1"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">secret:xmp</x:xmpmeta>'
    options: dict[str, dict[str, Any]] = {
        "JPEG": {"exif": exif, "comment": b"sEcReTcOmMeNt", "xmp": xmp},
        "PNG": {"exif": exif, "pnginfo": _comments()},
        "WEBP": {"exif": exif, "xmp": xmp},
        "AVIF": {"exif": exif, "xmp": xmp},
        "GIF": {"comment": b"sEcReTcOmMeNt"},
        "TIFF": {"exif": exif, "description": "Secret Street 1"},
    }
    return encoded(quarters(256, 192), name, **options[name]) + (b"" if name == "AVIF" else SECRETS[-1])


def _comments() -> PngImagePlugin.PngInfo:
    comments = PngImagePlugin.PngInfo()
    comments.add_text("Comment", "sEcReTcOmMeNt")
    comments.add_itxt("XML:com.adobe.xmp", "secret:xmp")
    return comments


@pytest.mark.parametrize("out", ["jpeg", "png", "webp", "avif"])
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF"])
def test_nothing_but_pixels_comes_through(renderer: Renderer, name: str, out: str) -> None:
    data = revealing(name)
    assert any(secret in data for secret in SECRETS)
    same_size, smaller = renderer.render(
        data, {"name": "same", "width": 256, "format": out}, {"name": "smaller", "width": 64, "format": out}
    )
    for file in (same_size, smaller):
        written = Path(file["path"]).read_bytes()
        assert not [secret for secret in SECRETS if secret in written]
        with Image.open(file["path"]) as picture:
            picture.load()
            assert not picture.getexif()
            assert not picture.info.keys() & {"exif", "xmp", "comment", "icc_profile", "Comment", "XML:com.adobe.xmp"}
