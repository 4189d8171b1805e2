"""A spool grows over several files, and not without end."""

from pathlib import Path

import pytest

from tasks.refusal import Refusal
from tasks.report.data import spool as module
from tasks.report.data.spool import Spool


def test_no_file_grows_beyond_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PART_BYTES", 1_000)
    spool = Spool(str(tmp_path))
    items = ["x" * 300 + str(number) for number in range(20)]
    for item in items:
        spool.append(item)
    assert len(list(tmp_path.iterdir())) == 7
    assert max(path.stat().st_size for path in tmp_path.iterdir()) <= 1_000
    assert list(spool.read()) == items
    assert list(spool.read(5, 7)) == items[5:7]


def test_all_spools_of_a_folder_share_one_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PART_BYTES", 1_000)
    monkeypatch.setattr(module, "MAX_SPOOL_BYTES", 3_000)
    Spool(str(tmp_path)).append("x" * 900)
    spool = Spool(str(tmp_path))
    spool.append("x" * 900)
    spool.append("x" * 900)
    with pytest.raises(Refusal) as caught:
        spool.append("x" * 900)
    assert (caught.value.code, caught.value.limit) == ("too_much_data", 3_000)
