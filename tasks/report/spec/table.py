"""The table block: columns with types, totals, groups, and where the rows come from."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, model_validator

from tasks.report.spec.parts import Align, Colour, Number, Points, Strict

MAX_COLUMNS = 60
MAX_INLINE_ROWS = 10_000
MAX_RULES = 20
MAX_GROUPS = 3

CellType = Literal["text", "integer", "decimal", "money", "percent", "date", "datetime", "boolean"]
Total = Literal["sum", "avg", "min", "max", "count"]
FieldName = Annotated[str, Field(min_length=1, max_length=200)]
Cell = str | int | FiniteFloat | bool | None


class CellRule(Strict):
    """Colours a cell by its value. `op` compares with `value`; the first rule that holds counts."""

    op: Literal["<", "<=", "=", "!=", ">=", ">", "contains", "empty"]
    value: Number | str | bool | None = None
    colour: Colour | None = None
    background: Colour | None = None
    bold: bool = False


class Column(Strict):
    """One column. Its type says how a value is read and written; nothing is ever guessed ("00123" is text)."""

    field: FieldName = Field(description="The key of the row, or the heading of the dataset's column.")
    title: str | None = Field(None, max_length=200)
    type: CellType = "text"
    format: str | None = Field(
        None,
        max_length=60,
        description="A number or date pattern of Unicode CLDR (`#,##0.00`, `d MMM y`), or `short`, `medium`, `long`.",
    )
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description="For `money`; the document's otherwise.")
    decimals: int | None = Field(None, ge=0, le=10, description="For `decimal`, `money` and `percent`.")
    align: Align | None = Field(None, description="Numbers and dates stand right, the rest left, if not said.")
    width: Literal["auto", "flex"] | Points = "auto"
    overflow: Literal["wrap", "clip"] = Field("wrap", description="What becomes of text that is wider than its column.")
    total: Total | None = None
    rules: list[CellRule] = Field(default_factory=list, max_length=MAX_RULES)


class Sort(Strict):
    """One key of the order."""

    field: FieldName
    descending: bool = False


class Group(Strict):
    """Rows with the same value of a field stand together under a heading, with subtotals of the columns that have a
    total."""

    field: FieldName
    page_break: bool = False
    subtotals: bool = True


class Table(Strict):
    """A table. Give `rows`, or the name of a dataset.

    A dataset brings its own headings: without `columns` it is shown whole, as text.
    """

    type: Literal["table"] = "table"
    title: str | None = Field(None, max_length=300)
    columns: list[Column] = Field(default_factory=list, max_length=MAX_COLUMNS)
    every_column: bool = Field(
        default_factory=lambda said: not said.get("columns"),
        description="All columns of the dataset, in its order: those in `columns` as they say, the others as text. By "
        "default where `columns` is empty.",
    )
    rows: list[dict[str, Cell]] | None = Field(None, max_length=MAX_INLINE_ROWS)
    dataset: FieldName | None = None
    sort: list[Sort] = Field(default_factory=list, max_length=5)
    group_by: list[Group] = Field(default_factory=list, max_length=MAX_GROUPS)
    zebra: bool = True
    overflow: Literal["shrink", "columns", "landscape"] = Field(
        "shrink",
        description="When the columns are wider than the page: a smaller size, the columns over several pages side by "
        "side, or pages turned to landscape.",
    )
    empty: str = Field("No rows.", max_length=200, description="RenderedReport in place of rows when there are none.")

    @model_validator(mode="after")
    def _one_source(self) -> "Table":
        if (self.rows is None) == (self.dataset is None):
            raise ValueError("give either rows or dataset")
        if self.every_column and self.dataset is None:
            raise ValueError("give columns: only a dataset has headings of its own")
        if not self.every_column and not self.columns:
            raise ValueError("give columns, or every_column with a dataset")
        fields = [column.field for column in self.columns]
        if len(set(fields)) != len(fields):
            raise ValueError("each column needs a field of its own")
        return self
