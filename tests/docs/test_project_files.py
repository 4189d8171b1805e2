"""The pages for contributors name what there is: functions, scripts, states; decisions have their parts."""

import importlib
import os
import re
from pathlib import Path

import pytest
from PIL import Image

from tasks.catalogue import KINDS
from tasks.queue.records.record import State
from tasks.settings import DAY_S, Settings
from tasks.webhook.fan_out import EXPAND_AT_ONCE
from tools import showcase, states
from tools.documents import ROOT
from tools.paths import PathStep, faults

DOCS = ROOT / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))
NAMED = re.compile(r"`((?:api|tasks|worker|tools)/[\w/.]+\.(?:py|lua))(?::([\w.]+))?`")


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_every_file_and_function_that_a_page_names_exists(page: Path) -> None:
    named = [PathStep(path, name) for path, name in NAMED.findall(page.read_text(encoding="utf-8"))]
    assert faults(named) == []
    assert named or page.name != "CONTRIBUTING.md"


def test_contributing_names_the_three_places() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for place in ("where an upload becomes a job", "where a job becomes a picture", "where a kind goes"):
        [row] = re.findall(rf"^\| {place} \|(.*)\|$", text, flags=re.MULTILINE)
        assert NAMED.search(row), place


def test_the_readme_takes_three_screens_before_its_links() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.partition("## Documentation")[0].splitlines()) <= 130
    links = text[text.index("## Documentation") :]
    for name in ("images", "reports", "webhooks", "jobs", "settings", "errors"):
        assert f"(docs/{name}.md)" in links


def test_ci_runs_what_everybody_can_run() -> None:
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    assert re.search(r"^ +- run: \.ci/run$", workflow, flags=re.MULTILINE)
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_linter_of_a_commit_is_the_locked_one() -> None:
    [locked] = re.findall(r'^name = "ruff"\nversion = "(.+)"$', (ROOT / "uv.lock").read_text(), flags=re.MULTILINE)
    assert f"rev: v{locked}\n" in (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")


def test_the_glossary_is_in_order_and_names_every_kind() -> None:
    page = (DOCS / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| ([a-z ]+) \|", page, flags=re.MULTILINE)[1:]
    assert words == sorted(set(words))
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []


def test_every_test_that_contributing_names_exists() -> None:
    named = re.findall(r"\btests/[\w/.]*\w", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    assert all((ROOT / path).exists() for path in named)
    assert len(named) > 2


def test_every_script_is_named_on_the_page_about_the_queue() -> None:
    linked = re.findall(r"\]\(\.\./(tasks/queue/lua/[\w/]+\.lua)\)", (DOCS / "queue.md").read_text(encoding="utf-8"))
    folder = ROOT / "tasks" / "queue" / "lua"
    scripts = {str(path.relative_to(ROOT)) for path in folder.rglob("*.lua") if "parts" not in path.parts}
    assert sorted(scripts - set(linked)) == [], "name them in docs/queue.md"


def test_the_numbers_in_the_text_are_those_of_the_code() -> None:
    settings, readme = Settings.model_construct(), (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"makes the deliveries, {EXPAND_AT_ONCE} in each script" in (DOCS / "queue.md").read_text(encoding="utf-8")
    assert "are kept for 24 hours after the job has ended" in readme
    assert settings.keep_succeeded_s == settings.keep_cancelled_s == settings.keep_uploads_s == DAY_S
    assert "events and deliveries for seven days, a delivery that succeeded for one" in readme
    assert settings.keep_succeeded_deliveries_s == DAY_S
    assert settings.keep_failed_s == settings.keep_deliveries_s == 7 * DAY_S
    assert "and after one more day `404`" in readme
    assert settings.tombstone_s == DAY_S


def test_the_diagram_is_the_one_made_from_the_states() -> None:
    assert states.FILE.read_text(encoding="utf-8") == states.svg(), "run `.venv/bin/python -m tools.states`"
    assert set(states.CENTRES) == set(State)
    for state in State:
        assert any(state in one.starts for one in states.TRANSITIONS), f"nothing leads out of {state}"
        assert state is State.SCHEDULED or any(one.end is state for one in states.TRANSITIONS), state
    rows = re.findall(r"^\| `(\w+)` \|", (DOCS / "states.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert rows == [state.value for state in State]


def test_a_function_that_does_not_exist_is_noticed() -> None:
    assert faults([PathStep("tasks/queue/records/record.py", "State")]) == []
    assert faults([PathStep("tasks/queue/records/record.py", "Nothing")]) != []
    assert faults([PathStep("tasks/nowhere.py", "")]) != []


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_a_number_a_date_and_its_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(rf"# {page.name[:4]}: \S", text)
    assert re.search(r"^Date: \d{4}-\d\d-\d\d\.", text, flags=re.MULTILINE)
    headings = re.findall(r"^## (.+)$", text, flags=re.MULTILINE)
    assert [heading.partition(",")[0] for heading in headings[:4]] == [
        "Context",
        "Decision",
        "Alternatives",
        "Consequences",
    ]


def test_decisions_have_numbers_of_their_own() -> None:
    assert len({page.name[:4] for page in DECISIONS}) == len(DECISIONS) > 10


def test_the_picture_of_the_readme_can_be_made_again(tmp_path: Path) -> None:
    showcase.draw(tmp_path / "result.jpg")
    with Image.open(tmp_path / "result.jpg") as made, Image.open(showcase.FILE) as kept:
        assert made.size == kept.size == showcase.SIZE
    assert 50_000 < showcase.FILE.stat().st_size < 300_000


def test_the_imports_that_the_changelog_names_exist() -> None:
    table = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").partition("<!-- moved -->")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines()[3:] for name in re.findall(r"`([\w.:]+)`", row.split("|")[2])]
    module: object = None
    for path, _, attribute in (name.partition(":") for name in named):
        if "." in path:
            module = importlib.import_module(path)
        wanted = attribute if "." in path else path  # a name alone is of the module before it
        assert not wanted or hasattr(module, wanted), f"{path}:{attribute}"
    assert len(named) > 12
