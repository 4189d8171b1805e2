"""The docs site: its pages are gathered with links that hold there. `.ci/run` builds it, which checks them again."""

import re
import tomllib
from pathlib import Path

import pytest

from tools import site
from tools.documents import ROOT


@pytest.fixture
def gathered(tmp_path: Path) -> Path:
    site.gather(tmp_path / "docs")
    return tmp_path / "docs"


def test_every_link_of_the_site_leads_to_a_page_or_file_of_it(gathered: Path) -> None:
    pages = list(gathered.rglob("*.md"))
    for page in pages:
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).resolve().is_relative_to(gathered.resolve()), f"{page}: {target}"
            assert (page.parent / target).is_file(), f"{page}: {target}"
    assert len(pages) > 30


def test_the_navigation_names_every_page_but_the_decisions(gathered: Path) -> None:
    navigation = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    named = re.findall(r'"([\w/-]+\.md)"', navigation)
    pages = {str(page.relative_to(gathered)) for page in gathered.rglob("*.md")}
    assert set(named) == {page for page in pages if not re.match(r"decisions/\d", page)}
    assert len(named) == len(set(named))
    assert tomllib.loads(navigation)["project"]["docs_dir"] == "build/docs"


def test_the_page_about_decisions_lists_them_all(gathered: Path) -> None:
    page = (gathered / "decisions" / "README.md").read_text(encoding="utf-8")
    for decision in (gathered / "decisions").glob("0*.md"):
        assert f"({decision.name})" in page


@pytest.mark.parametrize(
    ("source", "written", "on_the_site"),
    [
        ("README.md", "[Images](docs/images.md#variants)", "[Images](images.md#variants)"),
        ("README.md", "![A picture](docs/pictures/result.jpg)", "![A picture](pictures/result.jpg)"),
        ("docs/jobs.md", "[Changes](../CHANGELOG.md)", "[Changes](changelog.md)"),
        ("docs/decisions/0020-layout.md", "[Words](../glossary.md)", "[Words](../glossary.md)"),
        ("docs/decisions/0020-layout.md", "[Changes](../../CHANGELOG.md)", "[Changes](../changelog.md)"),
        ("docs/queue.md", "[keys](../tasks/queue/redis_keys.py)", "keys"),
        ("docs/queue.md", "[ARQ](https://example.com/x.md)", "[ARQ](https://example.com/x.md)"),
    ],
)
def test_a_link_is_written_as_the_site_has_it(source: str, written: str, on_the_site: str) -> None:
    assert site.with_links(written, ROOT / source, "") == on_the_site


def test_with_a_repository_sources_are_linked_there() -> None:
    text = site.with_links("[keys](../tasks/kind.py)", ROOT / "docs" / "queue.md", "https://example.com/blob/main/")
    assert text == "[keys](https://example.com/blob/main/tasks/kind.py)"
