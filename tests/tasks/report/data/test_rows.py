"""Tables: sorted, grouped and totalled, exactly, from any source, and read as often as one likes."""

import tracemalloc
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.report.data import sorting
from tasks.report.data.rows import open_rows
from tests.support.report.tables import (
    LEDGER,
    cells,
    dataset,
    ledger,
    opened,
    options,
    printed,
    table,
    write_csv,
    write_ndjson,
)

SALES: list[dict[str, Any]] = [
    {"region": "South", "day": "2026-02-01", "amount": "10.10", "pieces": 3},
    {"region": "North", "day": "2026-01-02", "amount": "-0.20", "pieces": None},
    {"region": "South", "day": "2026-01-01", "amount": "5", "pieces": 4},
    {"region": "", "day": "2026-01-01", "amount": "1.005", "pieces": 1},
    {"region": "North", "day": "2026-01-02", "amount": None, "pieces": 2},
]
AMOUNT = {"field": "amount", "type": "money", "total": "sum"}


def test_rows_come_in_their_order_and_a_total_after_them(tmp_path: Path) -> None:
    rows = opened(
        SALES, [{"field": "region"}, AMOUNT, {"field": "pieces", "type": "integer", "total": "avg"}], tmp_path
    )
    assert printed(rows) == [
        ("row", 0, ("South", "€10.10", "3")),
        ("row", 0, ("North", "-€0.20", "")),
        ("row", 0, ("South", "€5.00", "4")),
        ("row", 0, ("", "€1.01", "1")),
        ("row", 0, ("North", "", "2")),
        ("total", 0, ("Total", "€15.91", "2.5")),  # of the values, not of what is printed
    ]
    assert (rows.count, rows.lines) == (5, 6)


def test_lines_are_read_as_often_as_asked_for_and_side_by_side(tmp_path: Path) -> None:
    rows = opened(dataset(write_csv(tmp_path / "data.csv", ledger(3_000))), LEDGER, tmp_path)
    assert printed(rows) == printed(rows)
    one, other = rows.batches(), rows.batches()
    assert next(one) == next(other)
    assert next(one) != next(other)._replace(level=1)
    assert sum(len(batch.columns[0]) for batch in rows.batches()) == rows.count == rows.lines == 3_000


@pytest.mark.parametrize(
    ("total", "kind", "values", "written"),
    [
        ("sum", "money", ["0.10"] * 3, "€0.30"),
        ("sum", "integer", ["5", "", "-7"], "-2"),
        ("sum", "percent", ["0.5", "0.25"], "75%"),
        ("sum", "decimal", ["", ""], "0"),
        ("avg", "money", ["1", "2", ""], "€1.50"),
        ("avg", "decimal", ["1", "0", "0"], "0.333"),
        ("avg", "integer", ["", ""], ""),
        ("min", "money", ["5", "-5", ""], "-€5.00"),
        ("max", "integer", ["5", "123456789012345678901", ""], "123,456,789,012,345,678,901"),
        ("min", "date", ["2026-02-01", "", "2026-01-31"], "Jan 31, 2026"),
        ("max", "datetime", ["2026-02-01T00:00Z", "2026-01-31T00:00Z"], "Feb 1, 2026, 1:00\u202fAM"),
        ("max", "date", ["", ""], ""),
        ("count", "text", ["a", "", "b"], "2"),
        ("count", "boolean", ["no", "", "yes"], "2"),
        ("count", "money", ["", ""], "0"),
    ],
)
def test_every_total_counts_what_is_there(
    tmp_path: Path, total: str, kind: str, values: list[str], written: str
) -> None:
    column = {"field": "a", "type": kind, "total": total}
    rows = [{"a": value, "group": "one"} for value in values]
    columns = [{"field": "group"}, column]
    assert printed(opened(rows, columns, tmp_path))[-1] == ("total", 0, ("Total", written))
    grouped = printed(opened(rows, columns, tmp_path, group_by=[{"field": "group"}]))
    assert [line for line in grouped if line[0] in ("subtotal", "total")] == [
        ("subtotal", 0, ("Total one", written)),
        ("total", 0, ("Total", written)),
    ]


