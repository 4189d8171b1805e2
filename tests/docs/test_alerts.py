"""docs/alerts.yml: rules that Prometheus takes, on metrics that there are, and that hold when they should."""

import re
import shutil
import subprocess

import pytest
from arq.connections import ArqRedis

from api.operations.prometheus import collect
from tasks.settings import Settings
from tools.documents import ROOT

RULES = ROOT / "docs" / "alerts.yml"
CASES = ROOT / "tests" / "docs" / "alerts_test.yml"
PROMTOOL = shutil.which("promtool")
installed = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian's package prometheus)")


@installed
@pytest.mark.parametrize("arguments", [["check", "rules", str(RULES)], ["test", "rules", str(CASES)]])
def test_promtool_takes_the_rules_and_their_tests_pass(arguments: list[str]) -> None:
    done = subprocess.run([str(PROMTOOL), *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_the_rules_ask_for_metrics_that_there_are(redis: ArqRedis) -> None:
    known = {metric.name for metric in await collect(redis, Settings(_env_file=None))}
    asked = set(re.findall(r"\bpressroom_[a-z_]+", RULES.read_text(encoding="utf-8")))
    assert asked <= known
    assert len(asked) > 8


def test_every_rule_is_tested_to_hold_and_not_to_hold() -> None:
    rules = re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))
    cases = re.findall(r"alertname: (\w+)", CASES.read_text(encoding="utf-8"))
    assert sorted(rules * 2) == sorted(cases)
