"""The plan that docs/deploy.md and app.json name: every variable is one that Pressroom reads, and both say the same."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

from tasks.settings import Settings
from tools.documents import ROOT, environment_names

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
SDK = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
"""Read by the client of the storage, not by the settings."""
VARIABLES = {name for field, info in Settings.model_fields.items() for name in environment_names(field, info)}
ASSIGNED = re.compile(r"(?<![\w?&])([A-Z][A-Z0-9_]{2,})=(\$\([^)]*\)|[^\s`]*)")
OTHER = {"KEY", "URL"} | SDK
"""What the page assigns besides: names of its own commands."""


def described() -> dict[str, dict[str, Any]]:
    env: dict[str, dict[str, Any]] = json.loads((ROOT / "app.json").read_text(encoding="utf-8"))["env"]
    return env


def commands() -> dict[str, str]:
    """What the first block of commands sets."""
    block = PAGE.partition("heroku config:set")[2].partition("git push")[0]
    return dict(ASSIGNED.findall(block))


def check(variables: dict[str, str]) -> None:
    """Raises: ValueError: A value cannot be one of its setting."""
    values: dict[str, Any] = {name.lower(): value for name, value in variables.items()}
    Settings(_env_file=None, **values)


def test_every_variable_of_app_json_is_read_and_its_value_is_valid() -> None:
    assert described().keys() <= VARIABLES | SDK
    for name, about in described().items():
        assert about["description"], name
        if "value" in about:
            check({name: about["value"]})
        else:
            assert "generator" in about or "required" in about, name


def test_every_variable_that_the_page_sets_is_read() -> None:
    assert {name for name, _ in ASSIGNED.findall(PAGE)} <= VARIABLES | OTHER
    assert len(commands()) > 8


def test_the_commands_and_app_json_carry_the_same_plan() -> None:
    fixed = {name: about["value"] for name, about in described().items() if "value" in about}
    assert {name: commands().get(name) for name in fixed} == fixed
    wanted = {name for name, about in described().items() if about.get("required") or "generator" in about}
    assert wanted <= commands().keys()
    assert {"REDIS_MAX_CONNECTIONS", "SANDBOX_BUDGET_MB", "UPLOAD_MEMORY_MB", "WEB_CONCURRENCY"} <= fixed.keys()


def test_the_sizes_are_settings_that_are_valid() -> None:
    table = PAGE.partition("| plan | Redis |")[2].partition("\n\n")[0]
    rows = [dict(ASSIGNED.findall(row)) for row in table.splitlines() if "=" in row]
    assert len(rows) > 1
    for row in rows:
        check(row)


def test_what_traces_need_is_the_group_of_the_project() -> None:
    groups = tomllib.loads(Path(ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    assert [f"'{package}'" in PAGE for package in groups["otel"]] == [True] * len(groups["otel"])


def test_the_slug_leaves_out_what_does_not_run() -> None:
    lines = (ROOT / ".slugignore").read_text(encoding="utf-8").splitlines()
    left_out = {line.strip("/") for line in lines if not line.startswith("#")}
    assert all((ROOT / name).is_dir() for name in left_out)
    assert not left_out & {"api", "tasks", "worker", "bin"}
