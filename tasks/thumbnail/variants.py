"""The variants that a thumbnail job draws, and presets that name common sets of them."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from tasks.refusal import Refusal
from tasks.thumbnail.geometry import MAX_SIDE_PX

MAX_VARIANTS = 20

Side = Annotated[int, Field(ge=1, le=MAX_SIDE_PX)]


class Variant(BaseModel):
    """One picture to draw.

    `contain` fits the whole picture inside the box; one side of the box is enough. `cover` fills the box and crops what
    is outside it, evenly on both sides. `pad` is exactly the box, filled with `background`, with the whole picture
    centred on it.

    Nothing is drawn larger than the source unless `enlarge` is set. A source that is too small then results in its own
    size with `contain`, in the largest crop of the box's shape with `cover`, and in the exact box with a wider border
    with `pad`.

    `auto` draws JPEG, or WebP where the result has transparent parts. `quality` defaults to 80 for JPEG and WebP
    and to 63 for AVIF, which look alike; PNG is lossless and has none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9_-]{1,40}$", description="Name of the file; unique within its request.")
    width: Side | None = Field(None, description="Width of the box in pixels.")
    height: Side | None = Field(None, description="Height of the box in pixels.")
    fit: Literal["contain", "cover", "pad"] = "contain"
    format: Literal["jpeg", "png", "webp", "avif", "auto"] = "auto"
    quality: int | None = Field(None, ge=1, le=100)
    background: str = Field(
        "#ffffff",
        pattern=r"^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$",
        description="Colour of the border of `pad`, and behind transparency in a JPEG, where its alpha is ignored.",
    )
    resize: Literal["gamma", "linear"] = Field(
        "gamma",
        description="`gamma` averages the stored numbers, which is fast and what browsers do; `linear` averages light, "
        "so that fine bright detail keeps its brightness.",
    )
    enlarge: bool = Field(False, description="Enlarge a source that is smaller than the box.")

    @model_validator(mode="after")
    def _has_a_box(self) -> "Variant":
        if self.width is None and self.height is None:
            raise ValueError("give width, height or both")
        if self.fit != "contain" and (self.width is None or self.height is None):
            raise ValueError(f"fit {self.fit} needs both width and height")
        if self.quality is not None and self.format == "png":
            raise ValueError("png is lossless and has no quality; leave quality out")
        return self


def _box(name: str, side: int) -> Variant:
    return Variant(name=name, width=side, height=side)


def _square(name: str, side: int) -> Variant:
    return Variant(name=name, width=side, height=side, fit="cover")


PRESETS: dict[str, tuple[Variant, ...]] = {
    "default": (_box("small", 256), _box("medium", 512), _box("large", 1024), _square("square", 256)),
    "avatar": (_square("avatar-64", 64), _square("avatar-128", 128), _square("avatar-256", 256)),
}

_VARIANTS: TypeAdapter[tuple[Variant, ...]] = TypeAdapter(
    Annotated[tuple[Variant, ...], Field(min_length=1, max_length=MAX_VARIANTS)]
)


def variants_of(value: str | Sequence[Variant | dict[str, Any]]) -> tuple[Variant, ...]:
    """Resolve a preset, or validate a list of variants.

    Args:
        value: A key of PRESETS, or the variants.

    Returns:
        1 to MAX_VARIANTS variants.

    Raises:
        Refusal: `invalid_params` for an unknown preset or a name that is used twice.
        pydantic.ValidationError: A variant is invalid, or there are too many or none.
    """
    if isinstance(value, str):
        if value not in PRESETS:
            raise Refusal(
                "invalid_params",
                f"Preset {value!r} does not exist; the presets are {', '.join(PRESETS)}.",
                field="variants",
            )
        return PRESETS[value]
    variants = _VARIANTS.validate_python(value)
    twice = [name for name, times in Counter(variant.name for variant in variants).items() if times > 1]
    if twice:
        raise Refusal(
            "invalid_params", f"Each variant needs its own name; {twice[0]!r} is used twice.", field="variants"
        )
    return variants
