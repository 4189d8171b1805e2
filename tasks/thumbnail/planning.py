"""Plans what is drawn of one picture, by its header."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from tasks.thumbnail.decoding import orientation_of
from tasks.thumbnail.geometry import FindsWindow, Plan, Size, plan, within
from tasks.thumbnail.options.outputs import drawn_variants
from tasks.thumbnail.options.turning import swaps
from tasks.thumbnail.pyramid import FINER, reads_of_source

LARGEST_DENOMINATOR = 8
"""How far a decoder scales a picture down at most."""

SCALED_FINER = 1.4
"""How many times larger than the largest variant a picture stays that is scaled down while it is decoded: from here on
SSIMULACRA2 sees no loss beside FINER. Where a variant is drawn in linear light it is FINER: a decoder averages stored
numbers."""
OVERVIEW_PX = 64
"""Longest side of the copy that the summary of a picture is made from."""
LARGEST_OVERVIEW_PX = 1024
"""Longest side of a variant that it is reduced from: a larger one would take more memory than drawing the copy."""


@dataclass(frozen=True)
class Planning:
    """The plans for every variant of a picture, in pixels as stored: it is turned after it has been shrunk, which is
    cheaper.

    Args:
        picture: The picture, opened; no pixel has been decoded.
        requested: Dumps of `Variant`.
    """

    picture: ImageFile
    requested: list[dict[str, Any]]

    @cached_property
    def variants(self) -> list[dict[str, Any]]:
        """What is drawn: a variant for each pixel density."""
        return drawn_variants(self.requested)

    @cached_property
    def size(self) -> Size:
        """Width and height of the picture as it is stored."""
        return self.picture.size

    @cached_property
    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8."""
        return orientation_of(self.picture)

    def turned(self, size: Size) -> Size:
        """Return width and height after the picture has been turned upright."""
        return (size[1], size[0]) if swaps(self.orientation) else size

    @cached_property
    def plans(self) -> list[Plan]:
        """One plan for each variant, as far as the header decides it."""
        return [plan(self.size, variant, self.orientation) for variant in self.variants]

    @cached_property
    def wants_attention(self) -> bool:
        """Whether a variant keeps what draws the eye, which is found once the picture is decoded."""
        return any(variant["gravity"] == "attention" for variant in self.variants)

    def plans_with(self, attention: FindsWindow) -> list[Plan]:
        """The plans once it is known what draws the eye; they differ from `plans` in places, not in sizes."""
        return [plan(self.size, variant, self.orientation, attention) for variant in self.variants]

    @cached_property
    def overview(self) -> int:
        """The number of the variant that the summary is made from: the smallest that shows the whole picture, neither
        smaller than `overview_plan` nor of more than LARGEST_OVERVIEW_PX. If there is none it is the number after the
        last variant, and `overview_plan` is drawn."""
        plans = enumerate(zip(self.plans, self.variants, strict=True))
        shown = [number for number, (one, variant) in plans if variant["colour"] == "srgb" and self._is_overview(one)]
        return min(shown, key=lambda number: self.plans[number].scale, default=len(self.plans))

    @cached_property
    def overviews(self) -> list[Plan]:
        """`overview_plan`, if it is drawn."""
        return [self.overview_plan] if self.overview == len(self.plans) else []

    @cached_property
    def overview_plan(self) -> Plan:
        """The whole picture in OVERVIEW_PX."""
        size = within(self.size, OVERVIEW_PX)
        return Plan((0, 0, *self.size), size, size)

    @property
    def overview_space(self) -> tuple[str, str]:
        """The `resize` and the `colour` that `overview_plan` is drawn in."""
        return self.variants[0]["resize"], "srgb"

    def _is_overview(self, one: Plan) -> bool:
        width, height = within(self.size, max(one.size))
        in_proportion = abs(one.size[0] - width) <= 1 and abs(one.size[1] - height) <= 1
        in_size = one.scale >= self.overview_plan.scale and max(one.size) <= LARGEST_OVERVIEW_PX
        return one.box == self.overview_plan.box and in_proportion and in_size

    @cached_property
    def denominator(self) -> int:
        """How far the picture may be scaled down while it is decoded, so that it stays SCALED_FINER times as large as
        the largest variant: 1, 2, 4 or 8."""
        largest = max(one.scale for one in self.plans)
        finer = FINER if any(variant["resize"] == "linear" for variant in self.variants) else SCALED_FINER
        denominator = LARGEST_DENOMINATOR
        while denominator > 1 and denominator * largest * finer > 1:
            denominator //= 2
        return denominator

    @cached_property
    def pillow_denominator(self) -> int:
        """`denominator` where Pillow decodes: it scales nothing down but JPEG."""
        return self.denominator if isinstance(self.picture, JpegImageFile) else 1

    @cached_property
    def reads(self) -> int:
        """How often the decoded picture itself is read: once for each variant that is drawn from it, not from a larger
        one, and twice in linear light."""
        spaces: dict[tuple[str, str], list[Plan]] = {}
        for one, variant in zip(self.plans, self.variants, strict=True):
            spaces.setdefault((variant["resize"], variant["colour"]), []).append(one)
        spaces.setdefault(self.overview_space, []).extend(self.overviews)
        reads = {space: reads_of_source(plans, self.size) for space, plans in spaces.items()}
        twice = sum(count for (resize, _), count in reads.items() if resize == "linear")
        return sum(reads.values()) + twice + self.wants_attention
