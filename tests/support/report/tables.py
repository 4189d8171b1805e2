"""Makers of test tables: blocks as the engine gets them, and datasets of any size."""

import csv
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from pydantic import BaseModel

from tasks.progress import Progress
from tasks.report.data.open_source import DatasetFile
from tasks.report.data.rows import ReadOptions, TableRows, TextCount, open_rows
from tasks.report.formats.columns import locale_of
from tasks.report.render_job import RenderLimits
from tasks.report.spec.document import Dataset, Document
from tasks.report.spec.structs import DatasetSpec, DocumentSpec, TableBlock
from tasks.report.spec.table import Table
from tests.support.report.rendering import LIMITS, silent

Part = TypeVar("Part")

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


def document(**said: Any) -> DocumentSpec:
    """A document as the engine gets it; what is not said has its default."""
    return _struct(Document.model_validate({"title": "Test", **said}), DocumentSpec)


def table(columns: Sequence[Mapping[str, Any]], **said: Any) -> TableBlock:
    """A table block as the engine gets it. Without `rows` or `dataset` it reads the dataset `data`."""
    if "rows" not in said:
        said.setdefault("dataset", "data")
    return _struct(Table.model_validate({"columns": columns, **said}), TableBlock)


def dataset(path: Path, **said: Any) -> dict[str, DatasetFile]:
    """The dataset `data`, of the format that the name of its file ends in."""
    model = Dataset.model_validate({"upload": "0" * 32, "format": path.suffix[1:], **said})
    return {"data": DatasetFile(_struct(model, DatasetSpec), str(path))}


def options(
    datasets: Mapping[str, DatasetFile],
    folder: Path,
    lang: str = "en",
    limits: Mapping[str, int] = LIMITS,
    *,
    progress: Progress = silent,
    keep_values: bool = False,
) -> ReadOptions:
    """What `open_rows` reads a table with."""
    report_locale = locale_of(document(lang=lang, timezone="Europe/Berlin"))
    text = TextCount(limits["max_report_text_mb"])
    return ReadOptions(datasets, report_locale, RenderLimits(**limits), str(folder), progress, text, keep_values)


def _struct(model: BaseModel, part: type[Part]) -> Part:
    return msgspec.json.decode(model.model_dump_json(), type=part)


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
    rows: Sequence[Mapping[str, Any]] | Mapping[str, DatasetFile],
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
    settings = options({} if isinstance(rows, Sequence) else rows, folder, lang, limits, keep_values=keep_values)
    return open_rows(block, settings, lambda code, message: kept.append((code, message)))


def printed(rows: TableRows) -> list[tuple[str, int, tuple[str, ...]]]:
    """Every line: its kind, its level, its cells."""
    return [(batch.kind, batch.level, cells) for batch in rows.batches() for cells in zip(*batch.columns, strict=True)]


def cells(rows: TableRows) -> list[tuple[str, ...]]:
    """The cells of the rows alone."""
    return [cells for kind, _, cells in printed(rows) if kind == "row"]
