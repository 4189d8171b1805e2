"""The image engine libvips: fast, and small in memory, since it decodes as it draws."""

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyvips
from PIL import Image

from tasks.thumbnail.colour.described import profile_of
from tasks.thumbnail.colour.profiles import fits_profile
from tasks.thumbnail.colour.transfer import FROM_LINEAR, LINEAR_WHITE, TO_LINEAR
from tasks.thumbnail.engines.raster import RGBA
from tasks.thumbnail.geometry import Box, Size

LOADERS: Final = {
    "jpeg": ("VipsForeignLoadJpeg", "jpegload"),
    "png": ("VipsForeignLoadPng", "pngload"),
    "webp": ("VipsForeignLoadWebp", "webpload"),
}
"""The formats that libvips decodes here: the class of its loaders, and the one for files. Its GIF loader ends the
process where memory is short; Pillow has the better decoder for AVIF, and the only one for BMP and odd TIFF files."""

SCALED: Final = {"jpeg", "webp"}
"""Those that can be scaled down while they are decoded."""

# A file is decoded once: nothing is worth keeping. Every loader is blocked but these.
pyvips.cache_set_max(0)
pyvips.operation_block_set("VipsForeignLoad", True)
for _class, _ in LOADERS.values():
    pyvips.operation_block_set(_class, False)
# What libvips says of a damaged file is in the exception too, or did not keep it from drawing the file.
logging.getLogger("pyvips").setLevel(logging.CRITICAL)

_TURNS = {
    2: lambda image: image.fliphor(),
    3: lambda image: image.rot180(),
    4: lambda image: image.flipver(),
    5: lambda image: image.rot90().fliphor(),
    6: lambda image: image.rot90(),
    7: lambda image: image.rot270().fliphor(),
    8: lambda image: image.rot270(),
}
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