@pytest.mark.parametrize(("kind", "total"), [("text", "sum"), ("boolean", "max"), ("date", "sum"), ("datetime", "avg")])
def test_a_total_that_a_type_has_not_is_refused_by_its_field(tmp_path: Path, kind: str, total: str) -> None:
    with pytest.raises(Refusal) as caught:
        opened([], [{"field": "x"}, {"field": "a", "type": kind, "total": total}], tmp_path)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "columns.1.total")


def test_the_label_of_a_total_is_never_behind_a_number(tmp_path: Path) -> None:
    columns = [AMOUNT, {"field": "region"}, {"field": "day", "type": "date"}]
    assert printed(opened(SALES, columns, tmp_path))[-1] == ("total", 0, ("Total: €15.91", "", ""))
    assert printed(opened(SALES, columns[::-1], tmp_path))[-1] == ("total", 0, ("Total", "", "€15.91"))
    assert printed(opened(SALES, [AMOUNT], tmp_path))[-1] == ("total", 0, ("Total: €15.91",))
    average = {"field": "amount", "type": "money", "total": "avg"}
    assert printed(opened([{"amount": ""}], [average], tmp_path))[-1] == ("total", 0, ("Total",))
    rows = [{"region": region * 30, "amount": "1"} for region in "ab"]
    lines = printed(opened(rows, [AMOUNT], tmp_path, group_by=[{"field": "region"}]))
    assert [cells for kind, _, (cells,) in lines if kind == "subtotal"] == ["Total: €1.00"] * 2


def test_rows_are_sorted_by_value_and_stay_as_they_came_where_those_are_equal(tmp_path: Path) -> None:
    columns = [{"field": "day", "type": "date"}, {"field": "amount", "type": "money"}]
    by_day = [{"field": "day"}, {"field": "amount", "descending": True}]
    assert cells(opened(SALES, columns, tmp_path, sort=by_day)) == [
        ("Jan 1, 2026", "€5.00"),
        ("Jan 1, 2026", "€1.01"),
        ("Jan 2, 2026", "-€0.20"),
        ("Jan 2, 2026", ""),
        ("Feb 1, 2026", "€10.10"),
    ]
    same = opened(SALES, [{"field": "amount"}], tmp_path, sort=[{"field": "day", "descending": True}])
    assert [row[0] for row in cells(same)] == ["10.10", "-0.20", "", "5", "1.005"]


def test_groups_stand_under_headings_with_subtotals(tmp_path: Path) -> None:
    columns = [{"field": "day", "type": "date", "format": "d.M."}, AMOUNT]
    groups = [{"field": "region"}, {"field": "day"}]
    assert printed(opened(SALES, columns, tmp_path, group_by=groups, lang="de")) == [
        ("group", 0, ("South", "")),
        ("group", 1, ("1.1.", "")),
        ("row", 2, ("1.1.", "5,00\u00a0€")),
        ("subtotal", 1, ("Summe 1.1.", "5,00\u00a0€")),
        ("group", 1, ("1.2.", "")),
        ("row", 2, ("1.2.", "10,10\u00a0€")),
        ("subtotal", 1, ("Summe 1.2.", "10,10\u00a0€")),
        ("subtotal", 0, ("Summe South", "15,10\u00a0€")),
        ("group", 0, ("North", "")),
        ("group", 1, ("2.1.", "")),
        ("row", 2, ("2.1.", "-0,20\u00a0€")),
        ("row", 2, ("2.1.", "")),
        ("subtotal", 1, ("Summe 2.1.", "-0,20\u00a0€")),
        ("subtotal", 0, ("Summe North", "-0,20\u00a0€")),
        ("group", 0, ("—", "")),
        ("group", 1, ("1.1.", "")),
        ("row", 2, ("1.1.", "1,01\u00a0€")),
        ("subtotal", 1, ("Summe 1.1.", "1,01\u00a0€")),
        ("subtotal", 0, ("Summe —", "1,01\u00a0€")),
        ("total", 0, ("Summe", "15,91\u00a0€")),
    ]


