"""Finds the part of a picture that draws the eye: detail, strong colours and the colours of skin.

It is computed on a small copy, and the same way for both engines.
"""

from typing import Final

from PIL import Image, ImageChops, ImageFilter, ImageMath

from tasks.thumbnail.engines.raster import Raster

PREVIEW_PX: Final = 256
"""Longest side of the copy that is looked at."""
STEPS: Final = 128
"""Parts that a side is cut into; a window begins at one of them."""
_FINE_PX: Final = 2
"""Detail is what a blur of so many pixels takes away."""
_NOISE: Final = 4
"""Levels of 255 that are no detail."""
_STRONG_COLOUR: Final = 100
_SKIN_CB: Final = range(77, 128)
_SKIN_CR: Final = range(136, 174)
_NOT_DARK: Final = range(40, 251)
_DETAIL, _COLOUR, _SKIN = 6.0, 0.3, 0.5
"""What a level of 255 of each adds to the score."""
_EDGE: Final = 1.25
"""What is in the middle of a window counts so much, and what is at its edge one less."""
_OFF_CENTRE: Final = 0.03
"""The share of its score that a window at the edge of the picture loses, so that of equal ones the middle is kept."""


class Attention:
    """Where the eye goes in a picture.

    Args:
        raster: The picture upright and in sRGB; best a copy of PREVIEW_PX.
    """

    def __init__(self, raster: Raster) -> None:
        self._scores = _scores(raster.pillow().convert("RGBA"))

    def window(
        self,
        region: tuple[float, float, float, float],
        seen: tuple[int, int],
        degrees: int,
        width: float,
        height: float,
    ) -> tuple[float, float]:
        """Find the window of a size that shows most of what draws the eye.

        Args:
            region: The part of the picture that it lies in: left, top, right and bottom in pixels.
            seen: Width and height of the picture in pixels, turned.
            degrees: How far the picture is turned clockwise from upright.
            width: The window's width in pixels.
            height: Its height.

        Returns:
            Its left and top edges in pixels.
        """
        scores = self._scores.rotate(-degrees, expand=True) if degrees else self._scores
        across, down = scores.width / seen[0], scores.height / seen[1]
        box = (region[0] * across, region[1] * down, region[2] * across, region[3] * down)
        columns = scores.resize((STEPS, 1), Image.Resampling.BOX, box)
        rows = scores.resize((1, STEPS), Image.Resampling.BOX, box)
        wide, high = region[2] - region[0], region[3] - region[1]
        return (
            region[0] + (wide - width) * _best_start(columns, width / wide),
            region[1] + (high - height) * _best_start(rows, height / high),
        )


def preview(raster: Raster, orientation: int) -> Raster:
    """Make a small copy to look at.

    Args:
        raster: The decoded picture.
        orientation: Its EXIF orientation, 1 to 8.
    """
    width, height = raster.size
    scale = min(1.0, PREVIEW_PX / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return raster.resized(size, (0, 0, width, height)).srgb().upright(orientation)


def _scores(image: Image.Image) -> Image.Image:
    """How much each pixel draws the eye, as a picture of numbers."""
    alpha, image = image.getchannel("A"), image.convert("RGB")
    grey = image.convert("L")
    detail = _beyond(ImageChops.difference(grey, grey.filter(ImageFilter.GaussianBlur(_FINE_PX))), _NOISE)
    _, saturation, value = image.convert("HSV").split()
    colour, lit = _beyond(saturation, _STRONG_COLOUR), _inside(value, _NOT_DARK)
    _, cb, cr = image.convert("YCbCr").split()
    skin = ImageChops.multiply(_inside(cb, _SKIN_CB), _inside(cr, _SKIN_CR))
    colour, skin = ImageChops.multiply(colour, lit), ImageChops.multiply(skin, lit)
    scores: Image.Image = ImageMath.lambda_eval(
        lambda args: (
            (args["detail"] * _DETAIL + args["colour"] * _COLOUR + args["skin"] * _SKIN) * args["alpha"] / 255.0
        ),
        detail=detail.convert("F"),
        colour=colour.convert("F"),
        skin=skin.convert("F"),
        alpha=alpha.convert("F"),
    )
    return scores


def _beyond(band: Image.Image, level: int) -> Image.Image:
    return band.point([max(0, one - level) for one in range(256)])


def _inside(band: Image.Image, levels: range) -> Image.Image:
    return band.point([255 * (level in levels) for level in range(256)])


def _best_start(profile: Image.Image, share: float) -> float:
    """Where the best window begins: 0 for the beginning of the side, 1 for as far as it goes.

    Args:
        profile: The scores along the side.
        share: The part of the side that the window takes.
    """
    scores = [float(str(score)) for score in profile.get_flattened_data()]
    length = max(1, round(share * STEPS))
    places = STEPS - length
    if places < 1:
        return 0.0
    weights = [_EDGE - (2 * (step + 0.5) / length - 1) ** 2 for step in range(length)]

    def score(start: int) -> tuple[float, float]:
        off_centre = abs(2 * start / places - 1)
        seen = sum(map(float.__mul__, weights, scores[start : start + length]))
        return seen * (1 - _OFF_CENTRE * off_centre), -off_centre

    return max(range(places + 1), key=score) / places
