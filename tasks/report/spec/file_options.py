"""How the file of a table is read: the fields of a spec's dataset, and the query parameters of a table alike."""

import codecs
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, Field, StrictBool, WithJsonSchema

from tasks.report.spec.parts import Strict
from tasks.validation import JsonInteger

MAX_ROW: Final = 1_048_576
MAX_NULLS: Final = 20

EncodingName = Literal[
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32",
    "cp1250", "cp1251", "cp1252", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "iso-8859-2", "iso-8859-5", "iso-8859-7", "iso-8859-9", "iso-8859-15", "koi8-r", "koi8-u",
    "mac_roman", "cp437", "cp850", "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip
_NAMES: Final = {codecs.lookup(name).name: name for name in get_args(EncodingName)}
# Encodings that are read as a superset of themselves, as browsers do.
_NAMES.update({"ascii": "utf-8", "utf-8-sig": "utf-8", "iso8859-1": "cp1252", "cp932": "shift_jis"})
_NAMES.update({"gb2312": "gb18030", "gbk": "gb18030", "cp949": "euc_kr", "cp950": "big5"})


def encoding_name(given: Any) -> Any:
    """The name that this service has for an encoding, such as cp1252 for latin1; what is unknown stays as it is."""
    try:
        return _NAMES.get(codecs.lookup(given).name, given)
    except (LookupError, TypeError, ValueError):
        return given


def _sheet(given: Any) -> Any:
    if isinstance(given, bool) or not isinstance(given, int | float) or given < 1 or given % 1:
        return given
    return str(int(given))


_SHEET_SCHEMA: Final = {
    "anyOf": [{"type": "string", "maxLength": 100}, {"type": "integer", "minimum": 1}, {"type": "null"}]
}


class FileOptions(Strict):
    """How the file of a table is read. What is not said is found by looking, and told as a warning if it is unsure."""

    encoding: Annotated[EncodingName, BeforeValidator(encoding_name)] = Field(
        "utf-8",
        description="The encoding of a text file. A byte order mark goes before it. A file that is not UTF-8 is read "
        "in the encoding that its bytes and the report's language suggest, with a warning.",
    )
    delimiter: str | None = Field(
        None,
        min_length=1,
        max_length=1,
        description="The delimiter of a CSV file. By default the file's `sep=` line, or a comma, semicolon, tab or "
        "vertical bar, whichever parts its rows evenly.",
    )
    sheet: Annotated[str | None, BeforeValidator(_sheet), WithJsonSchema(_SHEET_SCHEMA)] = Field(
        None,
        max_length=100,
        description="The sheet of a workbook, by name or by number from 1. By default the first visible sheet that "
        "holds cells.",
    )
    range: str | None = Field(
        None,
        pattern=r"^[A-Za-z]{1,3}[1-9][0-9]{0,6}:[A-Za-z]{1,3}([1-9][0-9]{0,6})?$",
        description="The cells of the sheet to read, such as `B3:F200`, or `B3:F` for all rows from the third on.",
    )
    header: Literal["auto", "none"] = Field(
        "auto",
        description="`auto` looks for the row that names the columns; `none` means that there is none, and calls the "
        "columns `Column 1`, `Column 2`, … (`Column A`, … in a workbook).",
    )
    header_row: JsonInteger | None = Field(
        None, ge=1, le=MAX_ROW, description="The row of the sheet, or the line of the file, that names the columns."
    )
    skip_rows: JsonInteger = Field(
        0, ge=0, le=MAX_ROW, description="The number of rows or lines to skip at the beginning."
    )
    ragged: Literal["refuse", "fill"] = Field(
        "refuse",
        description="What to do with rows of a CSV file that have more or fewer cells than there are columns: refuse "
        "the file, or fill short rows with empty cells and give surplus cells columns of their own, with a warning.",
    )
    include_hidden: StrictBool = Field(
        False, description="Whether to read the hidden sheets, rows and columns of a workbook too."
    )
    decimal: Literal[".", ","] | None = Field(
        None,
        description="The decimal mark of numbers that are text. By default the one that the numbers of the file prove, "
        "else that of the report's language.",
    )
    thousands: Literal[",", ".", " ", "'"] | None = Field(
        None, description="The mark between groups of three digits. By default any that is not the decimal mark."
    )
    date_format: str | None = Field(
        None,
        min_length=1,
        max_length=60,
        description="The Unicode CLDR pattern of dates and date-times that are text, such as `dd.MM.yyyy` or "
        "`M/d/yy h:mm a`. By default ISO 8601.",
    )
    nulls: list[Annotated[str, Field(max_length=60)]] = Field(
        default_factory=list,
        max_length=MAX_NULLS,
        description="Texts such as `-` or `NA` that mean an empty cell in columns of numbers, dates and booleans. "
        "Columns of text show them.",
    )
