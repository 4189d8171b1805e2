"""`bin/lint` checks the Lua scripts where luacheck is installed."""

import shutil
from pathlib import Path

import pytest

from tools import lint_lua

FAKE = """#!/bin/sh
line=$(grep -n 'ZADD., K.arq_queue.queue or its_queue.' | cut -d: -f1)
echo "stdin:$line:5: (W113) accessing undefined variable 'x'"
exit 1
"""


def test_a_finding_names_the_file_and_line_it_is_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    luacheck = tmp_path / "luacheck"
    luacheck.write_text(FAKE)
    luacheck.chmod(0o755)
    monkeypatch.setattr(shutil, "which", lambda _: str(luacheck))
    assert lint_lua.main() == 1
    path = Path("tasks/queue/lua/run/renew.lua")
    (number,) = (n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1) if "'ZADD'" in line)
    assert capsys.readouterr().out == f"{path}:{number}:5: (W113) accessing undefined variable 'x'\n"


def test_without_luacheck_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert lint_lua.main() == 0
    assert "apt-get install lua-check" in capsys.readouterr().out
