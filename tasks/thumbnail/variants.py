"""What a thumbnail job may be asked for: variants, and presets that name common sets of them."""

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
    is over, evenly. `pad` is the box exactly: painted in `background`, with the whole picture centred on it.

    Nothing is drawn larger than the source unless `enlarge` is set. A source that is too small then gives: with
    `contain` its own size, with `cover` the largest crop of the box's shape, with `pad` the exact box, wider bordered.

    `auto` draws JPEG, or WebP where the result has transparent parts. `quality` defaults to 80 for JPEG and WebP and to
    63 for AVIF, which look alike; PNG is lossless and takes none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9_-]{1,40}$", description="Names the file; unique in its request.")
    width: Side | None = Field(None, description="Pixels of the box.")
    height: Side | None = Field(None, description="Pixels of the box.")
    fit: Literal["contain", "cover", "pad"] = "contain"
    format: Literal["jpeg", "png", "webp", "avif", "auto"] = "auto"
    quality: int | None = Field(None, ge=1, le=100)
    background: str = Field(
        "#ffffff",
        pattern=r"^#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8})$",
        description="Painted under `pad`, and under transparency that becomes JPEG (where its opacity is ignored).",
    )
    enlarge: bool = Field(False, description="Draw a source that is smaller than the box up to it.")

    @model_validator(mode="after")
    def _has_a_box(self) -> "Variant":
        if self.width is None and self.height is None:
            raise ValueError("give width, height or both")
        if self.fit != "contain" and (self.width is None or self.height is None):
            raise ValueError(f"fit {self.fit} needs both width and height")
        if self.quality is not None and self.format == "png":
            raise ValueError("png is lossless and takes no quality")
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
    """The variants that a preset's name or a list stands for.

    Raises: `Refusal` (`invalid_params`) for an unknown preset or a name used twice; pydantic's
    `ValidationError` for the rest.
    """
    if isinstance(value, str):
        if value not in PRESETS:
            raise Refusal(
                "invalid_params", f"There is no preset {value!r}; there are {', '.join(PRESETS)}.", field="variants"
            )
        return PRESETS[value]
    variants = _VARIANTS.validate_python(value)
    twice = [name for name, times in Counter(variant.name for variant in variants).items() if times > 1]
    if twice:
        raise Refusal(
            "invalid_params", f"Give each variant a name of its own; {twice[0]!r} is used twice.", field="variants"
        )
    return variants
