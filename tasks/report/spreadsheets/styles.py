"""The styles of a workbook's cells, numbered as they are asked for."""

from typing import Final, NamedTuple
from xml.sax.saxutils import quoteattr

_FIRST_OWN_CODE: Final = 164
_BUILT_IN: Final = {"General": 0, "0": 1, "0.00": 2, "#,##0": 3, "#,##0.00": 4}
_PARTS: Final = (
    '<fonts count="2"><font><sz val="10"/><name val="Arial"/></font>'
    '<font><b/><sz val="10"/><name val="Arial"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="3"><border/><border><bottom style="thin"><color rgb="FF667085"/></bottom></border>'
    '<border><top style="thin"><color rgb="FF667085"/></top></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
)
NO_LINE, LINE_BELOW, LINE_ABOVE = range(3)


class Style(NamedTuple):
    """How a cell looks. code: of its number. literal: its text is text even when someone edits it."""

    code: str = "General"
    bold: bool = False
    align: str = ""
    wrap: bool = False
    line: int = NO_LINE
    literal: bool = False


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
        cells = "".join(_cell(style, codes[style.code]) for style in self._styles)
        if own:
            formats = f'<numFmts count="{len(own)}">{formats}</numFmts>'
        return (
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
            '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            f'{formats}{_PARTS}<cellXfs count="{len(self._styles)}">{cells}</cellXfs>'
            '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
        )


def _cell(style: Style, code: int) -> str:
    horizontal = f' horizontal="{style.align}"' if style.align else ""
    wrap = ' wrapText="1"' if style.wrap else ""
    literal = ' quotePrefix="1"' if style.literal else ""
    return (
        f'<xf numFmtId="{code}" fontId="{int(style.bold)}" fillId="0" borderId="{style.line}" xfId="0"{literal}'
        ' applyNumberFormat="1" applyFont="1" applyBorder="1" applyAlignment="1">'
        f'<alignment{horizontal} vertical="top"{wrap}/></xf>'
    )
