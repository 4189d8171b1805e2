"""What the columns of a dataset may be."""

from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest

from tasks.report import render
from tests.support.report.rendering import job, silent


def guesses_of(path: Path, *columns: dict[str, Any], lang: str = "en") -> dict[str, tuple[str, list[str]]]:
    """Type and examples by column, as a preflight has them."""
    table = {"type": "table", "dataset": "data", "columns": list(columns), "every_column": True}
    datasets = {"data": {"upload": "0" * 32, "format": path.suffix[1:]}}
    wanted = job([table], {"lang": lang, "currency": "EUR"}, datasets=datasets)
    wanted = msgspec.structs.replace(wanted, datasets={"data": str(path)})
    answer = render.preflight(wanted, str(path.parent), report=silent)
    return {one["field"]: (one["type"], list(one["examples"])) for one in answer["tables"][0].get("guesses", ())}


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2", ""], "integer"),
        (["1.5", "2"], "decimal"),
        (["-1,234.50", "3"], "decimal"),
        (["2026-11-30", "2026-12-01"], "date"),
        (["2026-11-30T10:00:00", "2026-12-01"], "datetime"),
        (["30.11.2026", "01.12.2026"], "text"),
        (["yes", "No"], "boolean"),
        (["1", "0"], "integer"),
        (["7.5 %", "8 %"], "percent"),
        (["€ 12.50", "€ 3"], "money"),
        (["00123", "00124"], "text"),
        (["4006381333931", "4006381333948"], "text"),
        (["1", "two"], "text"),
        (["", ""], "text"),
    ],
)
def test_a_column_is_what_all_its_cells_may_be(tmp_path: Path, cells: list[str], kind: str) -> None:
    path = tmp_path / "data.csv"
    path.write_text("name,it\n" + "".join(f'x,"{cell}"\n' for cell in cells))
    found = guesses_of(path)
    assert found["it"] == (kind, [cell for cell in cells if cell])
    assert found["name"] == ("text", ["x"])


def test_a_column_that_the_table_names_is_not_guessed(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_text("day,amount\n2026-11-30,1\n")
    assert list(guesses_of(path, {"field": "amount", "type": "money"})) == ["day"]


def test_cells_of_a_workbook_are_what_they_are(tmp_path: Path) -> None:
    path, book = tmp_path / "data.xlsx", openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["shop", "amount", "count"])
    sheet.append(["Leeds", 9.5, 3])
    sheet["B2"].number_format = "0.00 €"
    book.save(path)
    assert {name: kind for name, (kind, _) in guesses_of(path).items()} == {
        "shop": "text",
        "amount": "decimal",
        "count": "integer",
    }
