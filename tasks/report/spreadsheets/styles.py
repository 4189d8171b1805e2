"""The styles of a workbook's cells, numbered as they are asked for."""

from typing import Final, NamedTuple
from xml.sax.saxutils import quoteattr

_FIRST_OWN_CODE: Final = 164
_BUILT_IN: Final = {"General": 0, "0": 1, "0.00": 2, "#,##0": 3, "#,##0.00": 4}
_BORDERS: Final = (
    '<borders count="3"><border/><border><bottom style="thin"><color rgb="FF667085"/></bottom></border>'
    '<border><top style="thin"><color rgb="FF667085"/></top></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
)
_FIRST_FILLS: Final = ('<patternFill patternType="none"/>', '<patternFill patternType="gray125"/>')
"""Programs take these two for granted."""
NO_LINE, LINE_BELOW, LINE_ABOVE = range(3)


class Style(NamedTuple):
    """How a cell looks. code: of its number. literal: its text is text even when someone edits it. colour, background:
    RRGGBB, empty for none."""

    code: str = "General"
    bold: bool = False
    align: str = ""
    wrap: bool = False
    line: int = NO_LINE
    literal: bool = False
    colour: str = ""
    background: str = ""


class Styles:
    """Style -> its number in the workbook."""

    def __init__(self) -> None:
        self._styles: dict[Style, int] = {Style(): 0}

    def number(self, style: Style) -> int:
        return self._styles.setdefault(style, len(self._styles))

    def markup(self) -> str:
        """The part `styles.xml`."""
        own = dict.fromkeys(style.code for style in self._styles if style.code not in _BUILT_IN)
        codes = _BUILT_IN | {code: number for number, code in enumerate(own, start=_FIRST_OWN_CODE)}
        formats = "".join(f'<numFmt numFmtId="{codes[code]}" formatCode={quoteattr(code)}/>' for code in own)
        if own:
            formats = f'<numFmts count="{len(own)}">{formats}</numFmts>'
        fonts = dict.fromkeys(_font(style) for style in (Style(), Style(bold=True), *self._styles))
        fills = dict.fromkeys((*_FIRST_FILLS, *(_fill(style) for style in self._styles)))
        font_ids = {font: number for number, font in enumerate(fonts)}
        fill_ids = {fill: number for number, fill in enumerate(fills)}
        cells = "".join(
            _cell(style, codes[style.code], font_ids[_font(style)], fill_ids[_fill(style)]) for style in self._styles
        )
        return (
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
            '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            f'{formats}<fonts count="{len(fonts)}">{"".join(fonts)}</fonts>'
            f'<fills count="{len(fills)}">{"".join(f"<fill>{fill}</fill>" for fill in fills)}</fills>{_BORDERS}'
            f'<cellXfs count="{len(self._styles)}">{cells}</cellXfs>'
            '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
        )


def _font(style: Style) -> str:
    bold = "<b/>" if style.bold else ""
    colour = f'<color rgb="FF{style.colour}"/>' if style.colour else ""
    return f'<font>{bold}<sz val="10"/>{colour}<name val="Arial"/></font>'


def _fill(style: Style) -> str:
    if not style.background:
        return _FIRST_FILLS[0]
    return f'<patternFill patternType="solid"><fgColor rgb="FF{style.background}"/></patternFill>'


def _cell(style: Style, code: int, font: int, fill: int) -> str:
    horizontal = f' horizontal="{style.align}"' if style.align else ""
    wrap = ' wrapText="1"' if style.wrap else ""
    literal = ' quotePrefix="1"' if style.literal else ""
    return (
        f'<xf numFmtId="{code}" fontId="{font}" fillId="{fill}" borderId="{style.line}" xfId="0"{literal}'
        ' applyNumberFormat="1" applyFont="1" applyFill="1" applyBorder="1" applyAlignment="1">'
        f'<alignment{horizontal} vertical="top"{wrap}/></xf>'
    )
