"""Colour conversion: from any mode of a decoder to one that can be resampled, and from there to sRGB.

Modes that can be resampled are L, RGB, La and RGBa (premultiplied alpha) and CMYK.
"""

import functools
import io
import itertools

from PIL import Image, ImageChops, ImageCms, ImageMath
from PIL.TiffImagePlugin import BITSPERSAMPLE as BITS_PER_SAMPLE
from PIL.TiffImagePlugin import TiffImageFile

from tasks.thumbnail.colour.icc import DISPLAY_P3

SRGB_TOLERANCE = 3
"""Levels of 256 that a profile may differ from sRGB and still be passed over, which costs nothing."""
PROFILES_KEPT = 16
"""Transforms that a sandbox child keeps: building one takes longer than using it on a thumbnail."""
_TRIED = (0, 32, 64, 128, 192, 255)
_MODE_OF_SPACE = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
_STRAIGHT = {"La": "LA", "RGBa": "RGBA"}


def resampleable(picture: Image.Image) -> Image.Image:
    """Convert a picture to a mode whose pixels can be averaged: 8 bits, no palette, premultiplied alpha.

    An alpha channel that is opaque everywhere is dropped.

    Args:
        picture: A decoded picture of any mode.

    Returns:
        The picture in mode L, La, RGB, RGBa or CMYK.
    """
    mode = picture.mode
    if mode.startswith("I;16"):
        picture = _of_sixteen_bits(picture)
    elif mode in ("I", "F"):
        picture = _stretched(picture)
    elif mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        picture = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB") or picture
    elif picture.has_transparency_data and mode not in ("LA", "RGBA"):
        picture = picture.convert("LA" if mode in ("1", "L", "La") else "RGBA")
    elif mode not in ("L", "LA", "RGB", "RGBA", "CMYK"):
        picture = picture.convert("L" if mode == "1" else "RGB")
    if picture.mode in ("LA", "RGBA"):
        if is_opaque(picture):
            return picture.convert(picture.mode[:-1])
        return picture.convert(picture.mode[:-1] + "a")
    return picture


def _of_sixteen_bits(picture: Image.Image) -> Image.Image:
    """Scale samples of 16 bits, or of 12 in a TIFF, to 8, and make the transparent one so."""
    white = 2 ** _tiff_bits(picture) - 1
    clear = picture.info.get("transparency")
    if picture.mode != "I;16" or clear is not None:  # Pillow scales none of the others by itself
        picture = picture.convert("I")
    grey = picture.point(lambda value: value * (255 / white)).convert("L")
    if not isinstance(clear, int):
        return grey
    seen: Image.Image = ImageMath.lambda_eval(
        lambda args: args["convert"](args["notequal"](args["picture"], clear) * 255, "L"), picture=picture
    )
    return Image.merge("LA", [grey, seen])


def _tiff_bits(picture: Image.Image) -> int:
    tags = picture.tag_v2 if isinstance(picture, TiffImageFile) else {}
    return 12 if tags.get(BITS_PER_SAMPLE) == (12,) else 16


def _stretched(picture: Image.Image) -> Image.Image:
    """Scale 32-bit samples, which have no defined black and white: the darkest becomes black, the brightest white.

    Floating-point samples from 0 to 1 are taken for black to white.
    """
    low, high = (float(str(value)) for value in picture.getextrema())
    if picture.mode == "F" and 0 <= low <= high <= 1:
        low, high = 0.0, 1.0
    scale = 255 / ((high - low) or 1)
    return picture.convert("F").point(lambda value: value * scale - low * scale).convert("L")


def is_opaque(picture: Image.Image) -> bool:
    """Tell whether every pixel of the picture is opaque."""
    return picture.mode not in ("LA", "RGBA") or picture.getchannel("A").getextrema()[0] == 255


class ToSRGB:
    """Converts pictures from the modes of `resampleable` to sRGB.

    A colour profile that is damaged, or made for another colour space, is ignored rather than refused.

    Args:
        icc_profile: The ICC profile that came with the picture, or None.
        mode: The mode that `resampleable` returned.
    """

    def __init__(self, icc_profile: bytes | None, mode: str) -> None:
        self._icc_profile = icc_profile
        self._mode = mode.removesuffix("a")
        self._transform = _transform(icc_profile, self._mode) if icc_profile else None

    def to_p3(self) -> "ToSRGB | None":
        """Return the conversion to Display P3, which has the transfer function of sRGB and more colours.

        None where the pictures are grey, or in sRGB already.
        """
        if self._transform is None or self._icc_profile is None or self._mode == "L":
            return None
        result = ToSRGB(None, self._mode)
        result._transform = _transform(self._icc_profile, self._mode, to_p3=True)
        return result

    def convert(self, picture: Image.Image) -> Image.Image:
        """Convert a picture to sRGB.

        Args:
            picture: A picture in the mode given to the constructor.

        Returns:
            The picture in mode L, LA, RGB or RGBA.
        """
        picture = picture.convert(_STRAIGHT.get(picture.mode, picture.mode))
        if self._transform is None:
            return picture.convert("RGB") if picture.mode == "CMYK" else picture
        alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
        grey = picture.mode in ("L", "LA")
        colours = self._transform.apply(picture.convert(self._transform.input_mode))
        result = colours.convert("L") if grey else colours
        if alpha is not None:
            result.putalpha(alpha)
        return result


def fits_profile(icc_profile: bytes, mode: str) -> bool:
    """Tell whether an ICC profile describes colours of this mode, other than those of sRGB.

    Args:
        icc_profile: The profile.
        mode: L, RGB or CMYK.
    """
    return _transform(icc_profile, mode) is not None


def rgb_in_p3(colour: tuple[int, ...]) -> tuple[int, ...]:
    """Return the numbers of an sRGB colour (red, green and blue, each 0 to 255) in Display P3."""
    return tuple(in_p3(Image.new("RGB", (1, 1), (colour[0], colour[1], colour[2]))).tobytes())


def in_p3(picture: Image.Image) -> Image.Image:
    """Convert an sRGB picture in RGB to Display P3."""
    p3 = ImageCms.ImageCmsProfile(io.BytesIO(DISPLAY_P3))
    return ImageCms.buildTransform(ImageCms.createProfile("sRGB"), p3, "RGB", "RGB").apply(picture)


@functools.lru_cache(maxsize=PROFILES_KEPT)
def _transform(icc_profile: bytes, mode: str, *, to_p3: bool = False) -> ImageCms.ImageCmsTransform | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        if _MODE_OF_SPACE.get(profile.profile.xcolor_space.strip()) != mode:
            return None
        transform = ImageCms.buildTransform(
            profile,
            ImageCms.ImageCmsProfile(io.BytesIO(DISPLAY_P3)) if to_p3 else ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        return None if mode == "RGB" and not to_p3 and _is_srgb(transform) else transform
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _is_srgb(transform: ImageCms.ImageCmsTransform) -> bool:
    """Tell whether a transform from RGB changes next to nothing. A profile's name says nothing: linear ones are named
    sRGB too."""
    colours = Image.new("RGB", (len(_TRIED) ** 3, 1))
    colours.putdata(list(itertools.product(_TRIED, repeat=3)))
    bands = ImageChops.difference(colours, transform.apply(colours)).split()
    return all(float(str(band.getextrema()[1])) <= SRGB_TOLERANCE for band in bands)
