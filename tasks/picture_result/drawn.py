"""What the sandbox answers to a call that draws a picture. It is checked, since it goes into records that others read:
a child that the picture's bytes have taken over could answer anything."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from tasks.picture_result.record import PictureSummary
from tasks.refusal import SandboxDeath

_MAX_NUMBER = 2**32 - 1
_Count = Annotated[int, Field(ge=1, le=_MAX_NUMBER)]
_Number = Annotated[int, Field(ge=0, le=_MAX_NUMBER)]
_Measure = Annotated[float, Field(ge=-_MAX_NUMBER, le=_MAX_NUMBER)]
_Text = Annotated[str, Field(max_length=100)]


def _packed_summary(text: str) -> str:
    PictureSummary.unpacked(text)
    return text


class _Answered(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")


class _Exposure(_Answered):
    time: _Text | None = None
    aperture: _Measure | None = None
    iso: _Number | None = None
    focal_length_mm: _Measure | None = None


class _DrawnPlace(_Answered):
    latitude: _Measure
    longitude: _Measure
    altitude_m: _Measure | None = None


class _Exif(_Answered):
    taken_at: _Text | None = None
    camera: _Text | None = None
    lens: _Text | None = None
    exposure: _Exposure | None = None
    orientation: Annotated[int, Field(ge=1, le=8)] | None = None
    gps: _DrawnPlace | None = None


class _DrawnPicture(_Answered):
    format: _Text
    type: _Text
    width: _Count
    height: _Count
    frames: _Count
    mode: _Text
    has_alpha: bool
    orientation: Annotated[int, Field(ge=1, le=8)]
    summary: Annotated[str, AfterValidator(_packed_summary)]
    exif: _Exif | None = None
    gain_map: bool | None = None
    truncated: bool | None = None
    drawn_share: Annotated[float, Field(ge=0, le=1)] | None = None


class _DrawnFile(_Answered):
    path: str
    type: Literal["image/jpeg", "image/png", "image/gif", "image/webp", "image/avif"]
    width: _Count
    height: _Count
    quality: Annotated[int, Field(ge=0, le=100)] | None = None
    max_bytes_met: bool | None = None
    frames: _Count | None = None
    duration_ms: _Number | None = None
    loops: _Number | None = None


class _Drawn(_Answered):
    picture: _DrawnPicture
    files: Annotated[list[_DrawnFile], Field(min_length=1)]


def drawn_of(answer: Any) -> dict[str, Any]:
    """Check what `imaging.render` answered in the sandbox.

    Args:
        answer: What came.

    Returns:
        `picture` and `files`, with the fields that are known and are there.

    Raises:
        SandboxDeath: `crashed`: it is no description of a picture.
    """
    try:
        return _Drawn.model_validate(answer).model_dump(exclude_unset=True)
    except ValidationError as error:
        raise SandboxDeath(
            "crashed",
            "The sandbox process answered with something that describes no picture. The input is probably malicious.",
        ) from error
