"""What the documents say of settings and errors is what the code says."""

import re
import traceback

import pytest

from tasks.refusal import CODES
from tasks.settings import Settings, load
from tools.documents import ROOT, env_example, environment_names, errors_table, settings_table, with_tables

REWRITE = "run `.venv/bin/python -m tools.documents`"


def test_the_readme_tables_are_those_made_from_the_code() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == with_tables(readme), REWRITE


def test_the_example_environment_is_the_one_made_from_the_settings() -> None:
    assert (ROOT / ".env.example").read_text(encoding="utf-8") == env_example(), REWRITE


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


@pytest.mark.parametrize("readme", ["", "<!-- settings --><!-- /settings -->", "<!-- errors --><!-- /errors -->"])
def test_a_readme_without_a_place_for_a_table_is_refused(readme: str) -> None:
    with pytest.raises(ValueError, match="exactly once"):
        with_tables(readme)


def test_every_link_between_our_documents_leads_somewhere() -> None:
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("shop:tooshort", "at least 16"),
        ("system:0123456789abcdef", "system"),
        ("failed:0123456789abcdef", "choose another name"),
        ("endpoint:0123456789abcdef", "choose another name"),
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
