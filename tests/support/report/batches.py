"""Rows of a table without a dataset, for what reads them."""

import gc
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tasks.report.spec.structs import CellRuleSpec, CellType, TotalKind
from tasks.report.table.rows import LineBatch


@dataclass
class Column:
    title: str
    align: Literal["left", "center", "right"] = "left"
    decimal_mark: str | None = None
    type: CellType = "text"
    width: Literal["auto", "flex"] | float = "auto"
    overflow: Literal["wrap", "clip"] = "wrap"
    total: TotalKind | None = None
    rules: Sequence[CellRuleSpec] = ()

    @property
    def field(self) -> str:
        return self.title


class Cells(list[str]):
    """A column's cells, which can be watched: hashed by what they are, not by what they hold."""

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


class MadeRows:
    """A `Rows` that makes each batch when it is asked for. readings: how often it was read. most_alive: how many of its
    batches were there at once, at most."""

    def __init__(self, columns: Sequence[Column], make: Sequence[Callable[[], LineBatch]], count: int) -> None:
        self.columns = columns
        self.count = count
        self.readings = 0
        self.most_alive = 0
        self._make = make
        self._alive: weakref.WeakSet[Cells] = weakref.WeakSet()

    def batches(self) -> Iterator[LineBatch]:
        self.readings += 1
        for make in self._make:
            batch = make()
            watched = [Cells(cells) for cells in batch.columns]
            self._alive.add(watched[0])
            gc.collect()
            self.most_alive = max(self.most_alive, len(self._alive))
            yield batch._replace(columns=watched)
            del batch, watched
