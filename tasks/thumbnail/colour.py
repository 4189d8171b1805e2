"""Colour conversion: from any mode of a decoder to one that can be resampled, and from there to sRGB.

Modes that can be resampled are L, RGB, La and RGBa (premultiplied alpha) and CMYK.
"""

import io

from PIL import Image, ImageCms

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
        picture = picture.point(lambda value: value * (1 / 257)).convert("L")
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


def _stretched(picture: Image.Image) -> Image.Image:
    """Scale 32-bit samples, which have no defined black and white: the darkest becomes black, the brightest white."""
    low, high = (float(str(value)) for value in picture.getextrema())
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
        colour_mode = mode.removesuffix("a")
        self._transform = _transform(icc_profile, colour_mode) if icc_profile else None

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


def _transform(icc_profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        if _MODE_OF_SPACE.get(profile.profile.xcolor_space.strip()) != mode or _is_srgb(profile):
            return None
        return ImageCms.buildTransform(
            profile,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return None


def _is_srgb(profile: ImageCms.ImageCmsProfile) -> bool:
    return (profile.profile.profile_description or "").startswith("sRGB")
