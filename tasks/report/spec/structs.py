"""The report spec as typed structs: what the engine reads, in the sandbox and in the worker.

The API checks a request with the models of this folder and stores their JSON. Here that JSON is decoded once, straight
into structs, and every later reader has names and types that mypy knows. Fields and defaults are those of the models,
as a test holds. A field that is not known is passed over, and one that is missing has its default: during a deploy
jobs of older and newer processes are read.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec
from msgspec import Struct

from tasks.report.spec.paper import PAGE_SIZES


class RunSpec(Struct, frozen=True):
    """A stretch of text in one style (`TextRun`)."""

    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False
    colour: str | None = None
    link: str | None = None


RichText = str | tuple[RunSpec, ...]
"""Plain text, or runs."""


class PictureRef(Struct, frozen=True):
    """A picture: an upload, or a file of an earlier job (`FileRef`)."""

    upload: str | None = None
    job: str | None = None
    file: str | None = None

    @property
    def key(self) -> str:
        """Under which key `RenderJob.images` has its path."""
        return self.upload or f"{self.job}/{self.file}"


# The document


class MarginsSpec(Struct, frozen=True):
    """Points from the page's edges to its content."""

    top: float = 64
    right: float = 54
    bottom: float = 60
    left: float = 54


class PageSpec(Struct, frozen=True):
    """The paper (`PageSetup`). size: a name of `PAGE_SIZES`, or width and height in points."""

    size: str | tuple[float, float] = "A4"
    orientation: Literal["portrait", "landscape"] = "portrait"
    margins: MarginsSpec = MarginsSpec()

    @property
    def points(self) -> tuple[float, float]:
        """Width and height, not yet turned as `orientation` says."""
        return PAGE_SIZES[self.size] if isinstance(self.size, str) else self.size


class ThemeSpec(Struct, frozen=True):
    """Colours as `#rrggbb`, and how close everything stands (`Theme`)."""

    accent: str = "#1f5fa8"
    accent2: str = "#d9822b"
    density: Literal["comfortable", "compact"] = "comfortable"


class BandSpec(Struct, frozen=True):
    """Header or footer: the texts of its three places (`Band`)."""

    left: str = ""
    center: str = ""
    right: str = ""


class CoverSpec(Struct, frozen=True):
    """A first page of its own (`Cover`)."""

    subtitle: str | None = None
    author: str | None = None
    logo: PictureRef | None = None


class TocSpec(Struct, frozen=True):
    """A table of contents after the cover (`Toc`). depth: the lowest level of headings that it lists."""

    title: str = "Contents"
    depth: int = 2


class DocumentSpec(Struct, frozen=True):
    """Everything about the report that is no block (`Document`)."""

    title: str
    lang: str = "en"
    timezone: str = "UTC"
    currency: str = "EUR"
    page: PageSpec = PageSpec()
    theme: ThemeSpec = ThemeSpec()
    header: BandSpec | None = BandSpec(left="{title}", right="{date}")
    footer: BandSpec | None = BandSpec(right="{page} / {pages}")
    cover: CoverSpec | None = None
    toc: TocSpec | None = None
    watermark: str | None = None
    author: str | None = None
    subject: str | None = None
    keywords: tuple[str, ...] = ()
    reproducible: bool = False
    password: str | None = None


class DatasetSpec(Struct, frozen=True):
    """How an uploaded file is read as a table (`Dataset`)."""

    upload: str
    format: str
    encoding: str = "utf-8"
    delimiter: str | None = None
    sheet: str | None = None
    range: str | None = None
    header: Literal["auto", "none"] = "auto"
    header_row: int | None = None
    skip_rows: int = 0
    ragged: Literal["refuse", "fill"] = "refuse"
    include_hidden: bool = False
    decimal: str | None = None
    thousands: str | None = None
    date_format: str | None = None
    nulls: tuple[str, ...] = ()


# Text blocks


class HeadingBlock(Struct, frozen=True, tag="heading"):
    """A heading; levels 1 to 3 are in the outline."""

    text: RichText
    level: int = 1
    anchor: str | None = None


class TextBlock(Struct, frozen=True, tag="text"):
    """A paragraph."""

    text: RichText
    align: Literal["left", "center", "right"] = "left"
    style: Literal["body", "lead", "small", "note"] = "body"


class ListBlock(Struct, frozen=True, tag="list"):
    """A list, numbered or not."""

    items: tuple[RichText, ...]
    ordered: bool = False


class KpiSpec(Struct, frozen=True):
    """One figure: its label, its value as text, and how it changed (`Kpi`)."""

    label: str
    value: str
    change: str | None = None
    trend: Literal["up", "down", "flat"] | None = None
    good: bool | None = None


class KpisBlock(Struct, frozen=True, tag="kpis"):
    """A row of figures."""

    items: tuple[KpiSpec, ...]


# Tables

CellType = Literal["text", "integer", "decimal", "money", "percent", "date", "datetime", "boolean"]
TotalKind = Literal["sum", "avg", "min", "max", "count"]
CellValue = str | int | float | bool | None


class CellRuleSpec(Struct, frozen=True):
    """Colours a cell by its value (`CellRule`)."""

    op: Literal["<", "<=", "=", "!=", ">=", ">", "contains", "empty"]
    value: float | str | bool | None = None
    colour: str | None = None
    background: str | None = None
    bold: bool = False


