"""WeasyPrint, from an HTML table."""

from html import escape
from pathlib import Path

import ledger
from weasyprint import HTML
from weasyprint.text.fonts import FontConfiguration

STYLE = """
@font-face {{ font-family: Sans; src: url({regular}) }}
@font-face {{ font-family: Sans; font-weight: bold; src: url({bold}) }}
@page {{ size: 595.28pt 841.89pt; margin: 54pt; @bottom-right {{ content: counter(page) " / " counter(pages) }} }}
table {{ font: 9pt Sans; border-collapse: collapse; table-layout: fixed; width: 487pt }}
td, th {{ padding: 0 6pt; height: 18pt; text-align: left }}
tr :nth-child(2), tr :nth-child(5), tr :nth-child(6) {{ text-align: right }}
tbody tr:nth-child(even) {{ background: #f6f8fb }}
"""


def make(count: int) -> None:
    style = STYLE.format(regular=Path(ledger.REGULAR).as_uri(), bold=Path(ledger.BOLD).as_uri())
    columns = "".join(f'<col style="width:{width:g}pt">' for width in ledger.WIDTHS)
    head = "".join(f"<th>{title}</th>" for title in ledger.TITLES)
    body = "".join("<tr>" + "".join(f"<td>{escape(text)}</td>" for text in row) + "</tr>" for row in ledger.rows(count))
    table = f"<table>{columns}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    HTML(string=f"<style>{style}</style>{table}").write_pdf(ledger.PDF, font_config=FontConfiguration())


ledger.measure(make)
