"""External sorting gives what sorting in memory gives, in bounded memory, and leaves nothing behind."""

import random
import unicodedata
from itertools import chain
from pathlib import Path

import pytest

from tasks.report.data import sorting
from tasks.report.data.sorting import Collation, Sorter, keys
from tasks.report.data.spool import Spool

CHANCE = random.Random(5)  # noqa: S311 - test data


@pytest.mark.parametrize("count", [0, 1, 999, 45_000])
@pytest.mark.parametrize("spread", [3, 10**9])
def test_records_come_back_in_order(tmp_path: Path, count: int, spread: int) -> None:
    records = [((CHANCE.randrange(spread), number), f"text {number}") for number in range(count)]
    CHANCE.shuffle(records)
    sorter = Sorter(str(tmp_path))
    for start in range(0, count, 700):
        sorter.add(records[start : start + 700], 700 * 100)
    assert list(chain.from_iterable(sorter.sorted())) == sorted(records)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("order", ["sorted", "reversed"])
def test_order_that_is_there_already_does_no_harm(tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "MAX_RUN_RECORDS", 100)
    records = [((number,), "x") for number in range(5_000)]
    sorter = Sorter(str(tmp_path))
    for record in records if order == "sorted" else reversed(records):
        sorter.add([record], 10)
    assert list(chain.from_iterable(sorter.sorted())) == records


def test_large_records_are_merged_a_few_at_a_time(tmp_path: Path) -> None:
    sorter = Sorter(str(tmp_path))
    records = [((CHANCE.random(),), "x" * 50_000) for _ in range(400)]
    for record in records:
        sorter.add([record], 50_000)
    batches = list(sorter.sorted())
    assert list(chain.from_iterable(batches)) == sorted(records)
    assert max(map(len, batches)) <= len(batches)


def test_text_is_ordered_by_letters_before_case_and_accents() -> None:
    collation = Collation()
    words = ["Zoo", "Ähre", "apfel", "Apfel", "ahre", "zebra", "éclair", "Eclair", "ß", "ss", "東京", "大阪"]
    assert sorted(words, key=collation.__getitem__) == [
        "ahre", "Ähre", "Apfel", "apfel", "Eclair", "éclair", "ss", "ß", "zebra", "Zoo", "大阪", "東京",
    ]  # fmt: skip


def test_descending_is_the_other_way_round_and_empty_cells_stay_last() -> None:
    words = ["", "a", "ab", "abc", "b", "ba", "é", "あ", "\U0001f600", "a\u0300"]
    collation = Collation()
    order = [collation[word] if word else None for word in words]
    down = keys(order, texts=True, descending=True)
    up = keys(order, texts=True, descending=False)
    by_up = [word for _, word in sorted(zip(up, words, strict=True))]
    by_down = [word for _, word in sorted(zip(down, words, strict=True))]
    assert by_up[-1] == by_down[-1] == ""
    assert by_up[:-1] == by_down[-2::-1]
    numbers = [3, None, -(10**40), 10**40]
    assert keys(numbers, texts=False, descending=True)[1] == float("inf")
    assert min(keys(numbers, texts=False, descending=True)) == -(10**40)


def test_distinct_texts_have_distinct_keys() -> None:
    collation = Collation()
    words = [unicodedata.normalize(form, word) for form in ("NFC", "NFD") for word in ("é", "e", "E", "ｅ")]  # noqa: RUF001
    assert len({collation[word] for word in words}) == len(set(words))


def test_a_spool_is_read_from_anywhere_and_by_several_at_once(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    items = [[number, str(number), None, (b"x", 1.5)] for number in range(100)]
    for item in items:
        spool.append(item)
    assert list(spool.read()) == items
    assert list(spool.read(90, 95)) == items[90:95]
    one, other = spool.read(), spool.read()
    assert [next(one), next(other), next(one)] == [items[0], items[0], items[1]]
    spool.remove()
    assert list(tmp_path.iterdir()) == []
