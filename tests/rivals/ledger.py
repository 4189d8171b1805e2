"""The job of the report benchmark, for every rival alike: a CSV of 100,000 × 6 or fewer, as a table with a header on
each page, dark rows in turn, page x of y and embedded fonts. A rival's script is called with the CSV, the number of
rows, the PDF to write and the fonts (regular and bold); it prints what it took as a line of JSON.

It needs nothing but Python, since it runs in each rival's environment. Reading and formatting count; imports do not.
"""

import csv
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from itertools import islice

CSV, COUNT, PDF, REGULAR, BOLD = sys.argv[1:6]
TITLES = ("Number", "Date", "Region", "Customer", "Quantity", "Amount")
RIGHT = (False, True, False, False, True, True)
WIDTHS = (60.0, 70.0, 75.0, 130.0, 62.0, 90.0)
SIZE, ROW_PT, MARGIN_PT = 9, 18, 54
PAGE_PT = (595.28, 841.89)
DARK = (0.965, 0.973, 0.984)


def rows(count: int) -> Iterator[tuple[str, ...]]:
    """So many rows, read, typed and written as people read them."""
    with open(CSV, encoding="utf-8", newline="") as file:  # noqa: PTH123
        reader = csv.reader(file)
        next(reader)
        for number, day, region, customer, quantity, amount in islice(reader, count):
            when = date.fromisoformat(day)
            yield (
                number,
                f"{when:%b} {when.day}, {when.year}",
                region,
                customer,
                f"{int(quantity):,}",
                f"€{Decimal(amount):,.2f}",
            )


def measure(make: Callable[[int], None]) -> None:
    """Print CPU and wall seconds of `make`, which prints so many rows, and the peak memory, in MB.

    It prints ten rows before: what is only done once in a process is not counted.
    """
    make(10)
    wall, cpu = time.perf_counter(), time.process_time()
    make(int(COUNT))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"cpu": cpu, "wall": wall, "peak_mb": peak_mb}))  # noqa: T201
