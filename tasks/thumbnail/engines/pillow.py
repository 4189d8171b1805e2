"""The image engine Pillow: complete, and always there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageMath

from tasks.thumbnail.codecs.gif import paletted
from tasks.thumbnail.colour.profiles import ToSRGB, is_opaque
from tasks.thumbnail.colour.transfer import FROM_LINEAR, TO_LINEAR
from tasks.thumbnail.decoding import upright
from tasks.thumbnail.engines.raster import RGBA
from tasks.thumbnail.geometry import Box, Size
from tasks.thumbnail.pyramid import FINER

_LANCZOS = Image.Resampling.LANCZOS


class PillowRaster:
    """A `Raster` of Pillow's.

    Args:
        image: The pixels, in a mode of `resampleable` before `srgb`, and in L, LA, RGB or RGBA after it.
        to_srgb: The conversion that `srgb` makes; None after it.
    """

    def __init__(self, image: Image.Image, to_srgb: ToSRGB | None = None) -> None:
        self.image = image
        self._to_srgb = to_srgb

    @property
    def size(self) -> Size:
        return self.image.size

    @property
    def is_opaque(self) -> bool:
        return is_opaque(self.image)

    def display_p3(self) -> "PillowRaster | None":
        to_p3 = self._to_srgb.to_p3() if self._to_srgb else None
        return PillowRaster(self.image, to_p3) if to_p3 else None

    def linear(self) -> "PillowRaster":
        return LitPillowRaster(self.srgb().image)

    def resized(self, size: Size, box: Box) -> "PillowRaster":
        return PillowRaster(self.image.resize(size, _LANCZOS, box, reducing_gap=FINER), self._to_srgb)

    def srgb(self) -> "PillowRaster":
        return PillowRaster(self._to_srgb.convert(self.image)) if self._to_srgb else self

    def upright(self, orientation: int) -> "PillowRaster":
        return PillowRaster(upright(self.image, orientation))

    def padded(self, canvas: Size, corner: Size, background: RGBA) -> "PillowRaster":
        result = Image.new("RGBA", canvas, background)
        result.alpha_composite(self.image.convert("RGBA"), corner)
        return PillowRaster(result)

    def flattened(self, background: RGBA) -> "PillowRaster":
        if self.image.mode not in ("LA", "RGBA"):
            return self
        if self.is_opaque:
            return PillowRaster(self.image.convert(self.image.mode[:-1]))
        return PillowRaster(self.padded(self.size, (0, 0), (*background[:3], 255)).image.convert("RGB"))

    def pillow(self) -> Image.Image:
        return self.image

    def changed(self, change: Callable[[Image.Image], Image.Image]) -> "PillowRaster":
        return PillowRaster(change(self.image))

    def save(self, path: Path, name: str, options: dict[str, Any]) -> None:
        if name == "gif":
            paletted(self.image).save(path, name)
            return
        self.image.info = {}
        self.image.save(path, name, **options)


class LitPillowRaster(PillowRaster):
    """Pixels in sRGB that are brought to linear light where they are resized, one channel after another: all channels
    in linear light take five times the memory."""

    def resized(self, size: Size, box: Box) -> "LinearPillowRaster":
        names = self.image.getbands()
        if names[-1] != "A":
            bands = [_lit(self.image.getchannel(name)).resize(size, _LANCZOS, box) for name in names]
            return LinearPillowRaster(bands, self.image.mode)
        alpha = self.image.getchannel("A").convert("F")
        colours = [_times(_lit(self.image.getchannel(name)), alpha).resize(size, _LANCZOS, box) for name in names[:-1]]
        return LinearPillowRaster([*colours, alpha.resize(size, _LANCZOS, box)], self.image.mode)


class LinearPillowRaster(PillowRaster):
    """Pixels in linear light, with colours multiplied by alpha.

    Args:
        bands: One image for each channel of the mode. Of an opaque picture they are integers, 0 to LINEAR_WHITE;
            else numbers, of which alpha is 0 to 255.
        mode: L, LA, RGB or RGBA.
    """

    def __init__(self, bands: list[Image.Image], mode: str) -> None:
        self._bands = bands
        self._mode = mode

    @property
    def size(self) -> Size:
        return self._bands[0].size

    def resized(self, size: Size, box: Box) -> "LinearPillowRaster":
        return LinearPillowRaster([band.resize(size, _LANCZOS, box) for band in self._bands], self._mode)

    def srgb(self) -> PillowRaster:
        if self._mode not in ("LA", "RGBA"):
            return PillowRaster(Image.merge(self._mode, [_stored(band) for band in self._bands]))
        *colours, alpha = self._bands
        stored = [_stored(_over(band, alpha)) for band in colours]
        return PillowRaster(Image.merge(self._mode, [*stored, alpha.convert("L")]))


def _lit(band: Image.Image) -> Image.Image:
    return band.point(TO_LINEAR, "I")


def _stored(band: Image.Image) -> Image.Image:
    result = Image.new("L", band.size)
    result.im = band.im.point(FROM_LINEAR, "L")  # Image.point would compute all 65,536 values again
    return result


def _times(band: Image.Image, alpha: Image.Image) -> Image.Image:
    result: Image.Image = ImageMath.lambda_eval(lambda args: args["band"] * args["alpha"] / 255, band=band, alpha=alpha)
    return result


def _over(band: Image.Image, alpha: Image.Image) -> Image.Image:
    result: Image.Image = ImageMath.lambda_eval(
        lambda args: args["int"](args["band"] * 255 / args["max"](args["alpha"], 1) + 0.5), band=band, alpha=alpha
    )
    return result
