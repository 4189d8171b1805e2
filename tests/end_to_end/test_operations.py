"""What `docs/operations.md` prints is run, while something is stuck: three commands say what, and why."""

import json
import os
import re
import subprocess
from typing import Any

import httpx
import pytest

from tests.support.pictures import encoded, scene
from tools.demo.demo import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"<!-- run -->\n```sh\n(.*?)```", PAGE, flags=re.DOTALL)


WITH_ID = dict(re.findall(r"<!-- run: (\w+) -->\n```sh\n(.*?)```", PAGE, flags=re.DOTALL))
"""Commands for an id, by the name of the variable that holds it."""


def run(block: str, address: str, **ids: str) -> str:
    assert "http://localhost:8000" in block
    script = block.replace("http://localhost:8000", address)
    command = ["bash", "-eu", "-c", script]
    done = subprocess.run(command, env={**os.environ, **ids}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def stuck(client: httpx.Client) -> Any:
    """A job in a queue that somebody has paused."""
    client.post("/v1/queues/media/pause").raise_for_status()
    answer = client.post("/v1/images", content=encoded(scene(80, 60), "png"), headers={"Content-Type": "image/png"})
    yield answer.json()["id"]
    client.post("/v1/queues/media/resume").raise_for_status()


def test_three_commands_tell_what_is_stuck_and_why(address: str, stuck: str, client: httpx.Client) -> None:
    which, whose, who, remedy = COMMANDS[:4]
    media = json.loads(run(which, address))["queues"][0]
    assert (media["name"], media["paused"], media["due"]) == ("media", True, 1)
    assert media["workers"] == 1
    [lane] = json.loads(run(whose, address))["lanes"]
    assert (lane["name"], lane["state"], lane["waiting"]) == ("owner:dev", "ready", 1)
    [worker] = json.loads(run(who, address))["workers"]
    assert worker["alive"]
    assert worker["queues"] == ["media", "reports", "webhooks", "default"]
    assert '"paused":true' in run(remedy, address)
    ended = client.get(f"/v1/jobs/{stuck}", params={"wait": 20}).json()
    assert ended["state"] == "succeeded", "resumed"


def test_the_other_commands_work(address: str) -> None:
    for block in COMMANDS[4:]:
        assert "problem" not in run(block, address), block


def test_the_commands_for_one_endpoint_and_one_job_work(address: str, stuck: str, client: httpx.Client) -> None:
    endpoint = client.post("/v1/endpoints", json={"url": "https://8.8.8.8/hook", "events": ["order.paid"]})
    assert endpoint.is_success, endpoint.text
    endpoint_id = endpoint.json()["id"]
    client.patch(f"/v1/endpoints/{endpoint_id}", json={"enabled": False}).raise_for_status()
    assert set(WITH_ID) == {"ENDPOINT", "JOB"}
    assert '"kind":"recovery"' in run(WITH_ID["ENDPOINT"], address, ENDPOINT=endpoint_id)
    assert client.get(f"/v1/endpoints/{endpoint_id}").json()["enabled"]
    assert json.loads(run(WITH_ID["JOB"], address, JOB=stuck))["id"] == stuck
    client.delete(f"/v1/endpoints/{endpoint_id}").raise_for_status()


def test_metrics_tell_of_the_real_processes(client: httpx.Client, stuck: str) -> None:
    text = client.get("/metrics").text
    assert 'pressroom_queue_paused{queue="media"} 1.0' in text
    assert 'pressroom_queue_workers{queue="media"} 1.0' in text
    client.post("/v1/queues/media/resume").raise_for_status()
    assert client.get(f"/v1/jobs/{stuck}", params={"wait": 20}).json()["state"] == "succeeded"
    assert 'pressroom_run_seconds_count{kind="thumbnail"}' in client.get("/metrics").text
