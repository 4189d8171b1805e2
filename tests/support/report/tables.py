"""Makers of test tables: the spec's dicts with every field, and datasets of any size."""

import csv
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tasks.report.data.rows import TableRows, open_rows
from tasks.report.spec.document import Dataset, Document
from tasks.report.spec.table import Table

LIMITS: Final = {"max_report_rows": 1_000_000, "max_report_cells": 20_000_000, "max_cell_chars": 10_000}
LEDGER: Final[list[dict[str, Any]]] = [
    {"field": "id"},
    {"field": "date", "type": "date"},
    {"field": "region"},
    {"field": "customer"},
    {"field": "quantity", "type": "integer"},
    {"field": "amount", "type": "money"},
]
"""Columns of `ledger`: text, a date, text that repeats, text that does not, an integer and money."""
REGIONS: Final = ("North", "South", "East", "West", "Overseas", "Île-de-France", "東京", "大阪")


def document(**said: Any) -> dict[str, Any]:
    """A document as the child gets it; what is not said has its default."""
    return Document.model_validate({"title": "Test", **said}).model_dump(mode="json")


def table(columns: Sequence[Mapping[str, Any]], **said: Any) -> dict[str, Any]:
    """A table block as the child gets it. Without `rows` or `dataset` it reads the dataset `data`."""
    if "rows" not in said:
        said.setdefault("dataset", "data")
    return Table.model_validate({"columns": columns, **said}).model_dump(mode="json")


def dataset(path: Path, **said: Any) -> dict[str, dict[str, Any]]:
    """The dataset `data`, of the format that the name of its file ends in."""
    described = Dataset.model_validate({"upload": "0" * 32, "format": path.suffix[1:], **said}).model_dump(mode="json")
    return {"data": {**described, "path": str(path)}}


def ledger(count: int, seed: int = 1) -> Iterator[list[str]]:
    """Rows for LEDGER, the same for the same seed, in no order. An id has zeros in front."""
    chance = random.Random(seed)  # noqa: S311 - test data
    for number in range(count):
        cents = chance.randint(-5_000_00, 250_000_00)
        yield [
            f"{number:07d}",
            f"20{chance.randint(20, 26)}-{chance.randint(1, 12):02d}-{chance.randint(1, 28):02d}",
            chance.choice(REGIONS),
            f"Customer {chance.randint(1, 50_000)} & Sons",
            str(chance.randint(1, 5_000)),
            f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}",
        ]


def write_csv(path: Path, rows: Iterable[Sequence[str]], headings: Sequence[str] | None = None) -> Path:
    """A CSV file under `headings`, those of LEDGER if not given."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(headings or [column["field"] for column in LEDGER])
        writer.writerows(rows)
    return path


def write_ndjson(path: Path, rows: Iterable[Sequence[str]], headings: Sequence[str] | None = None) -> Path:
    """An NDJSON file, as `write_csv`; every value is a string."""
    names = headings or [column["field"] for column in LEDGER]
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False) + "\n" for row in rows)
    return path


def opened(
    rows: Sequence[Mapping[str, Any]] | Mapping[str, Mapping[str, Any]],
    columns: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    lang: str = "en",
    limits: Mapping[str, int] = LIMITS,
    warnings: list[tuple[str, str]] | None = None,
    keep_values: bool = False,
    **said: Any,
) -> TableRows:
    """A table opened by `open_rows`, of inline rows or of what `dataset` returns. warnings: where they are put."""
    inline = isinstance(rows, Sequence)
    block = table(columns, **({"rows": rows} if inline else {}), **said)
    kept = warnings if warnings is not None else []
    return open_rows(
        block,
        {} if isinstance(rows, Sequence) else rows,
        document(lang=lang, timezone="Europe/Berlin"),
        limits,
        str(folder),
        lambda code, message: kept.append((code, message)),
        lambda *_: None,
        keep_values=keep_values,
    )


def printed(rows: TableRows) -> list[tuple[str, int, tuple[str, ...]]]:
    """Every line: its kind, its level, its cells."""
    return [(batch.kind, batch.level, cells) for batch in rows.batches() for cells in zip(*batch.columns, strict=True)]


def cells(rows: TableRows) -> list[tuple[str, ...]]:
    """The cells of the rows alone."""
    return [cells for kind, _, cells in printed(rows) if kind == "row"]
