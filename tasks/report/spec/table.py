"""The table block: columns with types, totals, groups, and where the rows come from."""

from typing import Annotated, Literal

from pydantic import Field, FiniteFloat, StrictBool, model_validator

from tasks.report.spec.parts import Align, Colour, Number, Points, Strict
from tasks.validation import JsonInteger

MAX_COLUMNS = 60
MAX_INLINE_ROWS = 10_000
MAX_RULES = 20
MAX_GROUPS = 3

CellType = Literal["text", "integer", "decimal", "money", "percent", "date", "datetime", "boolean"]
Total = Literal["sum", "avg", "min", "max", "count"]
DATE_TYPES = ("date", "datetime")
FieldName = Annotated[str, Field(min_length=1, max_length=200)]
Cell = str | int | FiniteFloat | bool | None


class CellRule(Strict):
    """A rule that formats a cell by its value. The first rule that matches is used."""

    op: Literal["<", "<=", "=", "!=", ">=", ">", "contains", "empty"] = Field(
        description="The comparison of the cell with `value`."
    )
    value: Number | str | bool | None = Field(None, description="The value to compare with; not for `empty`.")
    colour: Colour | None = Field(None, description="The colour of the text.")
    background: Colour | None = Field(None, description="The colour of the background.")
    bold: StrictBool = Field(False, description="Whether the text is bold.")


class Column(Strict):
    """A column. Its type says how a value is read and written. Types are never guessed: "00123" stays text."""

    field: FieldName = Field(description="The key in the rows, or the name of the dataset's column.")
    title: str | None = Field(
        None,
        max_length=200,
        description="The heading. By default, the field. If all columns have an empty title, there is no head.",
    )
    type: CellType = Field("text", description="The type of the values.")
    format: str | None = Field(
        None,
        max_length=60,
        description="A Unicode CLDR number or date pattern (`#,##0.00`, `d MMM y`), or `short`, `medium` or `long`.",
    )
    currency: str | None = Field(
        None, pattern="^[A-Z]{3}$", description="The currency of `money`. By default, the document's."
    )
    decimals: JsonInteger | None = Field(
        None, ge=0, le=10, description="The number of decimals of `decimal`, `money` and `percent`."
    )
    align: Align | None = Field(None, description="The alignment. By default, right for numbers and dates, else left.")
    width: Literal["auto", "flex"] | Points = Field(
        "auto", description="`auto`, `flex` (a share of the rest), or points (1/72 inch)."
    )
    overflow: Literal["wrap", "clip"] = Field("wrap", description="How text wider than its column is shown.")
    total: Total | None = Field(None, description="The total in the last row and in subtotals.")
    rules: list[CellRule] = Field(default_factory=list, max_length=MAX_RULES, description="Rules to format cells.")


class Sort(Strict):
    """One key to sort by."""

    field: FieldName = Field(description="The field to sort by.")
    descending: StrictBool = Field(False, description="Whether to sort in descending order.")


class Group(Strict):
    """Groups rows with the same value of a field under a heading, with subtotals of the columns that have a total."""

    field: FieldName = Field(
        description="The field to group by. Groups come in the order of the data, those of dates by date; "
        "`sort` can name the field to order them otherwise."
    )
    by: Literal["month", "quarter", "year"] | None = Field(
        None, description="Groups dates by their month, quarter or year. By default, by what the column's format shows."
    )
    page_break: StrictBool = Field(False, description="Whether each group begins on a new page.")
    subtotals: StrictBool = Field(True, description="Whether each group ends with subtotals.")


class Table(Strict):
    """A table with either inline `rows` or a `dataset`.

    A dataset has its own column names: without `columns`, all its columns are shown as text.
    """

    type: Literal["table"] = Field("table", description="The type of the block.")
    title: str | None = Field(None, max_length=300, description="The title above the table.")
    columns: list[Column] = Field(
        default_factory=list, max_length=MAX_COLUMNS, description="The columns, from left to right."
    )
    every_column: StrictBool = Field(
        default_factory=lambda said: not said.get("columns"),
        description="Whether to show all columns of the dataset in its order: those in `columns` as described there, "
        "the others as text. The default if `columns` is empty.",
    )
    rows: list[dict[str, Cell]] | None = Field(
        None, max_length=MAX_INLINE_ROWS, description="The rows, each an object with a value for each field."
    )
    dataset: FieldName | None = Field(None, description="The name of a dataset in the spec.")
    sort: list[Sort] = Field(default_factory=list, max_length=5, description="The keys to sort the rows by.")
    group_by: list[Group] = Field(
        default_factory=list, max_length=MAX_GROUPS, description="The fields to group the rows by."
    )
    zebra: StrictBool = Field(True, description="Whether every second row has a background.")
    overflow: Literal["shrink", "columns", "landscape"] = Field(
        "shrink",
        description="What to do if the columns are wider than the page: use a smaller font size, spread them over "
        "several pages, or turn the pages to landscape.",
    )
    empty: str = Field("No rows.", max_length=200, description="The text shown instead of rows if there are none.")

    @model_validator(mode="after")
    def _one_source(self) -> "Table":
        if (self.rows is None) == (self.dataset is None):
            raise ValueError("needs either rows or dataset")
        if self.every_column and self.dataset is None:
            raise ValueError("needs columns, because only a dataset has its own column names")
        if not self.every_column and not self.columns:
            raise ValueError("needs columns, or every_column with a dataset")
        fields = [column.field for column in self.columns]
        if len(set(fields)) != len(fields):
            raise ValueError("two columns have the same field")
        types = {column.field: column.type for column in self.columns}
        for index, group in enumerate(self.group_by):
            kind = types.get(group.field, "date")
            if group.by and kind not in DATE_TYPES:
                raise ValueError(
                    f"group_by.{index} groups {group.field!r} by {group.by}, but that column has the type {kind}; "
                    "only date and datetime have periods"
                )
        return self
