"""Our own press under measurement, one thing at a time in a process of its own: prints what it took as a line of JSON.

`table CSV COUNT PDF`, `japanese CSV COUNT PDF`, `page PDF`, `many PDF`, `money CSV`. What the sandbox has loaded before
it is given work is not counted.
"""

import json
import resource
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from tasks.report.data.open_source import DatasetFile
from tasks.report.data.rows import ReadOptions, TextCount, open_rows
from tasks.report.formats.columns import locale_of
from tasks.report.render import render
from tasks.report.render_job import RenderJob
from tasks.report.spec.document import Spec
from tasks.report.spec.structs import TableBlock, decode_spec
from tools.samples import LIMITS

COLUMNS: list[dict[str, Any]] = [
    {"field": "number", "title": "Number"},
    {"field": "date", "title": "Date", "type": "date"},
    {"field": "region", "title": "Region"},
    {"field": "customer", "title": "Customer"},
    {"field": "quantity", "title": "Quantity", "type": "integer"},
    {"field": "amount", "title": "Amount", "type": "money"},
]
DATASETS = {"rows": {"upload": "0" * 32, "format": "csv"}}
PAGE: list[dict[str, Any]] = [
    {"type": "heading", "text": "The third quarter"},
    {"type": "text", "text": "Revenue grew in every region, in the north most of all. " * 6},
    {
        "type": "chart",
        "kind": "bar",
        "title": "Revenue by month",
        "categories": ["July", "August", "September"],
        "series": [{"name": "2025", "values": [310, 285, 402]}, {"name": "2026", "values": [355, 371, 468]}],
    },
    {
        "type": "table",
        "columns": [*COLUMNS[2:4], {**COLUMNS[5], "total": "sum"}],
        "rows": [{"region": "North", "customer": f"Customer {n}", "amount": f"{n * 37}.50"} for n in range(12)],
    },
]
ROUNDS, WARM_UPS, MANY, WARM_UP_ROWS = 30, 3, 100, 10


def main(verb: str, *arguments: str) -> None:
    verbs: dict[str, Callable[..., dict[str, float]]] = {
        "table": table,
        "japanese": japanese,
        "page": page,
        "many": many,
        "money": money,
    }
    print(json.dumps(verbs[verb](*arguments)))  # noqa: T201


def table(csv: str, count: str, pdf: str) -> dict[str, float]:
    """A table of a dataset, as the rivals print it."""
    return printed_table(COLUMNS, "en", csv, int(count), pdf)


def japanese(csv: str, count: str, pdf: str) -> dict[str, float]:
    """The same with Japanese texts, most of which take several lines."""
    columns = [column if column["field"] != "amount" else {**column, "currency": "JPY"} for column in COLUMNS]
    return printed_table(columns, "ja", csv, int(count), pdf)


def page(pdf: str) -> dict[str, float]:
    """One page with a chart, as often as it takes to know. first: what the first one takes."""
    made = job(PAGE, "en")
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        printed(made, pdf)
        took.append(1000 * (time.perf_counter() - began))
    return {"first_ms": took[0], "ms": statistics.median(took)}


def many(pdf: str) -> dict[str, float]:
    """How much the process grows over many small reports, after the first few."""
    made = job(PAGE, "en")
    for _ in range(WARM_UPS):
        printed(made, pdf)
    before = resident_mb()
    for _ in range(MANY):
        printed(made, pdf)
    return {"grown_mb": resident_mb() - before}


def money(csv: str) -> dict[str, float]:
    """By how many cents the subtotals and the total of a table differ from those counted in whole cents."""
    columns = [COLUMNS[2], {**COLUMNS[5], "total": "sum", "format": "0.00"}]
    block = {"type": "table", "dataset": "rows", "columns": columns, "group_by": [{"field": "region"}]}
    made = job([block], "en", csv)
    cents: dict[str, int] = {}
    with Path(csv).open(encoding="utf-8") as file:
        next(file)
        for line in file:
            fields = line.rstrip("\n").split(",")
            cents[fields[2]] = cents.get(fields[2], 0) + int(fields[5].replace(".", ""))
    datasets = {"rows": DatasetFile(made.spec.datasets["rows"], csv)}
    text = TextCount(LIMITS.max_report_text_mb)
    options = ReadOptions(datasets, locale_of(made.spec.document), LIMITS, str(Path(csv).parent), silent, text)
    (table,) = made.spec.blocks
    assert isinstance(table, TableBlock)
    rows = open_rows(table, options, lambda *_: None)
    expected = {"Total": sum(cents.values())} | {f"Total {region}": amount for region, amount in cents.items()}
    labels, amounts = zip(
        *((batch.columns[0][0], batch.columns[1][0]) for batch in rows.batches() if "total" in batch.kind), strict=True
    )
    found = {label: int(amount.replace(".", "")) for label, amount in zip(labels, amounts, strict=True)}
    off = sum(abs(found[label] - amount) for label, amount in expected.items())
    return {"off_cents": off, "totals": len(found), "rows": rows.count}


def job(blocks: list[dict[str, Any]], lang: str, csv: str = "") -> RenderJob:
    document = {"title": "Ledger", "lang": lang, "header": None}
    datasets = DATASETS if csv else {}
    spec = Spec.model_validate({"document": document, "blocks": blocks, "datasets": datasets})
    return RenderJob(
        spec=decode_spec(spec.model_dump_json().encode()),
        datasets={"rows": csv} if csv else {},
        images={},
        limits=LIMITS,
        now=datetime(2026, 11, 20, 12, tzinfo=UTC),
    )


def silent(done: int, total: int, note: str = "") -> None:
    """Progress that nobody asked for."""


def printed(made: RenderJob, pdf: str) -> None:
    render(made, str(Path(pdf).parent), report=silent)


def printed_table(columns: list[dict[str, Any]], lang: str, csv: str, count: int, pdf: str) -> dict[str, float]:
    """CPU and wall seconds, and the peak memory in MB. Like each rival it has printed ten rows before."""
    few = Path(pdf).with_suffix(".csv")
    with Path(csv).open(encoding="utf-8") as file:
        few.write_text("".join(islice(file, WARM_UP_ROWS + 1)), encoding="utf-8")
    block = {"type": "table", "dataset": "rows", "columns": columns}
    printed(job([block], lang, str(few)), pdf)
    made = job([block], lang, csv)
    wall, cpu = time.perf_counter(), time.process_time()
    printed(made, pdf)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"cpu": cpu, "wall": wall, "rows_s": count / cpu, "peak_mb": peak_mb}


def resident_mb() -> float:
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
