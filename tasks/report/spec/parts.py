"""What blocks are made of: strict models, text with runs, colours, references to files."""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

MAX_TEXT_CHARS = 20_000
MAX_RUNS = 500
MAX_URL_CHARS = 2_000

Colour = Annotated[
    str,
    Field(
        pattern=r"^(#[0-9a-fA-F]{6}|accent|accent2|ink|muted|positive|negative|warning)$",
        description="`#rrggbb`, or a colour of the theme.",
    ),
]
Hex = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$", description="`#rrggbb`.")]
Link = Annotated[
    str,
    Field(
        max_length=MAX_URL_CHARS,
        pattern=r"^(https?://[^\s<>\"]+|mailto:[^\s<>\"]+|#[A-Za-z0-9_-]{1,80})$",
        description="`https:`, `http:`, `mailto:`, or `#anchor` of a heading.",
    ),
]


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError("must be a finite number")
    return value


Number = Annotated[float, AfterValidator(_finite), Field(ge=-1e15, le=1e15)]
Points = Annotated[float, AfterValidator(_finite), Field(ge=0, le=14_400, description="1/72 inch.")]
Anchor = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")]


class Strict(BaseModel):
    """No field that we do not know: a misspelt one is an error, not a surprise."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextRun(Strict):
    """A stretch of text in one style."""

    text: str = Field(max_length=MAX_TEXT_CHARS)
    bold: bool = False
    italic: bool = False
    code: bool = False
    colour: Colour | None = None
    link: Link | None = None


Rich = Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | Annotated[list[TextRun], Field(max_length=MAX_RUNS)]
"""Plain text, or runs. Never markup: `<b>` prints as `<b>`."""


class FileRef(Strict):
    """A picture: an upload, or a file of an earlier job."""

    upload: str | None = Field(None, pattern="^[0-9a-f]{32}$")
    job: str | None = Field(None, pattern="^[0-9a-f]{32}$")
    file: str | None = Field(None, max_length=100, description="The name of the job's file.")

    @model_validator(mode="after")
    def _one_way(self) -> "FileRef":
        if (self.upload is None) == (self.job is None) or (self.job is None) != (self.file is None):
            raise ValueError("give either upload, or job and file")
        return self

    @property
    def key(self) -> str:
        """How the job's list of files calls it."""
        return self.upload or f"{self.job}/{self.file}"


Align = Literal["left", "center", "right"]
Json = dict[str, Any]
