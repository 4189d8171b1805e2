"""Transparency, palettes, depths and profiles, as a person expects them."""

import io
import struct
from typing import Any, cast

import pytest
from PIL import Image, ImageCms, ImageDraw

from tests.support.pictures import encoded, quarters
from tests.support.thumbnail.drawing import Renderer, close, corners

COLOURS = corners(quarters())


def badge(mode: str = "RGBA") -> Image.Image:
    """A red disc on nothing; what nothing hides is green."""
    picture = Image.new("RGBA", (200, 200), (0, 255, 0, 0))
    ImageDraw.Draw(picture).ellipse((20, 20, 180, 180), fill=(200, 0, 0, 255))
    return picture.convert(mode)


@pytest.mark.parametrize("out", ["png", "webp", "avif"])
@pytest.mark.parametrize("name", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_transparency_is_kept_and_hidden_colours_do_not_bleed(renderer: Renderer, name: str, out: str) -> None:
    options = {"WEBP": {"lossless": True}, "AVIF": {"quality": 100, "subsampling": "4:4:4"}}
    data = encoded(badge(), name, **cast("dict[str, Any]", options.get(name, {})))
    drawn = renderer.picture(data, width=50, format=out, quality=None if out == "png" else 95)
    assert drawn.mode == "RGBA"
    assert drawn.getpixel((0, 0))[3] == 0  # type: ignore[index]
    assert close(drawn.getpixel((25, 25)), (200, 0, 0, 255))
    for x in range(50):
        red, green, _blue, alpha = drawn.getpixel((x, 25))  # type: ignore[misc]
        assert alpha < 40 or (green < 60 and red > 150)


@pytest.mark.parametrize(("background", "colour"), [("#ffffff", (255, 255, 255)), ("#06c", (0, 102, 204))])
def test_transparency_becomes_the_background_in_jpeg(
    renderer: Renderer, background: str, colour: tuple[int, ...]
) -> None:
    drawn = renderer.picture(encoded(badge(), "PNG"), width=50, format="jpeg", background=background, quality=95)
    assert close(drawn.getpixel((1, 1)), colour)
    assert close(drawn.getpixel((25, 25)), (200, 0, 0))


def test_pad_paints_its_background_under_the_picture_too(renderer: Renderer) -> None:
    data = encoded(badge(), "PNG")
    drawn = renderer.picture(data, width=100, height=50, fit="pad", background="#0000ff", format="png")
    assert drawn.mode == "RGB"
    assert drawn.getpixel((2, 2)) == drawn.getpixel((26, 1)) == (0, 0, 255)
    clear = renderer.picture(data, width=100, height=50, fit="pad", background="#0000ff00")
    assert (clear.format, clear.size) == ("WEBP", (100, 50))
    assert clear.getpixel((2, 2))[3] == clear.getpixel((26, 1))[3] == 0  # type: ignore[index]
    assert renderer.picture(encoded(quarters(), "JPEG"), width=100, height=50, fit="pad").format == "JPEG"


@pytest.mark.parametrize("name", ["GIF", "PNG"])
def test_a_palette_is_averaged_and_its_transparency_kept(renderer: Renderer, name: str) -> None:
    checks = Image.new("P", (200, 200))
    checks.putpalette([0, 0, 0, 255, 255, 255, 255, 0, 0])
    for x in range(0, 200, 2):
        checks.paste(1, (x, 0, x + 1, 200))
    checks.paste(2, (0, 0, 100, 100))
    drawn = renderer.picture(encoded(checks, name, transparency=2), width=20, format="png")
    assert drawn.getpixel((4, 4))[3] == 0  # type: ignore[index]
    level = drawn.getpixel((15, 15))[0]  # type: ignore[index]
    assert 100 < level < 200  # neither of the palette's: it was averaged


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P"])
def test_simple_modes_are_never_resampled_by_dropping_pixels(renderer: Renderer, mode: str) -> None:
    lines = Image.new("L", (256, 256), 255)
    for x in range(0, 256, 4):
        lines.paste(0, (x, 0, x + 1, 256))
    drawn = renderer.picture(encoded(lines.convert(mode), "PNG"), width=32, format="png").convert("L")
    low, high = drawn.crop((4, 4, 28, 28)).getextrema()
    assert 150 < int(str(low)) <= int(str(high)) < 250


def test_fine_bright_detail_keeps_its_brightness(renderer: Renderer) -> None:
    """Black and white lines, from afar, are as bright as 188 in sRGB, not 128: light adds up, sRGB's numbers do not."""
    lines = Image.new("RGB", (256, 256))
    for x in range(0, 256, 2):
        lines.paste("white", (x, 0, x + 1, 256))
    drawn = renderer.picture(encoded(lines, "PNG"), width=32, format="png", resize="linear")
    assert close(drawn.getpixel((16, 16)), (188, 188, 188), 3)


def test_sixteen_bit_grey_is_scaled_not_clipped(renderer: Renderer) -> None:
    ramp = Image.frombytes("I;16", (256, 16), b"".join(bytes((0, level)) for level in range(256)) * 16)
    for name in ("PNG", "TIFF"):
        drawn = renderer.picture(encoded(ramp, name), width=256, format="png")
        assert drawn.mode == "L"
        assert [abs(int(str(drawn.getpixel((x, 8)))) - x) <= 1 for x in range(256)] == [True] * 256


@pytest.mark.parametrize("mode", ["I", "F"])
def test_samples_without_a_white_are_stretched_to_all_of_grey(renderer: Renderer, mode: str) -> None:
    samples = Image.new(mode, (64, 64), -5)
    samples.paste(1000, (32, 0, 64, 64))
    drawn = renderer.picture(encoded(samples, "TIFF"), width=64, format="png")
    assert (drawn.getpixel((10, 10)), drawn.getpixel((50, 10))) == (0, 255)


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk_without_a_profile_keeps_its_colours(renderer: Renderer, name: str) -> None:
    drawn = renderer.picture(encoded(quarters(mode="CMYK"), name), width=64, format="png")
    for pixel, colour in zip(corners(drawn), COLOURS, strict=True):
        assert close(pixel, colour, 30)


def test_a_profile_is_applied_and_dropped(renderer: Renderer) -> None:
    """The same numbers in a space where red and blue have changed places come out with them changed back."""
    profile = swapped_profile()
    for name in ("PNG", "JPEG", "WEBP", "AVIF", "TIFF"):
        options: dict[str, Any] = {} if name in ("PNG", "TIFF") else {"quality": 95}
        data = encoded(Image.new("RGB", (64, 64), (220, 30, 30)), name, icc_profile=profile, **options)
        drawn = renderer.picture(data, width=32, format="png")
        red, _green, blue = drawn.getpixel((16, 16))  # type: ignore[misc]
        assert blue > 180, name
        assert red < 90, name
        assert "icc_profile" not in drawn.info


def test_transparency_survives_a_profile(renderer: Renderer) -> None:
    drawn = renderer.picture(encoded(badge(), "PNG", icc_profile=swapped_profile()), width=50, format="png")
    assert drawn.getpixel((0, 0))[3] == 0  # type: ignore[index]
    assert close(drawn.getpixel((25, 25)), (0, 0, 200, 255), 60)


def swapped_profile() -> bytes:
    """sRGB with the primaries of red and blue exchanged: the tags rXYZ and bXYZ change names."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    swapped = profile.replace(b"rXYZ", b"tmp!").replace(b"bXYZ", b"rXYZ").replace(b"tmp!", b"bXYZ")
    return swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


def test_a_linear_profile_is_applied_whatever_it_is_called(renderer: Renderer) -> None:
    profile = linear_profile()
    name = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
    assert name.startswith("sRGB")
    data = encoded(Image.new("RGB", (64, 64), (100, 150, 90)), "PNG", icc_profile=profile)
    drawn = renderer.picture(data, width=32, format="png")
    assert close(drawn.getpixel((16, 16)), (168, 202, 160), 2)


def linear_profile() -> bytes:
    """The profile of sRGB with straight tone curves, under its own name."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    changed = bytearray(profile)
    for n in range(int.from_bytes(profile[128:132], "big")):
        tag, offset, size = struct.unpack_from(">4sII", profile, 132 + 12 * n)
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            assert profile[offset : offset + 4] == b"para"
            # Function 0 is a power, here of 1 (16.16 bits).
            changed[offset : offset + size] = struct.pack(">4sIHHI", b"para", 0, 0, 0, 1 << 16).ljust(size, b"\0")
    return bytes(changed)


@pytest.mark.parametrize(
    ("mode", "profile"),
    [
        ("RGB", b"not a profile at all"),
        ("L", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()),
        ("RGB", ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"RGB ", b"\xb4GB ")),
        ("RGB", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()),
    ],
    ids=["garbage", "RGB on grey", "unknown space", "LAB on RGB"],
)
def test_a_profile_that_does_not_fit_is_passed_over(renderer: Renderer, mode: str, profile: bytes) -> None:
    data = encoded(quarters(mode=mode), "PNG", icc_profile=profile)
    drawn = renderer.picture(data, width=64, format="png")
    assert corners(drawn) == corners(quarters(mode=mode))


def test_lab_tiff_is_seen_in_its_colours(renderer: Renderer) -> None:
    lab = ImageCms.profileToProfile(
        quarters(), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    assert lab is not None
    buffer = io.BytesIO()
    lab.info = {}
    lab.save(buffer, "TIFF")
    for pixel, colour in zip(
        corners(renderer.picture(buffer.getvalue(), width=64, format="png")), COLOURS, strict=True
    ):
        assert close(pixel, colour)
