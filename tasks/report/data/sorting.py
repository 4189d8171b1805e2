"""Any number of records in order, in bounded memory: sorted runs on disk, merged.

Merging one record at a time would cost more than sorting did. So blocks are merged: whatever is not beyond the end of
any run's block at hand is sorted at once, by a sort that makes use of the order that the runs have already.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any, Final

from tasks.report.data.spool import Spool

Record = tuple[Any, ...]
"""Its first item is a key: a tuple that no other record has."""

MAX_RUN_RECORDS: Final = 20_000
MAX_RUN_CHARS: Final = 4 << 20
MAX_BLOCK_RECORDS: Final = 200
BLOCK_CHARS: Final = 1 << 16

_key: Final = itemgetter(0)
_LAST: Final = float("inf")
_LAST_BYTES: Final = b"\xff\xff"
_INVERTED: Final = bytes(range(255, -1, -1))
_MAX_KEPT: Final = 20_000


class Sorter:
    """Takes records in any order, gives them back in that of their keys."""

    def __init__(self, folder: str) -> None:
        self._spool = Spool(folder)
        self._runs: list[tuple[int, int]] = []
        self._records: list[Record] = []
        self._chars = 0

    def add(self, records: Sequence[Record], chars: int) -> None:
        """chars: about how much text they hold."""
        self._records += records
        self._chars += chars
        if len(self._records) >= MAX_RUN_RECORDS or self._chars >= MAX_RUN_CHARS:
            self._write_run()

    def sorted(self) -> Iterator[list[Record]]:
        """All records, many at a time. The files are gone when the last one was given."""
        if not self._runs:
            self._records.sort(key=_key)
            yield self._records
            return
        self._write_run()
        yield from _merged([self._spool.read(first, last) for first, last in self._runs])
        self._spool.remove()

    def _write_run(self) -> None:
        if not self._records:
            return
        self._records.sort(key=_key)
        per_block = BLOCK_CHARS * len(self._records) // max(self._chars, 1)
        per_block = max(1, min(per_block, MAX_BLOCK_RECORDS))
        first = len(self._spool)
        for start in range(0, len(self._records), per_block):
            self._spool.append(self._records[start : start + per_block])
        self._runs.append((first, len(self._spool)))
        self._records = []
        self._chars = 0


def _merged(runs: list[Iterator[list[Record]]]) -> Iterator[list[Record]]:
    heads = [(next(run), run) for run in runs]
    while heads:
        bound = min(block[-1][0] for block, _ in heads)
        batch: list[Record] = []
        rest = []
        for block, run in heads:
            if block[0][0] > bound:
                rest.append((block, run))
                continue
            cut = bisect_right(block, bound, key=_key)
            batch += block[:cut]
            remainder = block[cut:] or next(run, [])
            if remainder:
                rest.append((remainder, run))
        heads = rest
        batch.sort(key=_key)
        yield batch


class Collation(dict[str, bytes]):
    """What to sort text by: letters without their case and accents first, then the text itself."""

    def __missing__(self, text: str) -> bytes:
        if len(self) >= _MAX_KEPT:
            self.clear()
        decomposed = unicodedata.normalize("NFKD", text.casefold())
        letters = "".join(letter for letter in decomposed if not unicodedata.combining(letter))
        key = self[text] = f"{letters}\0{text}".encode()
        return key


def keys(order: Sequence[Any], *, texts: bool, descending: bool) -> list[Any]:
    """What a column contributes to the keys of its rows. order: of `texts` bytes, else numbers; None comes last in any
    case."""
    last: Any = _LAST_BYTES if texts else _LAST
    if not descending:
        return [last if one is None else one for one in order]
    if texts:
        return [last if one is None else one.translate(_INVERTED) + b"\xff" for one in order]
    return [last if one is None else -one for one in order]
