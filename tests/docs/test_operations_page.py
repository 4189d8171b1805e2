"""`docs/operations.md` and `docs/grafana.json` name what there is: metrics, settings, alerts, states."""

import json
import re
from typing import get_args

import pytest
from arq.connections import ArqRedis

from api.operations.metric import Metric
from api.operations.prometheus import collect
from tasks.maintenance import alerts
from tasks.queue.lanes.stats import LaneState
from tasks.settings import Settings
from tools import grafana
from tools.documents import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
NAME = re.compile(r"pressroom_[a-z_]+")
OF_HISTOGRAM = re.compile(r"_(bucket|sum|count)$")


@pytest.fixture
async def metrics(redis: ArqRedis) -> dict[str, Metric]:
    return {metric.name: metric for metric in await collect(redis, Settings(_env_file=None))}


def rows(first: str) -> list[str]:
    """The first cells of the table that begins with this one."""
    table = PAGE.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return [line.split("|")[1].strip() for line in table.splitlines()[2:]]


async def test_every_metric_has_a_row_and_every_row_is_a_metric(metrics: dict[str, Metric]) -> None:
    told = [name for cell in rows("metric") for name in NAME.findall(cell)]
    assert sorted(told) == sorted(metrics)


async def test_the_dashboard_asks_for_what_there_is_and_for_all_of_it(metrics: dict[str, Metric]) -> None:
    queries = [target["expr"] for panel in grafana.dashboard()["panels"] for target in panel["targets"]]
    asked = {name for query in queries for name in NAME.findall(query)}
    histograms = {name for name, metric in metrics.items() if metric.type == "histogram"}
    known = {OF_HISTOGRAM.sub("", name) if OF_HISTOGRAM.sub("", name) in histograms else name for name in asked}
    assert known == metrics.keys()
    assert all(query.count("(") == query.count(")") for query in queries)


def test_the_dashboard_is_the_one_made_from_its_panels() -> None:
    assert grafana.FILE.read_text(encoding="utf-8") == grafana.text(), "run `.venv/bin/python -m tools.grafana`"
    assert json.loads(grafana.text())["title"] == "Pressroom"


def test_every_alert_and_every_state_of_a_lane_is_explained() -> None:
    assert rows("alert") == [f"`{name}`" for name in alerts.NAMES]
    assert sorted(rows("state")) == sorted(f"`{state}`" for state in get_args(LaneState))


def test_the_settings_that_it_names_exist() -> None:
    named = set(re.findall(r"`(ALERT_[A-Z_]+|METRICS_KEY|ADMINS)`", PAGE))
    assert {name.lower() for name in named} <= Settings.model_fields.keys()
    assert {name.upper() for name in Settings.model_fields if name.startswith("alert_")} <= named


@pytest.mark.parametrize(
    "trouble",
    [
        "## Redis is full",
        "### Redis fails over",
        "### The storage is away",
        "**A job failed as `poison`**",
        "## Un-park now",
    ],
)
def test_each_trouble_has_a_command_that_is_run(trouble: str) -> None:
    _, found, rest = PAGE.partition(f"\n{trouble}")
    assert found
    assert re.search(r"<!-- run(: [A-Z]+)? -->\s+```sh\n", re.split(r"\n##+ ", rest)[0])
