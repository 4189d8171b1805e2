"""What blocks are made of: strict models, text with runs, colours, references to files."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from tasks.validation import JsonNumber

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


Number = Annotated[JsonNumber, Field(ge=-1e15, le=1e15, allow_inf_nan=False)]
Points = Annotated[JsonNumber, Field(ge=0, le=14_400, allow_inf_nan=False, description="Points of 1/72 inch.")]
Anchor = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,80}$")]


def _require_type(schema: dict[str, Any]) -> None:
    """A block is recognised by its type, so that it needs one, although the models have it as a default."""
    if "const" in schema["properties"].get("type", ()):
        schema["required"] = ["type", *schema.get("required", ())]


class Strict(BaseModel):
    """A model that refuses unknown fields, so that a misspelt field is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra=_require_type)


class TextRun(Strict):
    """A part of a text in one style."""

    text: str = Field(max_length=MAX_TEXT_CHARS, description="The text.")
    bold: StrictBool = Field(False, description="Whether it is bold.")
    italic: StrictBool = Field(False, description="Whether it is italic.")
    code: StrictBool = Field(False, description="Whether it is set in a monospaced font.")
    colour: Colour | None = Field(None, description="`#rrggbb`, or a colour of the theme.")
    link: Link | None = Field(None, description="A URL, or `#anchor` of a heading.")


Rich = Annotated[str, Field(max_length=MAX_TEXT_CHARS)] | Annotated[list[TextRun], Field(max_length=MAX_RUNS)]
"""Plain text, or runs. Never markup: `<b>` prints as `<b>`."""


class FileRef(Strict):
    """An image: an upload, or a file of an earlier job."""

    upload: str | None = Field(None, pattern="^[0-9a-f]{32}$", description="The id of an upload.")
    job: str | None = Field(None, pattern="^[0-9a-f]{32}$", description="The id of a job, together with `file`.")
    file: str | None = Field(None, max_length=100, description="The name of one of the job's files.")

    @model_validator(mode="after")
    def _one_way(self) -> "FileRef":
        if (self.upload is None) == (self.job is None) or (self.job is None) != (self.file is None):
            raise ValueError("needs either upload, or job and file")
        return self

    @property
    def key(self) -> str:
        """The key of the file in the job's list of files."""
        return self.upload or f"{self.job}/{self.file}"


Align = Literal["left", "center", "right"]
Json = dict[str, Any]
