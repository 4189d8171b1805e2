"""The blocks of a report."""

from functools import partial
from typing import Annotated, Literal

from pydantic import Field, StrictBool, model_validator

from tasks.report.spec.parts import Align, Anchor, Colour, FileRef, Number, Points, Rich, Strict
from tasks.report.spec.table import Table
from tasks.validation import JsonInteger, JsonNumber

MAX_BLOCKS = 2_000
MAX_DEPTH = 4
MAX_SERIES = 12
MAX_POINTS = 2_000
MAX_KPIS = 12
MAX_ITEMS = 1_000
MAX_SHEET_IMAGES = 500

BLOCK_TYPE = partial(Field, description="The type of the block.")


class Heading(Strict):
    """A heading; levels 1 to 3 make the bookmarks and the table of contents."""

    type: Literal["heading"] = BLOCK_TYPE("heading")
    text: Rich = Field(description="The text, plain or as runs.")
    level: JsonInteger = Field(1, ge=1, le=4, description="The level, 1 is the largest.")
    anchor: Anchor | None = Field(None, description="A name that links can point to as `#name`.")


class Text(Strict):
    """A paragraph. A line feed in it is one on the page."""

    type: Literal["text"] = BLOCK_TYPE("text")
    text: Rich = Field(description="The text, plain or as runs.")
    align: Align = Field("left", description="The alignment of the lines.")
    style: Literal["body", "lead", "small", "note"] = Field("body", description="The size and weight of the text.")


class List(Strict):
    """A list, numbered or not."""

    type: Literal["list"] = BLOCK_TYPE("list")
    items: list[Rich] = Field(min_length=1, max_length=MAX_ITEMS, description="The items, plain or as runs.")
    ordered: StrictBool = Field(False, description="Whether the items are numbered.")


class Kpi(Strict):
    """One key figure: its label, its value as text, and how it changed."""

    label: str = Field(max_length=100, description="What the figure is.")
    value: str = Field(max_length=60, description="The figure as text, with its unit.")
    change: str | None = Field(None, max_length=60, description="How it changed, as text.")
    trend: Literal["up", "down", "flat"] | None = Field(None, description="The arrow beside the change.")
    good: StrictBool | None = Field(None, description="Whether the change is good: shown in green, otherwise in red.")


class Kpis(Strict):
    """A row of figures."""

    type: Literal["kpis"] = BLOCK_TYPE("kpis")
    items: list[Kpi] = Field(min_length=1, max_length=MAX_KPIS, description="The figures, from left to right.")


class Series(Strict):
    """The values of a chart, one for each category or x value."""

    name: str = Field("", max_length=100, description="The name in the legend.")
    values: list[Number | None] = Field(max_length=MAX_POINTS, description="The values; null is a gap.")
    x: list[Number] | None = Field(None, max_length=MAX_POINTS, description="The x values, for `scatter` only.")
    colour: Colour | None = Field(None, description="`#rrggbb`, or a colour of the theme. Chosen by default.")


class Chart(Strict):
    """A chart. `pie` and `donut` take one series; negative slices are refused."""

    type: Literal["chart"] = BLOCK_TYPE("chart")
    kind: Literal["bar", "stacked_bar", "line", "area", "pie", "donut", "scatter"] = Field(
        description="The kind of chart."
    )
    title: str | None = Field(None, max_length=300, description="The title above the chart.")
    categories: list[str] = Field(
        default_factory=list, max_length=MAX_POINTS, description="The labels of the values; not for `scatter`."
    )
    series: list[Series] = Field(max_length=MAX_SERIES, description="The series of values.")
    height: Points = Field(200, ge=80, le=700, description="The height in points (1/72 inch).")
    format: str | None = Field(None, max_length=60, description="A CLDR number pattern for values and ticks.")
    x_title: str | None = Field(None, max_length=100, description="The title of the x axis, for `scatter` only.")
    y_title: str | None = Field(None, max_length=100, description="The title of the y axis.")
    labels: StrictBool | None = Field(
        None, description="Whether the values are written at the marks. By default, where there is room."
    )

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

    type: Literal["image"] = BLOCK_TYPE("image")
    source: FileRef = Field(description="The image.")
    width: Points | None = Field(None, gt=0, description="The width in points (1/72 inch). By default, its own.")
    align: Align = Field("left", description="The alignment on the page.")
    caption: str | None = Field(None, max_length=500, description="A caption below the image.")


class SheetImage(Strict):
    """One picture of a contact sheet."""

    source: FileRef = Field(description="The image.")
    caption: str | None = Field(None, max_length=200, description="A caption below the image.")


class ContactSheet(Strict):
    """Many pictures in a grid, over as many pages as they need."""

    type: Literal["contact_sheet"] = BLOCK_TYPE("contact_sheet")
    images: list[SheetImage] = Field(min_length=1, max_length=MAX_SHEET_IMAGES, description="The images, in order.")
    columns: JsonInteger = Field(4, ge=1, le=10, description="The number of images in a row.")


class PageBreak(Strict):
    """What follows begins on a new page."""

    type: Literal["page_break"] = BLOCK_TYPE("page_break")


class Rule(Strict):
    """A thin line across."""

    type: Literal["rule"] = BLOCK_TYPE("rule")
    colour: Colour | None = Field(None, description="`#rrggbb`, or a colour of the theme.")


class Section(Strict):
    """Blocks on pages of their own orientation."""

    type: Literal["section"] = BLOCK_TYPE("section")
    orientation: Literal["portrait", "landscape"] = Field(description="The orientation of its pages.")
    blocks: list["Block"] = Field(max_length=MAX_BLOCKS, description="The blocks of the section.")


class Columns(Strict):
    """Blocks side by side. Columns that are higher than a page go on over pages, each at its own pace."""

    type: Literal["columns"] = BLOCK_TYPE("columns")
    columns: list[list["Block"]] = Field(min_length=1, max_length=4, description="The blocks of each column.")
    weights: list[Annotated[JsonNumber, Field(gt=0, le=100)]] | None = Field(
        None, description="The widths of the columns relative to each other. By default, equal."
    )
    gap: Points = Field(18, description="The space between columns in points (1/72 inch).")


Block = Annotated[
    Heading | Text | List | Kpis | Table | Chart | Image | ContactSheet | PageBreak | Rule | Section | Columns,
    Field(discriminator="type"),
]
