"""What is in deploy/, as the programs that read it see it."""

import json
import os
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.settings import Settings
from tests.deploy.recipes import DEPLOY, KUBERNETES, UNITS, accepted, documents, program
from tools.documents import ROOT

MAX_LINES = 25
COMMANDS = {"python -m api", "python -m worker"}
STORAGE_VARIABLES = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"}
"""What the storage client reads by itself."""

pytestmark = pytest.mark.recipes


def variables_of(value: Any) -> set[str]:
    """The names of environment variables in a recipe: keys in capitals, and what is named by `key`."""
    if isinstance(value, dict):
        own = {name for name in value if isinstance(name, str) and re.fullmatch(r"[A-Z][A-Z0-9_]+", name)}
        named = {value["key"]} if isinstance(value.get("key"), str) else set()
        return own.union(named, *map(variables_of, value.values()))
    if isinstance(value, list):
        return set().union(*map(variables_of, value))
    return set()


def test_the_image_is_well_made() -> None:
    accepted([program("hadolint"), "--failure-threshold", "style", str(DEPLOY / "Dockerfile")])


def test_compose_reads_its_file() -> None:
    compose, file = program("docker-compose"), str(DEPLOY / "compose.yaml")
    secrets = {"API_KEYS": "shop:" + "k" * 32, "SECRET_KEY": "s" * 32}
    services = yaml.safe_load(accepted([compose, "-f", file, "config"], env={**os.environ, **secrets}))["services"]
    assert {"web", "worker", "redis"} == services.keys()
    assert all("healthcheck" in services[name] for name in ("web", "worker"))


@pytest.mark.parametrize("file", KUBERNETES, ids=lambda file: file.stem)
def test_kubernetes_accepts_its_objects(file: Path) -> None:
    printed = accepted([program("kubernetes-validate"), "--strict", str(file)])
    assert "passed" in printed or "ScaledObject" in printed  # that one is KEDA's


def test_prometheus_reads_the_query_of_the_scaler(tmp_path: Path) -> None:
    (scaler,) = documents(DEPLOY / "kubernetes/keda.yaml")
    query = scaler["spec"]["triggers"][0]["metadata"]["query"]
    rules = tmp_path / "rules.yml"
    rules.write_text(json.dumps({"groups": [{"name": "keda", "rules": [{"record": "late", "expr": query}]}]}))
    accepted([program("promtool"), "check", "rules", str(rules)])
    metric = re.search(r"pressroom_\w+", query)
    assert metric
    assert f'"{metric[0]}"' in (ROOT / "api/operations/prometheus.py").read_text()


def test_systemd_accepts_its_units(tmp_path: Path) -> None:
    for unit in UNITS:
        python = shutil.which("true")  # which exists; systemd looks
        (tmp_path / unit.name).write_text(re.sub(r"ExecStart=\S+", f"ExecStart={python}", unit.read_text()))
    printed = accepted([program("systemd-analyze"), "verify", *(str(tmp_path / unit.name) for unit in UNITS)])
    assert not printed


def test_caddy_accepts_its_file() -> None:
    accepted([program("caddy"), "validate", "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")])


def test_every_variable_of_every_recipe_is_a_setting() -> None:
    settings = {name.upper() for name in Settings.model_fields} | STORAGE_VARIABLES
    named: dict[str, set[str]] = {
        "compose.yaml": variables_of(documents(DEPLOY / "compose.yaml")),
        "render.yaml": variables_of(documents(DEPLOY / "render.yaml")),
        "fly.toml": variables_of(tomllib.loads((DEPLOY / "fly.toml").read_text())),
        "settings.yaml": variables_of(documents(DEPLOY / "kubernetes/settings.yaml")),
        "units": {
            name for unit in UNITS for name in re.findall(r"^Environment=(\w+)=", unit.read_text(), re.MULTILINE)
        },
    }
    assert all(named.values())
    assert {file: names - settings for file, names in named.items() if names - settings} == {}


def test_every_recipe_starts_what_the_procfile_starts() -> None:
    started = {line.partition(": ")[2] for line in (ROOT / "Procfile").read_text().splitlines()}
    assert started == COMMANDS
    fly = tomllib.loads((DEPLOY / "fly.toml").read_text())["processes"]
    railway = [json.loads(file.read_text())["deploy"]["startCommand"] for file in DEPLOY.glob("railway*.json")]
    units = [re.search(r"ExecStart=\S+/bin/(.+)", unit.read_text()) for unit in UNITS]
    assert {*fly.values()} == {*railway} == {found[1] for found in units if found} == COMMANDS


def test_no_object_is_longer_than_a_page_shows() -> None:
    for file in filter(Path.is_file, DEPLOY.rglob("*")):
        if file.suffix == ".md" or file.name == "uv.txt":  # a list of hashes
            continue
        objects = re.split(r"^---\n|\n\n", file.read_text(), flags=re.MULTILINE)
        assert max(len(one.splitlines()) for one in objects) <= MAX_LINES, file.name
