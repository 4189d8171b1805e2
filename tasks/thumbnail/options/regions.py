"""What a variant says of the part of the picture that it shows: crop, gravity and focal point."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.refusal import Refusal
from tasks.thumbnail.options.rules import refuse_broken
from tasks.validation import JsonNumber

GRAVITIES: Final = {
    "center": (0.5, 0.5),
    "north": (0.5, 0.0),
    "northeast": (1.0, 0.0),
    "east": (1.0, 0.5),
    "southeast": (1.0, 1.0),
    "south": (0.5, 1.0),
    "southwest": (0.0, 1.0),
    "west": (0.0, 0.5),
    "northwest": (0.0, 0.0),
}
"""How much of what is left over lies to the left, and above."""

Point = Literal["center", "north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest"]


class FocalPoint(BaseModel):
    """The point of the picture that matters most, in fractions of the upright picture before any `crop`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: JsonNumber = Field(ge=0, le=1, description="From the left (0) to the right (1).", examples=[0.3])
    y: JsonNumber = Field(ge=0, le=1, description="From the top (0) to the bottom (1).", examples=[0.25])


class Crop(BaseModel):
    """A part of the upright picture. What reaches beyond the picture is left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: JsonNumber = Field(ge=0, description="Left edge of the part.", examples=[0.1])
    y: JsonNumber = Field(ge=0, description="Top edge of the part.", examples=[0.2])
    width: JsonNumber = Field(gt=0, description="Width of the part.", examples=[0.5])
    height: JsonNumber = Field(gt=0, description="Height of the part.", examples=[0.5])
    unit: Literal["px", "fraction"] = Field(
        "px", description="`px`: whole pixels; `fraction`: fractions of the picture's width and height, 0 to 1."
    )

    @model_validator(mode="after")
    def _fits_its_unit(self) -> "Crop":
        refuse_broken(self, self._broken_rules())
        return self

    def _broken_rules(self) -> Iterator[tuple[str, str]]:
        for name in ("x", "y", "width", "height"):
            side = getattr(self, name)
            if self.unit == "px" and side != int(side):
                yield (
                    name,
                    f'{side} is no whole number of pixels. For a part of the picture\'s size add "unit": "fraction"',
                )
            elif self.unit == "fraction" and side > 1:
                yield name, f"{side} is too large for a fraction. Send at most 1, or the unit px"


def check_crops(variants: Sequence[dict[str, Any]], size: tuple[int, int]) -> None:
    """Check that all crops begin inside the picture.

    Args:
        variants: Dumps of `Variant`, as they were asked for.
        size: Width and height of the upright picture in pixels.

    Raises:
        Refusal: `crop_outside`; the message names all variants at fault, and the field is that of the first.
    """
    outside: list[tuple[int, Refusal]] = []
    for number, variant in enumerate(variants):
        try:
            if variant["crop"]:
                crop_box(variant["crop"], size, variant["name"])
        except Refusal as refusal:
            outside.append((number, refusal))
    if outside:
        number, first = outside[0]
        others = ", ".join(repr(variants[other]["name"]) for other, _ in outside[1:])
        message = f"{first.message} The crops of {others} begin outside too." if others else first.message
        raise Refusal(first.code, message, field=f"variants.{number}.crop")


def crop_box(crop: dict[str, Any], size: tuple[int, int], name: str) -> tuple[int, int, int, int]:
    """Find the part of a picture that a crop leaves.

    Args:
        crop: The dump of a `Crop`.
        size: Width and height of the upright picture in pixels.
        name: The variant's name.

    Returns:
        Left, top, right and bottom in pixels.

    Raises:
        Refusal: `crop_outside`.
    """
    across, down = size if crop["unit"] == "fraction" else (1, 1)
    left, top = round(crop["x"] * across), round(crop["y"] * down)
    right = min(size[0], max(left + 1, round((crop["x"] + crop["width"]) * across)))
    bottom = min(size[1], max(top + 1, round((crop["y"] + crop["height"]) * down)))
    if left >= right or top >= bottom:
        raise Refusal(
            "crop_outside",
            f"The crop of the variant {name!r} begins at {left}, {top}, outside the picture of {size[0]} × {size[1]} "
            "pixels; let it begin inside.",
            field="variants",
        )
    return left, top, right, bottom
