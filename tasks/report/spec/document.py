"""The whole of what a report is asked for: `Spec`, a document and its blocks."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_serializer, field_validator, model_validator

from tasks.report.spec.blocks import MAX_BLOCKS, MAX_DEPTH, Block, Columns, Section
from tasks.report.spec.paper import PAGE_SIZES
from tasks.report.spec.parts import FileRef, Hex, Points, Strict

MIN_PAGE_PT, MAX_PAGE_PT = 72.0, 14_400.0
MIN_CONTENT_PT = 36.0
MAX_DATASETS = 20

Format = Literal["pdf", "xlsx", "csv"]
DEFAULT_FORMATS: tuple[Format, ...] = ("pdf",)

PageLength = Annotated[float, Field(ge=MIN_PAGE_PT, le=MAX_PAGE_PT, allow_inf_nan=False)]
BandText = Annotated[str, Field(max_length=300, description="May hold `{page}`, `{pages}`, `{title}` and `{date}`.")]


class Margins(Strict):
    """Points from the page's edges to its content."""

    top: Points = 64
    right: Points = 54
    bottom: Points = 60
    left: Points = 54


class PageSetup(Strict):
    """The paper."""

    size: Literal["A3", "A4", "A5", "Letter", "Legal"] | tuple[PageLength, PageLength] = "A4"
    orientation: Literal["portrait", "landscape"] = "portrait"
    margins: Margins = Margins()

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
    """How it looks."""

    accent: Hex = "#1f5fa8"
    accent2: Hex = "#d9822b"
    density: Literal["comfortable", "compact"] = "comfortable"


class Band(Strict):
    """Header or footer: three places."""

    left: BandText = ""
    center: BandText = ""
    right: BandText = ""


class Cover(Strict):
    """A first page of its own."""

    subtitle: str | None = Field(None, max_length=500)
    author: str | None = Field(None, max_length=200)
    logo: FileRef | None = None


class Toc(Strict):
    """A table of contents after the cover."""

    title: str = Field("Contents", max_length=100)
    depth: int = Field(2, ge=1, le=3)


class Dataset(Strict):
    """A table that was uploaded (`POST /v1/uploads`). Its format is said, never guessed from a name."""

    upload: str = Field(pattern="^[0-9a-f]{32}$")
    format: Literal["csv", "xlsx", "ndjson"]
    delimiter: str | None = Field(None, min_length=1, max_length=1, description="For CSV; a comma otherwise.")
    encoding: Literal["utf-8", "utf-16", "cp1252", "shift_jis", "gb18030", "euc_kr"] = "utf-8"
    sheet: str | None = Field(None, max_length=100, description="For XLSX; the first one otherwise.")


class Document(Strict):
    """Everything about the report that is no block."""

    title: str = Field(min_length=1, max_length=300)
    lang: str = Field(
        "en", pattern="^[a-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", description="How numbers and dates are written."
    )
    timezone: str = Field("UTC", max_length=60, description="An IANA name; date-times are shown in it.")
    currency: str = Field("EUR", pattern="^[A-Z]{3}$")
    page: PageSetup = PageSetup()
    theme: Theme = Theme()
    header: Band | None = Band(left="{title}", right="{date}")
    footer: Band | None = Band(right="{page} / {pages}")
    cover: Cover | None = None
    toc: Toc | None = None
    watermark: str | None = Field(None, max_length=40)
    author: str | None = Field(None, max_length=200)
    subject: str | None = Field(None, max_length=300)
    keywords: list[Annotated[str, Field(max_length=60)]] = Field(default_factory=list, max_length=30)
    reproducible: bool = Field(False, description="The same spec and data give the same bytes; dates are left out.")
    password: SecretStr | None = Field(None, min_length=1, max_length=100, description="To open the PDF (AES-256).")

    @field_serializer("password", when_used="json")
    def _tell(self, password: SecretStr | None) -> str | None:
        return None if password is None else password.get_secret_value()


class Spec(Strict):
    """A report: what it looks like, what is in it, and in which formats it is wanted."""

    document: Document
    blocks: list[Block] = Field(min_length=1, max_length=MAX_BLOCKS)
    datasets: dict[Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,60}$")], Dataset] = Field(
        default_factory=dict, max_length=MAX_DATASETS
    )
    formats: list[Format] = Field(default_factory=lambda: list(DEFAULT_FORMATS), min_length=1, max_length=3)
    preview: bool = Field(False, description="Also `preview.png`, the first page as a picture.")

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
