"""What a variant says of its watermark."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.thumbnail.options.regions import GRAVITIES, Point
from tasks.validation import JsonInteger, JsonNumber

MAX_WATERMARKS = 3
"""Pictures that the variants of one request may use as watermarks; each is kept while all of them are drawn."""


class Watermark(BaseModel):
    """A picture that is drawn over the result, such as a logo with transparent parts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upload: str = Field(
        pattern="^[0-9a-f]{32}$",
        description="The id of an upload from `POST /v1/uploads`. The job keeps a copy.",
    )
    position: Point = Field("southeast", description="Where it is drawn.")
    opacity: JsonNumber = Field(1, gt=0, le=1, description="How opaque it is drawn; 1 is as it is.", examples=[0.5])
    scale: JsonNumber = Field(
        0.25, gt=0, le=1, description="Its width as a fraction of the result's width.", examples=[0.2]
    )
    margin: JsonInteger = Field(
        0, ge=0, le=1000, description="Pixels between it and the edges of the result, at the density 1.", examples=[8]
    )


def mark_box(mark: tuple[int, int], result: tuple[int, int], watermark: dict[str, Any]) -> tuple[int, int, int, int]:
    """Find where a watermark is drawn: in its own shape, and inside the margins.

    Args:
        mark: Width and height of the watermark in pixels.
        result: Those of the result.
        watermark: The dump of a `Watermark`.

    Returns:
        Left and top, width and height in pixels.
    """
    margin = min(watermark["margin"], (min(result) - 1) // 2)
    room = (result[0] - 2 * margin, result[1] - 2 * margin)
    scale = min(min(room[0], result[0] * watermark["scale"]) / mark[0], room[1] / mark[1])
    width, height = max(1, round(mark[0] * scale)), max(1, round(mark[1] * scale))
    across, down = GRAVITIES[watermark["position"]]
    return margin + int((room[0] - width) * across), margin + int((room[1] - height) * down), width, height
