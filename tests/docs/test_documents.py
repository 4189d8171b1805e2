"""What the documents say of settings and errors is what the code says, and their links lead somewhere."""

import re
import traceback
from pathlib import Path

import pytest

from tasks.refusal import CODES
from tasks.settings import Settings, load
from tools.documents import ROOT, env_example, environment_names, errors_table, pages, settings_table, with_table

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / ".github").rglob("*.md")])
REWRITE = "run `.venv/bin/python -m tools.documents`"


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_a_page_with_a_table_is_the_one_made_from_the_code(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], REWRITE


def test_every_setting_has_a_line_in_the_example_and_a_row_in_the_table() -> None:
    for name, field in Settings.model_fields.items():
        variable = environment_names(name, field)[0]
        assert f"\n#{variable}=" in env_example()
        assert f"| `{variable}`" in settings_table()
        assert field.description, f"{name} does not say what it means"


def test_every_refusal_code_has_a_row() -> None:
    for code in CODES:
        assert f"| `{code}` |" in errors_table()


def test_the_example_environment_uncommented_is_valid_and_changes_nothing() -> None:
    lines = [line[1:] for line in env_example().splitlines() if line.startswith("#") and not line.startswith("# ")]
    given = dict(line.split("=", 1) for line in lines)
    written = {name: given[environment_names(name, field)[0]] for name, field in Settings.model_fields.items()}
    written = {name: value for name, value in written.items() if value}
    read = Settings.model_validate(written).model_dump(include=set(written))
    assert read == Settings.model_construct().model_dump(include=set(written))


@pytest.mark.parametrize("page", ["", "<!-- errors --><!-- /errors -->", "<!-- settings --><!-- /settings -->" * 2])
def test_a_page_without_one_place_for_the_table_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="exactly once"):
        with_table(page, "settings", "a table")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_document_leads_somewhere(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)", page.read_text(encoding="utf-8")):
        place = page.parent / target if target else page
        assert place.exists(), f"it links to {target}"
        if anchor and place.suffix == ".md":
            assert anchor in anchors(place), f"it links to {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """What links to the headings of a page end with, as GitHub and the docs site have it."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("shop:tooshort", "at least 16"),
        ("system:0123456789abcdef", "system"),
        ("failed:0123456789abcdef", "Choose another name"),
        ("endpoint:0123456789abcdef", "Choose another name"),
        ("a:0123456789abcdef,b:0123456789abcdef", "own"),
    ],
)
def test_a_bad_key_is_refused_in_one_line_that_does_not_repeat_it(
    monkeypatch: pytest.MonkeyPatch, written: str, said: str
) -> None:
    monkeypatch.setenv("API_KEYS", written)
    with pytest.raises(ValueError, match=said) as refused:
        load()
    told = "".join(traceback.format_exception(refused.value))
    assert str(refused.value).startswith("API_KEYS: ")
    assert "\n" not in str(refused.value)
    for key in ("tooshort", "0123456789abcdef"):
        assert key not in told
