"""ReportLab's LongTable: repeated header, row backgrounds; page x of y by a form that is drawn at the end."""

import ledger
from reportlab.lib.colors import Color
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import LongTable, SimpleDocTemplate, TableStyle


class Numbered(Canvas):
    """Writes the number of pages, which is known at the end, into a form that every page shows."""

    def showPage(self) -> None:  # noqa: N802 - ReportLab's
        self.setFont("Sans", 8)
        self.drawRightString(500, 30, f"{self._pageNumber} / ")
        self.saveState()
        self.translate(500, 30)
        self.doForm("pages")
        self.restoreState()
        super().showPage()

    def save(self) -> None:
        self.beginForm("pages")
        self.setFont("Sans", 8)
        self.drawString(0, 0, str(self._pageNumber - 1))
        self.endForm()
        super().save()


def make(count: int) -> None:
    pdfmetrics.registerFont(TTFont("Sans", ledger.REGULAR))
    pdfmetrics.registerFont(TTFont("Bold", ledger.BOLD))
    commands = [
        ("FONT", (0, 0), (-1, 0), "Bold", ledger.SIZE),
        ("FONT", (0, 1), (-1, -1), "Sans", ledger.SIZE),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [None, Color(*ledger.DARK)]),
    ]
    commands += [("ALIGN", (n, 0), (n, -1), "RIGHT") for n, right in enumerate(ledger.RIGHT) if right]
    table = LongTable(
        [ledger.TITLES, *ledger.rows(count)], colWidths=ledger.WIDTHS, repeatRows=1, style=TableStyle(commands)
    )
    margins = dict.fromkeys(("leftMargin", "rightMargin", "topMargin", "bottomMargin"), ledger.MARGIN_PT)
    SimpleDocTemplate(ledger.PDF, pagesize=ledger.PAGE_PT, **margins).build([table], canvasmaker=Numbered)


ledger.measure(make)