class ColumnSpec(Struct, frozen=True):
    """One column of a table (`Column`). width: points, where it is no word."""

    field: str
    title: str | None = None
    type: CellType = "text"
    format: str | None = None
    currency: str | None = None
    decimals: int | None = None
    align: Literal["left", "center", "right"] | None = None
    width: Literal["auto", "flex"] | float = "auto"
    overflow: Literal["wrap", "clip"] = "wrap"
    total: TotalKind | None = None
    rules: tuple[CellRuleSpec, ...] = ()


class SortSpec(Struct, frozen=True):
    """One key to sort by (`Sort`)."""

    field: str
    descending: bool = False


class GroupSpec(Struct, frozen=True):
    """Rows with the same value of a field stand together (`Group`)."""

    field: str
    by: Literal["month", "quarter", "year"] | None = None
    page_break: bool = False
    subtotals: bool = True


class TableBlock(Struct, frozen=True, tag="table"):
    """A table: of `rows`, or of a dataset."""

    title: str | None = None
    columns: tuple[ColumnSpec, ...] = ()
    every_column: bool = False
    rows: tuple[dict[str, CellValue], ...] | None = None
    dataset: str | None = None
    sort: tuple[SortSpec, ...] = ()
    group_by: tuple[GroupSpec, ...] = ()
    zebra: bool = True
    overflow: Literal["shrink", "columns", "landscape"] = "shrink"
    empty: str = "No rows."


# Charts and pictures


class SeriesSpec(Struct, frozen=True):
    """Values of a chart, one for each category or x; None is a gap (`Series`)."""

    values: tuple[float | None, ...]
    name: str = ""
    x: tuple[float, ...] | None = None
    colour: str | None = None


ChartKind = Literal["bar", "stacked_bar", "line", "area", "pie", "donut", "scatter"]


class ChartBlock(Struct, frozen=True, tag="chart"):
    """A chart. height: points."""

    kind: ChartKind
    series: tuple[SeriesSpec, ...]
    title: str | None = None
    categories: tuple[str, ...] = ()
    height: float = 200
    format: str | None = None
    x_title: str | None = None
    y_title: str | None = None
    labels: bool | None = None


class ImageBlock(Struct, frozen=True, tag="image"):
    """A picture with its proportions kept. width: points."""

    source: PictureRef
    width: float | None = None
    align: Literal["left", "center", "right"] = "left"
    caption: str | None = None


class SheetImageSpec(Struct, frozen=True):
    """One picture of a contact sheet (`SheetImage`)."""

    source: PictureRef
    caption: str | None = None


class ContactSheetBlock(Struct, frozen=True, tag="contact_sheet"):
    """Many pictures in a grid. columns: how many stand side by side."""

    images: tuple[SheetImageSpec, ...]
    columns: int = 4


# Blocks that hold or part others


class PageBreakBlock(Struct, frozen=True, tag="page_break"):
    """What follows begins on a new page."""


class RuleBlock(Struct, frozen=True, tag="rule"):
    """A thin line across."""

    colour: str | None = None


class SectionBlock(Struct, frozen=True, tag="section"):
    """Blocks on pages of their own orientation."""

    orientation: Literal["portrait", "landscape"]
    blocks: tuple["ReportBlock", ...]


class ColumnsBlock(Struct, frozen=True, tag="columns"):
    """Blocks side by side. gap: points between them."""

    columns: tuple[tuple["ReportBlock", ...], ...]
    weights: tuple[float, ...] | None = None
    gap: float = 18


ReportBlock = (
    HeadingBlock
    | TextBlock
    | ListBlock
    | KpisBlock
    | TableBlock
    | ChartBlock
    | ImageBlock
    | ContactSheetBlock
    | PageBreakBlock
    | RuleBlock
    | SectionBlock
    | ColumnsBlock
)


class ReportSpec(Struct, frozen=True):
    """A whole report (`Spec`)."""

    document: DocumentSpec
    blocks: tuple[ReportBlock, ...]
    datasets: dict[str, DatasetSpec] = {}
    formats: tuple[Literal["pdf", "xlsx", "csv"], ...] = ("pdf",)
    preview: bool = False


def decode_spec(text: bytes | msgspec.Raw) -> ReportSpec:
    """The spec whose JSON the API has stored.

    Raises:
        msgspec.ValidationError: It is no spec.
    """
    return msgspec.json.decode(text, type=ReportSpec)


def all_blocks(blocks: tuple[ReportBlock, ...], path: str = "blocks") -> Iterator[tuple[str, ReportBlock]]:
    """Every block, however deep, each with its path in the spec, such as `blocks.3.columns.0.1`."""
    for number, block in enumerate(blocks):
        here = f"{path}.{number}"
        yield here, block
        if isinstance(block, SectionBlock):
            yield from all_blocks(block.blocks, f"{here}.blocks")
        elif isinstance(block, ColumnsBlock):
            for index, column in enumerate(block.columns):
                yield from all_blocks(column, f"{here}.columns.{index}")


def picture_refs(spec: ReportSpec) -> Iterator[tuple[str, PictureRef]]:
    """Every picture that a spec names, each with the path of its field."""
    if spec.document.cover and spec.document.cover.logo:
        yield "document.cover.logo", spec.document.cover.logo
    for path, block in all_blocks(spec.blocks):
        if isinstance(block, ImageBlock):
            yield f"{path}.source", block.source
        elif isinstance(block, ContactSheetBlock):
            for index, image in enumerate(block.images):
                yield f"{path}.images.{index}.source", image.source
