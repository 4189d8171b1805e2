"""What a thumbnail job is asked for."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from tasks.blob_ref import BlobRef
from tasks.thumbnail.variants import Variant


class ThumbnailParams(BaseModel):
    """The params of a thumbnail job: a stored picture (`upload`) or a `url`, and what to draw.

    keep_s: seconds for which the original is kept once it was drawn. An older worker refuses the field, so it is stored
    only where it is used.
    """

    model_config = ConfigDict(extra="forbid")

    upload: BlobRef | None = None
    url: str | None = None
    variants: tuple[Variant, ...]
    keep_s: int | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.upload is None) == (self.url is None):
            raise ValueError("give either an upload or a url")
        return self
