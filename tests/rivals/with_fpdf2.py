"""fpdf2's table, as its manual says."""

import ledger
from fpdf import FPDF
from fpdf.fonts import FontFace


class Document(FPDF):
    def footer(self) -> None:
        self.set_y(-30)
        self.cell(0, 10, f"{self.page_no()} / {{nb}}", align="R")


def make(count: int) -> None:
    pdf = Document(unit="pt", format=ledger.PAGE_PT)
    pdf.set_margin(ledger.MARGIN_PT)
    pdf.add_font("Sans", "", ledger.REGULAR)
    pdf.add_font("Sans", "B", ledger.BOLD)
    pdf.set_font("Sans", size=ledger.SIZE)
    pdf.add_page()
    dark = tuple(round(part * 255) for part in ledger.DARK)
    with pdf.table(
        col_widths=ledger.WIDTHS,
        text_align=tuple("RIGHT" if right else "LEFT" for right in ledger.RIGHT),
        line_height=ledger.ROW_PT,
        borders_layout="NONE",
        cell_fill_color=dark,
        cell_fill_mode="ROWS",
        headings_style=FontFace(emphasis="BOLD"),
        width=sum(ledger.WIDTHS),
    ) as table:
        table.row(ledger.TITLES)
        for row in ledger.rows(count):
            table.row(row)
    pdf.output(ledger.PDF)


ledger.measure(make)
