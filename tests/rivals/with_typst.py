"""typst's table, from the compiler's own package: the rows go in as a JSON file next to the page's source."""

import json
import tempfile
from pathlib import Path

import ledger
import typst

SOURCE = """
#set page(width: {0}pt, height: {1}pt, margin: 54pt, footer: context align(right)[
  #counter(page).display() / #counter(page).final().first()
])
#set text(font: "Noto Sans", size: {2}pt)
#let rows = json("rows.json")
#table(
  columns: ({3}),
  align: (x, y) => if x in (1, 4, 5) {{ right }} else {{ left }},
  stroke: none,
  fill: (x, y) => if calc.even(y) and y > 0 {{ rgb("#f6f8fb") }},
  inset: (x: 6pt, y: 5pt),
  table.header({4}),
  ..rows.flatten(),
)
"""


def make(count: int) -> None:
    widths = ", ".join(f"{width:g}pt" for width in ledger.WIDTHS)
    header = ", ".join(f"[*{title}*]" for title in ledger.TITLES)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rows.json").write_text(json.dumps(list(ledger.rows(count))), encoding="utf-8")
        source = Path(folder) / "table.typ"
        source.write_text(SOURCE.format(*ledger.PAGE_PT, ledger.SIZE, widths, header), encoding="utf-8")
        typst.compile(str(source), output=ledger.PDF, font_paths=[str(Path(ledger.REGULAR).parent)])


ledger.measure(make)
