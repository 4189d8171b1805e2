"""The whole of what a report is asked for: `Spec`, a document and its blocks."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, StrictBool, field_serializer, field_validator, model_validator

from tasks.report.spec.blocks import MAX_BLOCKS, MAX_DEPTH, Block, Columns, Section
from tasks.report.spec.file_options import FileOptions
from tasks.report.spec.paper import PAGE_SIZES
from tasks.report.spec.parts import FileRef, Hex, Points, Strict
from tasks.validation import JsonInteger, JsonNumber

MIN_PAGE_PT, MAX_PAGE_PT = 72.0, 14_400.0
MIN_CONTENT_PT = 36.0
MAX_DATASETS = 20

Format = Literal["pdf", "xlsx", "csv"]
DEFAULT_FORMATS: tuple[Format, ...] = ("pdf",)
TableFormat = Literal["auto", "csv", "tsv", "ndjson", "json", "xlsx", "xls", "ods"]

PageLength = Annotated[JsonNumber, Field(ge=MIN_PAGE_PT, le=MAX_PAGE_PT, allow_inf_nan=False)]
BandText = Annotated[
    str, Field(max_length=300, description="Text that may contain `{page}`, `{pages}`, `{title}` and `{date}`.")
]


class Margins(Strict):
    """The margins of a page in points (1/72 inch)."""

    top: Points = 64
    right: Points = 54
    bottom: Points = 60
    left: Points = 54


class PageSetup(Strict):
    """The page size, orientation and margins."""

    size: Literal["A3", "A4", "A5", "Letter", "Legal"] | tuple[PageLength, PageLength] = Field(
        "A4", description="A paper size, or width and height in points (1/72 inch)."
    )
    orientation: Literal["portrait", "landscape"] = Field("portrait", description="The orientation of the pages.")
    margins: Margins = Field(Margins(), description="The margins of the pages.")

    @property
    def points(self) -> tuple[float, float]:
        """Width and height, turned as `orientation` says."""
        width, height = PAGE_SIZES[self.size] if isinstance(self.size, str) else self.size
        short, long = sorted((width, height))
        return (short, long) if self.orientation == "portrait" else (long, short)

    @model_validator(mode="after")
    def _has_room(self) -> "PageSetup":
        for width, height in (self.points, self.points[::-1]):
            if width - self.margins.left - self.margins.right < MIN_CONTENT_PT:
                raise ValueError(f"the margins leave less than {MIN_CONTENT_PT:g} points of width")
            if height - self.margins.top - self.margins.bottom < MIN_CONTENT_PT:
                raise ValueError(f"the margins leave less than {MIN_CONTENT_PT:g} points of height")
        return self


class Theme(Strict):
    """The colours and the density of a report."""

    accent: Hex = "#1f5fa8"
    accent2: Hex = "#d9822b"
    density: Literal["comfortable", "compact"] = Field("comfortable", description="The space between lines and rows.")


class Band(Strict):
    """A header or footer with texts at the left, in the center and at the right."""

    left: BandText = ""
    center: BandText = ""
    right: BandText = ""


class Cover(Strict):
    """A cover page."""

    subtitle: str | None = Field(None, max_length=500, description="The subtitle.")
    author: str | None = Field(None, max_length=200, description="The author shown on the cover.")
    logo: FileRef | None = Field(None, description="An image at the top of the cover.")


class Toc(Strict):
    """A table of contents after the cover."""

    title: str = Field("Contents", max_length=100, description="The title above it.")
    depth: JsonInteger = Field(2, ge=1, le=3, description="The deepest level of headings to list.")


class Dataset(FileOptions):
    """An uploaded table (`POST /v1/uploads`), and how its file is read."""

    upload: str = Field(pattern="^[0-9a-f]{32}$", description="The id of the upload.")
    format: TableFormat = Field(
        description="The format of the file; `auto` finds it by looking at the bytes. `json` is an array of rows."
    )


class Document(Strict):
    """The settings of the whole report."""

    title: str = Field(min_length=1, max_length=300, description="The title of the report.")
    lang: str = Field(
        "en", pattern="^[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", description="The language (BCP 47) for numbers and dates."
    )
    timezone: str = Field("UTC", max_length=60, description="The IANA time zone in which date-times are shown.")
    currency: str = Field("EUR", pattern="^[A-Z]{3}$", description="The currency (ISO 4217) of money columns.")
    page: PageSetup = Field(PageSetup(), description="The page size, orientation and margins.")
    theme: Theme = Field(Theme(), description="The colours and the density.")
    # Factories, since generated clients cannot have an object as the default of a field that may be null.
    header: Band | None = Field(
        default_factory=lambda: Band(left="{title}", right="{date}"),
        description="The header of each page. By default, the title at the left and the date at the right.",
    )
    footer: Band | None = Field(
        default_factory=lambda: Band(right="{page} / {pages}"),
        description="The footer of each page. By default, the page number and the number of pages at the right.",
    )
    cover: Cover | None = Field(None, description="A cover page.")
    toc: Toc | None = Field(None, description="A table of contents.")
    watermark: str | None = Field(None, max_length=40, description="A text across each page.")
    author: str | None = Field(None, max_length=200, description="The author, in the PDF's properties.")
    subject: str | None = Field(None, max_length=300, description="The subject, in the PDF's properties.")
    keywords: list[Annotated[str, Field(max_length=60)]] = Field(
        default_factory=list, max_length=30, description="Keywords, in the PDF's properties."
    )
    reproducible: StrictBool = Field(
        False, description="Make the same bytes from the same spec and data, by leaving out dates."
    )
    password: SecretStr | None = Field(
        None, min_length=1, max_length=100, description="A password to open the PDF (AES-256)."
    )

    @field_serializer("password", when_used="json")
    def _tell(self, password: SecretStr | None) -> str | None:
        return None if password is None else password.get_secret_value()


class Spec(Strict):
    """A report: its settings, its content and its output formats."""

    document: Document = Field(description="The settings of the whole report.")
    blocks: list[Block] = Field(min_length=1, max_length=MAX_BLOCKS, description="The content, from top to bottom.")
    datasets: dict[Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,60}$")], Dataset] = Field(
        default_factory=dict,
        max_length=MAX_DATASETS,
        description="The datasets of tables, by name.",
        json_schema_extra={
            "additionalProperties": False
        },  # Pydantic says no more than what names with the pattern have
    )
    formats: list[Format] = Field(
        default_factory=lambda: list(DEFAULT_FORMATS), min_length=1, max_length=3, description="The output formats."
    )
    preview: StrictBool = Field(False, description="Whether to make `preview.png`, an image of the first page, too.")

    @field_validator("blocks")
    @classmethod
    def _not_too_deep(cls, blocks: list[Block]) -> list[Block]:
        if _depth(blocks) > MAX_DEPTH:
            raise ValueError(f"blocks are nested more than {MAX_DEPTH} deep")
        return blocks


def _depth(blocks: list[Block]) -> int:
    deepest = 0
    for block in blocks:
        if isinstance(block, Section):
            deepest = max(deepest, _depth(block.blocks))
        elif isinstance(block, Columns):
            deepest = max(deepest, *(_depth(column) for column in block.columns))
    return deepest + 1