def test_a_group_may_go_without_its_subtotals(tmp_path: Path) -> None:
    groups = [{"field": "region", "subtotals": False}, {"field": "day"}]
    kinds = [line[:2] for line in printed(opened(SALES, [AMOUNT], tmp_path, group_by=groups))]
    assert ("subtotal", 0) not in kinds
    assert ("subtotal", 1) in kinds
    plain = printed(opened(SALES, [{"field": "region"}], tmp_path, group_by=groups))
    assert {kind for kind, _, _ in plain} == {"row", "group"}  # there is nothing to be totalled


def test_groups_follow_the_sort_that_names_their_field(tmp_path: Path) -> None:
    sort = [{"field": "pieces", "descending": True}, {"field": "region", "descending": True}]
    columns = [{"field": "pieces", "type": "integer"}, {"field": "region"}]
    lines = printed(opened(SALES, columns, tmp_path, group_by=[{"field": "region"}], sort=sort))
    assert [line[2][0] for line in lines] == ["South", "4", "3", "North", "2", "", "—", "1"]


def test_the_heading_of_a_bare_number_says_what_it_is(tmp_path: Path) -> None:
    columns = [{"field": "pieces", "type": "integer", "title": "Pieces"}]
    lines = printed(opened(SALES, columns, tmp_path, group_by=[{"field": "pieces"}]))
    headings = [line[2][0] for line in lines if line[0] == "group"]
    assert headings == ["Pieces: 3", "Pieces: —", "Pieces: 4", "Pieces: 1", "Pieces: 2"]


def test_equal_numbers_are_one_group_however_they_are_written(tmp_path: Path) -> None:
    rows = [{"a": text} for text in ("1.50", "1.5", "01.500", "1.51")]
    lines = printed(opened(rows, [{"field": "a", "type": "decimal"}], tmp_path, group_by=[{"field": "a"}]))
    assert [line[0] for line in lines].count("group") == 2


@pytest.mark.parametrize("name", ["sort", "group_by"])
def test_a_field_that_is_not_there_is_refused_where_it_is_named(tmp_path: Path, name: str) -> None:
    said: dict[str, Any] = {name: [{"field": "region"}, {"field": "oops"}]}
    with pytest.raises(Refusal) as caught:
        opened(SALES, [AMOUNT], tmp_path, **said)
    assert (caught.value.code, caught.value.field) == ("unknown_column", f"{name}.1.field")


def test_a_dataset_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as caught:
        opened({}, [AMOUNT], tmp_path, dataset="elsewhere")
    assert (caught.value.code, caught.value.field) == ("unknown_dataset", "dataset")


def test_csv_and_ndjson_of_the_same_rows_make_the_same_lines(tmp_path: Path) -> None:
    said: dict[str, Any] = {"group_by": [{"field": "region"}], "sort": [{"field": "amount"}], "keep_values": True}
    columns = [*LEDGER[:-1], {**LEDGER[-1], "total": "sum"}]
    csv = opened(dataset(write_csv(tmp_path / "data.csv", ledger(2_500))), columns, tmp_path, **said)
    ndjson = opened(dataset(write_ndjson(tmp_path / "data.ndjson", ledger(2_500))), columns, tmp_path, **said)
    assert list(csv.entries()) == list(ndjson.entries())


@pytest.mark.parametrize("sort", [[], [{"field": "amount"}]])
def test_values_are_kept_only_if_they_are_wanted(tmp_path: Path, sort: list[Any]) -> None:
    columns = [{"field": "day", "type": "date"}, AMOUNT]
    plain = opened(SALES, columns, tmp_path, sort=sort)
    assert {entry.packed for entry in plain.entries() if entry.kind == "row"} == {None}
    kept = opened(SALES, columns, tmp_path, sort=sort, keep_values=True)
    packed = [list(zip(*(entry.packed or ()), strict=True)) for entry in kept.entries()]
    assert ("2026-02-01", "10.10") in packed[0]
    assert packed[-1] == [("Total", "15.905")]