class VipsRaster:
    """A `Raster` of libvips'.

    Args:
        image: The pixels; with 8 bits a channel, or 16 in linear light.
        premultiplied: Whether colours are multiplied by alpha.
        is_linear: Whether they are in linear light.
        streamed: Whether the pixels are computed when they are read, which can be done once only.
        space: What `srgb` converts to: `srgb` or `p3`.
    """

    def __init__(
        self,
        image: pyvips.Image,
        *,
        premultiplied: bool = False,
        is_linear: bool = False,
        streamed: bool = False,
        space: str = "srgb",
    ) -> None:
        self.image = image if streamed else image.copy_memory()
        self._premultiplied = premultiplied
        self._is_linear = is_linear
        self._streamed = streamed
        self._space = space
        self._size = self.image.width, self.image.height  # each is a call into libvips

    @property
    def size(self) -> Size:
        return self._size

    @property
    def is_opaque(self) -> bool:
        return not self.image.hasalpha() or self.image[-1].min() == OPAQUE

    def display_p3(self) -> "VipsRaster | None":
        if not self.image.get_typeof(_PROFILE) or self.image.interpretation == "b-w":
            return None
        return VipsRaster(self.image, premultiplied=self._premultiplied, streamed=self._streamed, space="p3")

    def linear(self) -> "VipsRaster":
        """Streamed: brought to linear light as they are read, since a copy in 16 bits would take twice the memory."""
        image = self.srgb().image
        if not image.hasalpha():
            if image.bands == 3:  # grey is faster in 16 bits
                return OpaqueLinearRaster(
                    VipsRaster(image, streamed=True), VipsRaster(image.maplut(LIT), streamed=True)
                )
            return VipsRaster(image.maplut(_TO_LINEAR), is_linear=True, streamed=True)
        colours, alpha = image[: image.bands - 1], image[-1]
        lit = colours.maplut(_TO_LINEAR).bandjoin(alpha * (LINEAR_WHITE / OPAQUE)).premultiply(max_alpha=LINEAR_WHITE)
        return VipsRaster(_rounded(lit, "ushort"), premultiplied=True, is_linear=True, streamed=True)

    def resized(self, size: Size, box: Box) -> "VipsRaster":
        image = self.image
        across, down = size[0] / (box[2] - box[0]), size[1] / (box[3] - box[1])
        # The region is rounded to pixels of the larger one of the two pictures.
        if max(across, down) <= 1 or all(edge == int(edge) for edge in box):
            region = _rounded_region(box, self.size)
            is_all = region == (0, 0, *self.size)
            image = image if is_all else image.crop(*region)
            whole, factors = size, (across, down) if is_all and max(box[:2]) > 0 else None
        else:  # libvips computes the part that is kept alone
            whole = max(size[0], round(image.width * across)), max(size[1], round(image.height * down))
            factors = None
        if whole != (image.width, image.height):
            image = _scaled(image, whole, factors)
        if whole != size:
            left = min(round(box[0] * across), whole[0] - size[0])
            top = min(round(box[1] * down), whole[1] - size[1])
            image = image.crop(left, top, *size)
        return VipsRaster(image, premultiplied=self._premultiplied, is_linear=self._is_linear, space=self._space)

    def srgb(self) -> "VipsRaster":
        image = self.image
        if self._premultiplied:
            image = _rounded(image.unpremultiply(max_alpha=LINEAR_WHITE if self._is_linear else OPAQUE), image.format)
        if self._is_linear:
            image = _stored(image)
        elif image.get_typeof(_PROFILE):
            grey = image.interpretation == "b-w"
            image = image.icc_transform(self._space, embedded=True, intent="relative", black_point_compensation=True)
            image = image.colourspace("b-w") if grey else image
        elif image.interpretation == "cmyk":
            image = _without_ink(image)
        return self if image is self.image else VipsRaster(_plain(image), streamed=self._streamed)

    def upright(self, orientation: int) -> "VipsRaster":
        return VipsRaster(_TURNS[orientation](self.image)) if orientation in _TURNS else self

    def padded(self, canvas: Size, corner: Size, background: RGBA) -> "VipsRaster":
        image = self.image.colourspace("srgb")
        if background[3] == OPAQUE:
            colour = list(background[:3])
            flat = image.flatten(background=colour) if image.hasalpha() else image
            return VipsRaster(flat.embed(*corner, *canvas, extend="background", background=colour))
        under = (pyvips.Image.black(*canvas, bands=4) + list(background)).cast("uchar").copy(interpretation="srgb")
        return VipsRaster(under.composite2(image, "over", x=corner[0], y=corner[1]).cast("uchar"))

    def flattened(self, background: RGBA) -> "VipsRaster":
        if not self.image.hasalpha():
            return self
        if self.is_opaque:
            return VipsRaster(self.image[: self.image.bands - 1])
        return VipsRaster(self.image.colourspace("srgb").flatten(background=list(background[:3])))

    def pillow(self) -> Image.Image:
        return self._in_pillow

    @cached_property
    def _in_pillow(self) -> Image.Image:
        mode = _MODES[self.image.bands]
        return Image.frombuffer(mode, self.size, self.image.write_to_memory(), "raw", mode, 0, 1)

    def changed(self, change: Callable[[Image.Image], Image.Image]) -> "VipsRaster":
        image = change(self.pillow())
        bands = len(image.getbands())
        pixels = pyvips.Image.new_from_memory(image.tobytes(), *image.size, bands, "uchar")
        return VipsRaster(pixels.copy(interpretation="b-w" if bands < 3 else "srgb"))

    def save(self, path: Path, name: str, options: dict[str, Any]) -> None:
        # Pillow's encoders are faster: libjpeg-turbo's and that of WebP; the one of AVIF has a setting more.
        if name in ("jpeg", "webp", "avif"):
            self.pillow().save(path, name, **options)
            return
        image, keep = self.image, "none"
        if "icc_profile" in options:
            image, keep = image.copy(), "icc"
            image.set_type(pyvips.GValue.blob_type, _PROFILE, options["icc_profile"])
        if name == "gif":
            image.gifsave(str(path), keep="none")
        else:
            image.pngsave(str(path), compression=options["compress_level"], filter="all", keep=keep)


class OpaqueLinearRaster(VipsRaster):
    """An opaque picture with colours in linear light: twice in 8 bits, for which libvips has fast code, not once in 16.

    Eight bits of linear light are too coarse for what is dark. Where a place is smooth, both averages are the same, and
    the one of stored numbers is exact; where it is not, the average of light is the brighter one.

    Args:
        stored: The pixels in stored numbers.
        lit: The same in linear light, as LIT has it.
    """

    def __init__(self, stored: VipsRaster, lit: VipsRaster) -> None:
        super().__init__(stored.image, streamed=True)
        self._lit = lit

    def resized(self, size: Size, box: Box) -> "OpaqueLinearRaster":
        return OpaqueLinearRaster(super().resized(size, box), self._lit.resized(size, box))

    def srgb(self) -> VipsRaster:
        return VipsRaster(self.image.maxpair(self._lit.image.maplut(LEAST_STORED)))


