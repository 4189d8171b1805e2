"""The number formats that a workbook names by a number alone."""

from typing import Final

from babel import Locale

_MONEY: Final = '"$"#,##0_);\\("$"#,##0\\)'
_CENTS: Final = '"$"#,##0.00_);\\("$"#,##0.00\\)'
_ACCOUNT: Final = '_(* #,##0_);_(* \\(#,##0\\);_(* "-"_);_(@_)'
_ACCOUNT_CENTS: Final = '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)'
_CODES: Final = {
    0: "General", 1: "0", 2: "0.00", 3: "#,##0", 4: "#,##0.00", 5: _MONEY, 6: _MONEY, 7: _CENTS, 8: _CENTS,
    9: "0%", 10: "0.00%", 11: "0.00E+00", 12: "# ?/?", 13: "# ??/??", 15: "d-mmm-yy", 16: "d-mmm", 17: "mmm-yy",
    18: "h:mm AM/PM", 19: "h:mm:ss AM/PM", 20: "h:mm", 21: "h:mm:ss", 37: "#,##0_);\\(#,##0\\)",
    38: "#,##0_);\\(#,##0\\)", 39: "#,##0.00_);\\(#,##0.00\\)", 40: "#,##0.00_);\\(#,##0.00\\)",
    41: _ACCOUNT, 42: _ACCOUNT.replace("* #", '* "$"#'),
    43: _ACCOUNT_CENTS, 44: _ACCOUNT_CENTS.replace("* #", '* "$"#'),
    45: "mm:ss", 46: "[h]:mm:ss", 47: "mm:ss.0", 48: "##0.0E+0", 49: "@",
}  # fmt: skip
_SHORT_DATES: Final = frozenset({14, *range(27, 37), *range(50, 59)})
"""The short date of the one who opens the workbook, and those that the editions for East Asia have in its place."""
_SHORT_DATE_AND_TIME: Final = 22


def built_in_code(number: int, locale: Locale) -> str:
    """The format with a number. The short date is that of the report's language, with four digits of the year."""
    if number in _SHORT_DATES:
        return _short_date(locale)
    if number == _SHORT_DATE_AND_TIME:
        return f"{_short_date(locale)} h:mm"
    return _CODES.get(number, "General")


def _short_date(locale: Locale) -> str:
    pattern = str(locale.date_formats["short"].pattern).replace("'", "").lower()
    return pattern if "yyyy" in pattern else pattern.replace("yy", "y").replace("y", "yyyy")
