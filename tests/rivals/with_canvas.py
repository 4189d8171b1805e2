"""A bare loop over ReportLab's canvas that knows all widths and places beforehand."""

import ledger
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

LEFTS = [ledger.MARGIN_PT + sum(ledger.WIDTHS[:n]) for n in range(6)]
HEIGHT = ledger.PAGE_PT[1]
PER_PAGE = int((HEIGHT - 2 * ledger.MARGIN_PT) / ledger.ROW_PT) - 1


def make(count: int) -> None:
    pdfmetrics.registerFont(TTFont("Sans", ledger.REGULAR))
    pdfmetrics.registerFont(TTFont("Bold", ledger.BOLD))
    canvas = Canvas(ledger.PDF, pagesize=ledger.PAGE_PT, pageCompression=1)
    pages = -(-count // PER_PAGE)
    rows = ledger.rows(count)
    for page in range(1, pages + 1):
        top = HEIGHT - ledger.MARGIN_PT - ledger.ROW_PT
        canvas.setFillColorRGB(*ledger.DARK)
        for dark in range(1, PER_PAGE, 2):
            canvas.rect(LEFTS[0], top - (dark + 1) * ledger.ROW_PT, sum(ledger.WIDTHS), ledger.ROW_PT, 0, 1)
        canvas.setFillColorRGB(0, 0, 0)
        canvas.setFont("Bold", ledger.SIZE)
        write(canvas, top, ledger.TITLES)
        canvas.setFont("Sans", ledger.SIZE)
        for line, row in zip(range(1, PER_PAGE + 1), rows, strict=False):
            write(canvas, top - line * ledger.ROW_PT, row)
        canvas.drawRightString(540, 30, f"{page} / {pages}")
        canvas.showPage()
    canvas.save()


def write(canvas: Canvas, y: float, row: tuple[str, ...]) -> None:
    for left, width, right, text in zip(LEFTS, ledger.WIDTHS, ledger.RIGHT, row, strict=True):
        if right:
            canvas.drawRightString(left + width - 6, y + 6, text)
        else:
            canvas.drawString(left + 6, y + 6, text)


ledger.measure(make)