def decode(path: Path, name: str, denominator: int, info: Mapping[Any, Any], *, once: bool, fail_on: str) -> VipsRaster:
    """Open a picture's first frame.

    Args:
        path: The file.
        name: Its format, a key of LOADERS.
        denominator: How far a format of SCALED is scaled down while it is decoded: 1, 2, 4 or 8.
        info: What Pillow says of the file, with its colour profile.
        once: Whether one smaller copy is all that will be made of it. It is decoded meanwhile then, and at no time
            in memory as a whole.
        fail_on: `truncated`, or `warning` to fail on every fault that libjpeg draws over.

    Raises:
        pyvips.Error: The file is damaged; with `once`, the methods of the result raise it.
    """
    load = getattr(pyvips.Image, LOADERS[name][1])
    options: dict[str, Any] = {"access": "sequential", "fail_on": fail_on}
    if name == "jpeg":
        options["shrink"] = denominator
    elif name == "webp":
        options["scale"] = 1 / denominator
    image = _eight_bits(load(str(path), **options))
    mode = _COLOURS.get(image.interpretation, "")
    profile = profile_of(info, mode)
    if profile and fits_profile(profile, mode):
        image = image.copy()  # its fields are changed, which is for one's own images alone
        image.set_type(pyvips.GValue.blob_type, _PROFILE, profile)
    elif image.get_typeof(_PROFILE):
        image = image.copy()
        image.remove(_PROFILE)
    raster = VipsRaster(image, streamed=once)
    if not image.hasalpha():
        return raster
    if not once and raster.is_opaque:
        return VipsRaster(raster.image[: image.bands - 1])
    return VipsRaster(_rounded(raster.image.premultiply(), "uchar"), premultiplied=True, streamed=once)


_PROFILE = "icc-profile-data"
LINEAR_STEP = LINEAR_WHITE // 255
_COLOURS = {"b-w": "L", "srgb": "RGB", "cmyk": "CMYK"}
OPAQUE = 255
_TO_LINEAR = pyvips.Image.new_from_array([TO_LINEAR]).cast("ushort")
LIT = pyvips.Image.new_from_array([[round(light / LINEAR_STEP) for light in TO_LINEAR]]).cast("uchar")
"""Linear light of each stored value, in 8 bits."""
LEAST_STORED = pyvips.Image.new_from_array(
    [[FROM_LINEAR[max(0, round(LINEAR_STEP * (light - (OPAQUE - light) / (2 * OPAQUE))))] for light in range(256)]]
).cast("uchar")
"""The stored value of each such light less half a step, or less than that where it is bright: light that was rounded up
must not win over the exact value of a smooth place."""
_FROM_LINEAR = pyvips.Image.new_from_memory(FROM_LINEAR, len(FROM_LINEAR), 1, 1, "uchar")


def _eight_bits(image: pyvips.Image) -> pyvips.Image:
    if image.format == "uchar":
        return image
    space = "b-w" if image.bands < 3 else "srgb"
    return (image >> 8).cast("uchar").copy(interpretation=space)


def _rounded_region(box: Box, size: Size) -> tuple[int, int, int, int]:
    """Left, top, width and height of a region in whole pixels, of which there is one at least."""
    left, top = min(round(box[0]), size[0] - 1), min(round(box[1]), size[1] - 1)
    return left, top, max(1, min(size[0], round(box[2])) - left), max(1, min(size[1], round(box[3])) - top)


def _scaled(image: pyvips.Image, size: Size, factors: tuple[float, float] | None) -> pyvips.Image:
    """Resample to this size; by these factors if they give it. libvips then leaves out what is rounded down, half of it
    at either edge."""
    if factors:
        scaled = image.resize(factors[0], vscale=factors[1], kernel="lanczos3")
        if (scaled.width, scaled.height) == size:
            return scaled
    return image.resize(size[0] / image.width, vscale=size[1] / image.height, kernel="lanczos3")


def _rounded(image: pyvips.Image, number: str) -> pyvips.Image:
    return (image + 0.5).cast(number)


def _plain(image: pyvips.Image) -> pyvips.Image:
    """Grey or RGB in 8 bits, without the profile that it was converted from."""
    image = image.copy(interpretation="b-w" if image.bands < 3 else "srgb")
    if image.get_typeof(_PROFILE):
        image.remove(_PROFILE)
    return image


def _stored(image: pyvips.Image) -> pyvips.Image:
    if not image.hasalpha():
        return image.maplut(_FROM_LINEAR)
    alpha = _rounded(image[-1] * (OPAQUE / LINEAR_WHITE), "uchar")
    return image[: image.bands - 1].maplut(_FROM_LINEAR).bandjoin(alpha)


def _without_ink(image: pyvips.Image) -> pyvips.Image:
    """CMYK as if each ink took away its own colour only: what is left of a profile's job where there is none."""
    light = image.linear(-1, OPAQUE)
    return _rounded(light[:3] * light[3] / OPAQUE, "uchar")
