"""The blocks of a report."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tasks.report.spec.parts import Align, Anchor, Colour, FileRef, Number, Points, Rich, Strict
from tasks.report.spec.table import Table

MAX_BLOCKS = 2_000
MAX_DEPTH = 4
MAX_SERIES = 12
MAX_POINTS = 2_000
MAX_KPIS = 12
MAX_ITEMS = 1_000
MAX_SHEET_IMAGES = 500


class Heading(Strict):
    """A heading; levels 1 to 3 make the bookmarks and the table of contents."""

    type: Literal["heading"] = "heading"
    text: Rich
    level: int = Field(1, ge=1, le=4)
    anchor: Anchor | None = None


class Text(Strict):
    """A paragraph. A line feed in it is one on the page."""

    type: Literal["text"] = "text"
    text: Rich
    align: Align = "left"
    style: Literal["body", "lead", "small", "note"] = "body"


class List(Strict):
    """A list, numbered or not."""

    type: Literal["list"] = "list"
    items: list[Rich] = Field(min_length=1, max_length=MAX_ITEMS)
    ordered: bool = False


class Kpi(Strict):
    """One figure that matters: its label, its value as text, and how it changed."""

    label: str = Field(max_length=100)
    value: str = Field(max_length=60)
    change: str | None = Field(None, max_length=60)
    trend: Literal["up", "down", "flat"] | None = None
    good: bool | None = Field(None, description="Whether the change is good news: it is green then, red otherwise.")


class Kpis(Strict):
    """A row of figures."""

    type: Literal["kpis"] = "kpis"
    items: list[Kpi] = Field(min_length=1, max_length=MAX_KPIS)


class Series(Strict):
    """Values of a chart, one for each category (or x); null is a gap."""

    name: str = Field("", max_length=100)
    values: list[Number | None] = Field(max_length=MAX_POINTS)
    x: list[Number] | None = Field(None, max_length=MAX_POINTS, description="For `scatter` only.")
    colour: Colour | None = None


class Chart(Strict):
    """A chart. `pie` and `donut` take one series; negative slices are refused."""

    type: Literal["chart"] = "chart"
    kind: Literal["bar", "stacked_bar", "line", "area", "pie", "donut", "scatter"]
    title: str | None = Field(None, max_length=300)
    categories: list[str] = Field(default_factory=list, max_length=MAX_POINTS)
    series: list[Series] = Field(max_length=MAX_SERIES)
    height: Points = Field(200, ge=80, le=700)
    format: str | None = Field(None, max_length=60, description="A CLDR number pattern for values and ticks.")
    x_title: str | None = Field(None, max_length=100, description="For `scatter` only.")
    y_title: str | None = Field(None, max_length=100)
    labels: bool | None = Field(None, description="Values at the marks; by default where there is room for them.")

    @model_validator(mode="after")
    def _fits(self) -> "Chart":
        for series in self.series:
            if self.kind == "scatter":
                if series.x is None or len(series.x) != len(series.values):
                    raise ValueError("scatter needs an x for each value")
            elif len(series.values) != len(self.categories):
                raise ValueError(
                    f"series {series.name!r} has {len(series.values)} values for {len(self.categories)} categories"
                )
        if self.kind in ("pie", "donut"):
            if len(self.series) > 1:
                raise ValueError(f"{self.kind} takes one series")
            if any(value is not None and value < 0 for series in self.series for value in series.values):
                raise ValueError(f"{self.kind} takes no negative values")
        return self


class Image(Strict):
    """A picture with its proportions kept."""

    type: Literal["image"] = "image"
    source: FileRef
    width: Points | None = Field(None, gt=0)
    align: Align = "left"
    caption: str | None = Field(None, max_length=500)


class SheetImage(Strict):
    """One picture of a contact sheet."""

    source: FileRef
    caption: str | None = Field(None, max_length=200)


class ContactSheet(Strict):
    """Many pictures in a grid, over as many pages as they need."""

    type: Literal["contact_sheet"] = "contact_sheet"
    images: list[SheetImage] = Field(min_length=1, max_length=MAX_SHEET_IMAGES)
    columns: int = Field(4, ge=1, le=10)


class PageBreak(Strict):
    """What follows begins on a new page."""

    type: Literal["page_break"] = "page_break"


class Rule(Strict):
    """A thin line across."""

    type: Literal["rule"] = "rule"
    colour: Colour | None = None


class Section(Strict):
    """Blocks on pages of their own orientation."""

    type: Literal["section"] = "section"
    orientation: Literal["portrait", "landscape"]
    blocks: list["Block"] = Field(max_length=MAX_BLOCKS)


class Columns(Strict):
    """Blocks side by side. Tables in columns take inline rows only; nothing in them breaks over pages."""

    type: Literal["columns"] = "columns"
    columns: list[list["Block"]] = Field(min_length=1, max_length=4)
    weights: list[Annotated[float, Field(gt=0, le=100)]] | None = None
    gap: Points = 18


Block = Annotated[
    Heading | Text | List | Kpis | Table | Chart | Image | ContactSheet | PageBreak | Rule | Section | Columns,
    Field(discriminator="type"),
]
