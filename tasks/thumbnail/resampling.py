"""Every size of a picture from one decoded copy, each from the smallest one that is still twice as fine.

Large pictures shrink as they are stored, which is quick; from LINEAR_MAX_PIXELS down, opaque ones shrink in linear
light, as a lens would do it, so that fine bright detail keeps its brightness. By SSIMULACRA2 against a linear reference
that is worth 1 to 6 points below the largest size, for a tenth more time; from the start it would take half more.
"""

from PIL import Image

from tasks.thumbnail.geometry import Box, Size

FINER = 2
"""Times by which a source exceeds what is drawn from it, if it can: below, the loss shows."""
LINEAR_MAX_PIXELS = 2_000_000
"""Above, resampling in 32 bits a channel takes most of the time that the whole job takes."""
_LANCZOS = Image.Resampling.LANCZOS


def _decoded(value: float) -> float:
    """The sRGB transfer function (IEC 61966-2-1)."""
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _encoded(value: float) -> float:
    return value * 12.92 if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055


_TO_LINEAR = [round(_decoded(value / 255) * 65535) for value in range(256)]
_FROM_LINEAR = bytes(round(_encoded(value / 65535) * 255) for value in range(65536))


class Rung:
    """A copy of the whole picture. extent: its size in its own pixels; a scaled JPEG's last may be partial."""

    def __init__(self, image: Image.Image, extent: tuple[float, float], bands: list[Image.Image] | None = None) -> None:
        self.image = image
        self.extent = extent
        self._bands = bands

    def resized(self, size: Size, box: Box) -> "Rung":
        """The part `box` as `size` pixels."""
        if size == self.image.size and box == (0, 0, *size):
            return self
        if not self._suits_linear(size, box):
            return Rung(self.image.resize(size, _LANCZOS, box, reducing_gap=FINER), size)
        if self._bands is None:
            self._bands = [band.point(_TO_LINEAR, "I") for band in self.image.split()]
        bands = [band.resize(size, _LANCZOS, box) for band in self._bands]
        return Rung(Image.merge(self.image.mode, [_from_linear(band) for band in bands]), size, bands)

    def _suits_linear(self, size: Size, box: Box) -> bool:
        width, height = self.image.size
        shrinks = size[0] < box[2] - box[0] or size[1] < box[3] - box[1]
        return shrinks and self.image.mode in ("L", "RGB") and width * height <= LINEAR_MAX_PIXELS


def _from_linear(band: Image.Image) -> Image.Image:
    result = Image.new("L", band.size)
    result.im = band.im.point(_FROM_LINEAR, "L")  # Image.point would round all 65,536 numbers anew, ten times the work
    return result


class Ladder:
    """The copies of one picture. Ask for the largest first: what was drawn whole serves the smaller ones.

    decoded: the picture, or a scaled-down copy of it. source: the size of the picture itself, which regions refer to.
    """

    def __init__(self, decoded: Image.Image, source: Size, scale_denominator: int) -> None:
        self._source = source
        extent = (source[0] / scale_denominator, source[1] / scale_denominator)
        self._rungs = [Rung(decoded, extent)]

    def drawn(self, box: Box, size: Size) -> Image.Image:
        """The region `box` of the picture as `size` pixels."""
        fine = [index for index, rung in enumerate(self._rungs) if self._is_fine(rung, box, size)]
        del self._rungs[: fine[-1] if fine else 0]  # what comes is smaller still: the finer copies are done with
        rung = self._rungs[0]
        result = rung.resized(size, self._on(rung, box))
        if box == (0, 0, *self._source) and result is not rung:
            self._rungs.append(result)
        return result.image

    def _is_fine(self, rung: Rung, box: Box, size: Size) -> bool:
        left, top, right, bottom = self._on(rung, box)
        return right - left >= FINER * size[0] and bottom - top >= FINER * size[1]

    def _on(self, rung: Rung, box: Box) -> Box:
        across, down = rung.extent[0] / self._source[0], rung.extent[1] / self._source[1]
        return (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
