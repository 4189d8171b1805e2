"""What a thumbnail job is asked for."""

import operator
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.blob_ref import BlobRef
from tasks.thumbnail.summary.exif_fields import ExifField
from tasks.thumbnail.variants import Variant, watermarks_of


class PresetUse(BaseModel):
    """Which preset a job was submitted with."""

    name: str
    version: int


class ThumbnailParams(BaseModel):
    """The params of a thumbnail job: a stored picture (`upload`) or a `url`, and what to draw.

    keep_s: seconds for which the original is kept once it was drawn. watermarks: the uploads that the variants name, by
    their ids. exif: which fields of its EXIF the result has. truncated: `draw` draws what there is of a file that ends
    too early. An older worker refuses these fields, so they are stored only where they are used.
    """

    model_config = ConfigDict(extra="forbid")

    upload: BlobRef | None = None
    url: str | None = None
    variants: tuple[Variant, ...]
    keep_s: int | None = Field(None, gt=0)
    preset: PresetUse | None = None
    watermarks: dict[str, BlobRef] = Field(default_factory=dict, exclude_if=operator.not_)
    exif: tuple[ExifField, ...] | None = None
    truncated: Literal["draw"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.upload is None) == (self.url is None):
            raise ValueError("give either an upload or a url")
        if missing := watermarks_of(self.variants) - self.watermarks.keys():
            raise ValueError(f"watermarks lacks {', '.join(sorted(missing))}")
        return self