def test_progress_tells_rows_read_and_about_how_many_there_are(tmp_path: Path) -> None:
    said: list[tuple[int, int, str]] = []
    path = write_csv(tmp_path / "data.csv", ledger(20_000))

    def progress(done: int, total: int, note: str = "") -> None:
        said.append((done, total, note))

    open_rows(table(LEDGER), options(dataset(path), tmp_path, progress=progress), lambda *_: None)
    assert [done for done, _, _ in said] == sorted(done for done, _, _ in said)
    assert said[-1] == (20_000, 20_000, "rows read")
    assert 15_000 < said[3][1] < 30_000


def test_subtotals_and_totals_of_many_rows_are_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "MAX_RUN_RECORDS", 4_000)  # so that they are sorted in several runs, as more are
    count = 10_000
    columns = [*LEDGER[:-1], {**LEDGER[-1], "total": "sum"}]
    rows = opened(
        dataset(write_csv(tmp_path / "data.csv", ledger(count))), columns, tmp_path,
        group_by=[{"field": "region"}, {"field": "date"}], keep_values=True,
    )  # fmt: skip
    sums: dict[tuple[str, ...], int] = defaultdict(int)
    for _, day, region, _, _, amount in ledger(count):
        cents = int(amount.replace(".", ""))
        keys: tuple[tuple[str, ...], ...] = ((), (region,), (region, day))
        for key in keys:
            sums[key] += cents
    said: dict[tuple[str, ...], int] = {}
    here: list[str] = []
    for entry in rows.entries():
        packed = [texts[0] for texts in entry.packed or ()]
        if entry.kind == "group":
            here[entry.level :] = [packed[0]]
        elif entry.kind != "row":
            group = tuple(here[: entry.level + 1]) if entry.kind == "subtotal" else ()
            said[group] = int(Decimal(packed[-1]).scaleb(2))
    assert len(said) == len(sums)
    assert said[()] == sums[()]
    assert sorted(said.values()) == sorted(sums.values())


def test_200_000_rows_are_totalled_to_the_cent(tmp_path: Path) -> None:
    """Floats would be off by cents, Decimals of 28 digits too with amounts like these."""
    path = tmp_path / "data.csv"
    blocks = 400
    amounts = ["99999999999999999999999999.99", "0.01", "0.10", "-33333333333333.33", "12.34"]
    with path.open("w") as file:
        file.write("amount\n")
        file.writelines("\n".join(amounts * 100) + "\n" for _ in range(blocks))
    rows = opened(dataset(path), [{**AMOUNT, "currency": "USD"}], tmp_path, keep_values=True)
    *_, total = rows.entries()
    assert rows.count == 200_000
    cents = sum(int(amount.replace(".", "")) for amount in amounts) * blocks * 100
    assert total.packed == [[f"{cents // 100}.{cents % 100:02d}"]]
    assert total.columns == [[f"Total: ${cents // 100:,}.{cents % 100:02d}"]]


def test_sorting_takes_bounded_memory(tmp_path: Path) -> None:
    peaks = []
    for count in (25_000, 75_000):  # two runs and four
        path = write_csv(tmp_path / f"{count}.csv", ([str(-number), "x" * 40] for number in range(count)), ["a", "b"])
        tracemalloc.start()
        try:
            rows = opened(
                dataset(path), [{"field": "a", "type": "integer"}, {"field": "b"}], tmp_path, sort=[{"field": "a"}]
            )
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
        assert next(rows.batches()).columns[0][:2] == (f"-{count - 1:,}", f"-{count - 2:,}")
    assert peaks[1] < peaks[0] * 1.3
    assert peaks[1] < 40 * 1024 * 1024


def test_large_cells_are_spooled_a_few_at_a_time(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "data.csv", (["x" * 9_000, str(number)] for number in range(3_000)), ["a", "b"])
    for sort in ([], [{"field": "b"}]):
        tracemalloc.start()
        try:
            rows = opened(dataset(path), [{"field": "a"}, {"field": "b"}], tmp_path, sort=sort)
            sizes = [len(batch.columns[0]) for batch in rows.batches()]
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert sum(sizes) == 3_000
        assert peak < 45 * 1024 * 1024
