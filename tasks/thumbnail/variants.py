"""The variants that a thumbnail job draws, and presets that name common sets of them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
    model_validator,
)

from tasks.refusal import Fault, Refusal
from tasks.thumbnail.geometry import MAX_SIDE_PX
from tasks.thumbnail.options.regions import Crop, FocalPoint, Point
from tasks.thumbnail.options.rules import Broken, refuse_broken
from tasks.thumbnail.options.watermark import MAX_WATERMARKS, Watermark
from tasks.validation import JsonInteger, JsonNumber, faults_of, no_boolean

MAX_VARIANTS = 20
MAX_DENSITY = 3
"""The largest factor of `dpr`: no screen shows more."""
ANIMATED_FORMATS = ("webp", "gif")
"""The formats of an animated variant; with `auto` it is the first."""
MIN_MAX_BYTES = 100
"""Bytes that a picture may have at least: the header of a JPEG has more."""

Side = Annotated[JsonInteger, Field(ge=1, le=MAX_SIDE_PX)]
Format = Literal["jpeg", "png", "webp", "avif", "gif"]

FIRST_FIELDS = frozenset(("name", "width", "height", "fit", "format", "quality", "background", "enlarge"))
"""The fields that every version knows. Others are stored only where they are used, so that an older worker, which
refuses an unknown field, runs every job that it can run."""


class Variant(BaseModel):
    """One picture to draw.

    `contain` fits the whole picture inside the box; one side of the box is enough, and without both the picture keeps
    its size. `cover` fills the box and crops what
    is outside it, on both sides evenly unless `gravity` or `focal` is given. `pad` is exactly the box, filled with
    `background`, with the whole picture on it. `exact` is exactly the box too, and stretches the picture to it.

    Nothing is drawn larger than the source unless `enlarge` is set. A source that is too small then results in its own
    size with `contain`, in the largest crop of the box's shape with `cover`, and in the exact box with a wider border
    with `pad`. `exact` always results in the box.

    `auto` draws JPEG, or WebP where the result has transparent parts or is animated. `quality` defaults to 80 for JPEG,
    79.4 for WebP and 63 for AVIF, which look alike; PNG and GIF have none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(
        pattern=r"^[a-z0-9_-]{1,40}$",
        description="Name of the file without its extension; unique within its request.",
        examples=["card"],
    )
    width: Side | None = Field(
        None,
        description="Width of the box in pixels. Without width and height the picture keeps its size.",
        examples=[320],
    )
    height: Side | None = Field(None, description="Height of the box in pixels.", examples=[180])
    fit: Literal["contain", "cover", "pad", "exact"] = Field("contain", description="How the picture fits the box.")
    format: Literal["jpeg", "png", "webp", "avif", "gif", "auto"] = Field("auto", description="Format of the file.")
    quality: JsonInteger | None = Field(
        None, ge=1, le=100, description="Quality of the encoder: 80 for JPEG, 79.4 for WebP and 63 for AVIF without it."
    )
    background: str = Field(
        "#ffffff",
        pattern=r"^(auto|#([0-9a-fA-F]{3}|[0-9a-fA-F]{6}|[0-9a-fA-F]{8}))$",
        description="Colour of the border of `pad`, and behind transparency in a JPEG, where its alpha is ignored. "
        "`auto` is the picture's dominant colour.",
    )
    resize: Literal["gamma", "linear"] = Field(
        "gamma",
        description="`gamma` averages the stored numbers, which is fast and what browsers do; `linear` averages light, "
        "so that fine bright detail keeps its brightness.",
    )
    animated: bool = Field(
        False,
        strict=True,
        description="Keep the frames, their durations and the loops of a GIF, an animated PNG or an animated WebP. "
        "The file is WebP, or GIF with the format gif. Without it, and of a still picture, the first frame is drawn.",
    )
    enlarge: bool = Field(False, strict=True, description="Enlarge a source that is smaller than the box.")
    gravity: Literal[Point, "attention"] = Field(
        "center",
        description="Which part `cover` keeps, and where `pad` puts the picture. `attention` is for `cover`, and keeps "
        "what draws the eye: detail, strong colours and the colours of skin.",
        examples=["north"],
    )
    focal: FocalPoint | None = Field(
        None,
        description="A point that `cover` keeps as near to the middle as it can, instead of `gravity`.",
    )
    crop: Crop | None = Field(None, description="The part of the upright picture that is used, before all else.")
    rotate: Annotated[Literal[0, 90, 180, 270], BeforeValidator(no_boolean)] = Field(
        0, description="Degrees by which the upright picture is turned clockwise, after `crop` and before the fit."
    )
    dpr: Annotated[
        tuple[Annotated[JsonInteger, Field(ge=1, le=MAX_DENSITY)], ...], Field(min_length=1, max_length=MAX_DENSITY)
    ] = Field(
        (1,),
        description="Pixel densities. Each makes a file; of the density 2 the box is twice as large, and `card` "
        "becomes `card@2x`.",
        examples=[[1, 2]],
    )
    formats: Annotated[tuple[Format, ...], Field(min_length=1)] | None = Field(
        None, description="Several formats, each a file of its own, instead of `format`.", examples=[["avif", "jpeg"]]
    )
    progressive: bool = Field(
        False,
        strict=True,
        description="Whether a JPEG shows a coarse picture first while it is loaded; it takes longer to make.",
    )
    colour: Literal["srgb", "p3"] = Field(
        "srgb",
        description="`p3` keeps colours that sRGB does not have: a picture with a colour profile of its own comes out "
        "in Display P3, with the profile of that in the file. Other pictures are in sRGB either way.",
    )
    subsampling: Literal["4:2:0", "4:2:2", "4:4:4"] = Field(
        "4:2:0",
        description="How much colour detail JPEG and AVIF keep; `4:4:4` keeps all, for drawings and text.",
    )
    max_bytes: JsonInteger | None = Field(
        None,
        ge=MIN_MAX_BYTES,
        description="Bytes that each file may have: the best quality that fits is searched, from `quality` down to 10. "
        "The file says in `about` which it is, and in `max_bytes_met` whether it fits.",
        examples=[50_000],
    )
    blur: JsonNumber | None = Field(
        None,
        gt=0,
        le=100,
        description="Standard deviation of a Gaussian blur, in pixels of the density 1.",
        examples=[2],
    )
    sharpen: JsonNumber | None = Field(
        None,
        gt=0,
        le=10,
        description="Standard deviation of the blur of an unsharp mask, in pixels, which is applied after `blur`.",
        examples=[0.7],
    )
    watermark: Watermark | None = Field(None, description="A picture that is drawn over the result, after all else.")

    @property
    def outputs(self) -> int:
        """The number of files."""
        return len(self.dpr) * len(self.formats or (self.format,))

    @model_validator(mode="after")
    def _fits_together(self) -> "Variant":
        refuse_broken(self, self._broken_rules())
        return self

    def _broken_rules(self) -> Iterator[Broken]:
        sides = {"width": self.width, "height": self.height}
        missing = [name for name, side in sides.items() if side is None]
        if self.fit != "contain" and missing:
            yield missing[0], f"Fit {self.fit} needs both width and height"
        elif len(missing) == len(sides):
            yield from self._broken_without_box()
        for name, side in sides.items():
            if side and side * max(self.dpr) > MAX_SIDE_PX:
                yield name, f"{side} pixels at the density {max(self.dpr)} are more than {MAX_SIDE_PX}", MAX_SIDE_PX
        if self.gravity != "center" and self.fit not in ("cover", "pad"):
            yield "gravity", f"Fit {self.fit} keeps the whole picture in place; use gravity with cover or pad"
        elif self.gravity == "attention" and self.fit != "cover":
            yield "gravity", "attention chooses what cover keeps; use it with cover"
        if self.focal and self.fit != "cover":
            yield "focal", f"Fit {self.fit} keeps the whole picture; use focal with cover"
        elif self.focal and self.gravity != "center":
            yield "focal", "Give either gravity or focal"
        if len(set(self.dpr)) < len(self.dpr):
            yield "dpr", "A density is given twice"
        yield from self._broken_encoding()

    def _broken_without_box(self) -> Iterator[Broken]:
        for name in ("dpr", "enlarge"):
            if getattr(self, name) != Variant.model_fields[name].default:
                yield name, f"Without width and height the picture keeps its size. Give one of them, or no {name}"

    def _broken_encoding(self) -> Iterator[Broken]:
        if self.formats and len(set(self.formats)) < len(self.formats):
            yield "formats", "A format is given twice"
        if self.formats and self.format != "auto":
            yield "formats", "Give either format or formats"
        written = set(self.formats or (("jpeg", "webp") if self.format == "auto" else (self.format,)))
        if self.quality is not None and written <= {"png", "gif"}:
            yield "quality", "PNG and GIF have no quality; leave quality out"
        if self.colour == "p3" and (self.animated or "gif" in written):
            yield "colour", "GIF and animations are in sRGB; leave colour out"
        still = sorted(set(self.formats or (self.format,)) - {"auto", *ANIMATED_FORMATS})
        if self.animated and still:
            yield "animated", f"{still[0]} has no animation here; use animated with the format auto, webp or gif"
        if self.progressive and "jpeg" not in written:
            yield "progressive", "Only a JPEG is progressive; use it with the format jpeg or auto"
        if self.subsampling != "4:2:0" and not written & {"jpeg", "avif"}:
            yield "subsampling", "Only JPEG and AVIF have a choice; leave subsampling out"
        if self.max_bytes is not None and (self.animated or written & {"png", "gif"}):
            yield "max_bytes", "PNG, GIF and animations have one size; leave max_bytes out, or them"

    @model_serializer(mode="wrap", when_used="json")
    def _stored(self, handler: SerializerFunctionWrapHandler, info: SerializationInfo) -> dict[str, Any]:
        # Most jobs use a few presets, and store the same each time.
        if info.include or info.exclude or info.exclude_unset or info.exclude_defaults or info.by_alias:
            return self._without_defaults(handler)
        asked = (self, info.exclude_none)
        if (fields := _stored_forms.get(asked)) is None:
            if len(_stored_forms) >= MAX_STORED_FORMS:
                _stored_forms.clear()
            fields = _stored_forms[asked] = self._without_defaults(handler)
        return fields

    def _without_defaults(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields: dict[str, Any] = handler(self)
        for name, default in _LATER_FIELDS.items():
            if name in fields and getattr(self, name) == default:
                del fields[name]
        return fields


MAX_STORED_FORMS = 200
_stored_forms: dict[tuple[Variant, bool | None], dict[str, Any]] = {}
"""What is stored of variants, with None or without."""

_LATER_FIELDS = {name: field.default for name, field in Variant.model_fields.items() if name not in FIRST_FIELDS}
"""Fields that an older worker does not know, with their defaults."""


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
    if twice := names_used_twice(variant.name for variant in variants):
        raise Refusal("invalid_params", twice[0].message, field="variants")
    if (files := sum(variant.outputs for variant in variants)) > MAX_VARIANTS:
        message = f"With dpr and formats the variants make {files} files; the limit is {MAX_VARIANTS}. Ask for fewer."
        raise Refusal("invalid_params", message, field="variants", limit=MAX_VARIANTS)
    if len(watermarks_of(variants)) > MAX_WATERMARKS:
        message = f"The variants have more than {MAX_WATERMARKS} different watermarks, which is the limit."
        raise Refusal("invalid_params", message, field="variants", limit=MAX_WATERMARKS)
    return variants


def names_used_twice(names: Iterable[Any]) -> list[Fault]:
    """A fault for each name that several variants have."""
    return [
        Fault("variants", f"Each variant needs its own name; {name!r} is used twice.")
        for name, times in Counter(name for name in names if isinstance(name, str)).items()
        if times > 1
    ]


def variant_faults(error: ValidationError, value: Any) -> list[Fault]:
    """All that is wrong with what was sent as a list of variants.

    Args:
        error: What `variants_of` raised.
        value: What was sent.
    """
    names = [one.get("name") for one in value if isinstance(one, dict)] if isinstance(value, list) else []
    return [*faults_of(error, inside="variants", known=_fields_at), *names_used_twice(names)]


def _fields_at(place: Sequence[Any]) -> Iterable[str]:
    """The fields of the model at a place such as (0, "crop", "x")."""
    inner: dict[Any, type[BaseModel]] = {"crop": Crop, "focal": FocalPoint, "watermark": Watermark}
    model = inner.get(place[-2], Variant) if len(place) > 1 else Variant
    return model.model_fields


def variants_json(variants: Sequence[Variant]) -> str:
    """Write variants as JSON, the same text for the same variants."""
    return _VARIANTS.dump_json(tuple(variants), exclude_none=True).decode()


def watermarks_of(variants: Sequence[Variant]) -> set[str]:
    """Return the ids of the uploads that are used as watermarks."""
    return {variant.watermark.upload for variant in variants if variant.watermark}
