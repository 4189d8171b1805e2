"""The examples stay short, and have no key in them. `bin/clients` runs them."""

import re
from pathlib import Path

import pytest

from tools.documents import ROOT

APPS = sorted((ROOT / "examples").glob("*/photos.*"))


@pytest.mark.parametrize("path", APPS, ids=lambda path: path.parent.name)
def test_an_app_is_short_and_reads_its_key_from_the_environment(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 60
    assert re.search(r"(environ\[\"PRESSROOM_KEY\"\]|PRESSROOM_KEY: key.*process\.env)", text)
    assert not re.search(r"pr_live_|whsec_", text)


def test_the_page_names_each_app() -> None:
    page = (ROOT / "examples" / "README.md").read_text(encoding="utf-8")
    assert {f"({path.relative_to(ROOT / 'examples')})" for path in APPS} <= set(re.findall(r"\([\w/.]+\)", page))
    assert len(APPS) == 3
