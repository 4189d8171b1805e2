"""The receivers that `docs/receivers.md` prints work: each is run against signed requests, sound and forged."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.webhook.events import EventParams, body_of
from tasks.webhook.signature import headers, key_of, new_private_key, new_secret, private_key_of
from tests.support.machine.npm import install, path_of
from tools.documents import ROOT
from tools.servers import free_port, start_process, wait_for_port

PAGE = (ROOT / "docs" / "receivers.md").read_text(encoding="utf-8")
BLOCKS: dict[str, str] = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", PAGE, flags=re.DOTALL))
PACKAGES = ROOT / "tests" / "support" / "receivers_js"

EVENT = {"shop": "Café 東京", "total": 12.5}
BODY = body_of(EventParams(type="invoice.paid", data=EVENT), 1_795_000_000_000, "")


@dataclass(frozen=True)
class Request:
    """One that arrives. sound: whether a receiver must accept it."""

    why: str
    headers: dict[str, str]
    body: bytes
    sound: bool


def requests(secret: str) -> Iterator[Request]:
    """Requests that Pressroom sends with this secret, and forged ones."""
    now = int(time.time())
    ours, newer, others = key_of(secret), key_of(new_secret()), key_of(new_secret())

    def sent(*keys: bytes, age_s: int = 0) -> dict[str, str]:
        return headers("5e6b1f0c9a7d4e2f8b3c6a1d0e9f7b42", now - age_s, BODY, keys)

    def signed(text: str) -> dict[str, str]:
        return {**sent(ours), "webhook-signature": text}

    signature = sent(ours)["webhook-signature"]
    yield Request("fresh", sent(ours), BODY, True)
    yield Request("rotated, and this is the old secret", sent(newer, ours), BODY, True)
    yield Request("rotated, and this is the new secret", sent(ours, others), BODY, True)
    yield Request("four minutes on its way", sent(ours, age_s=240), BODY, True)
    yield Request("beside a signature of another version", signed(f"v1a,AAAA {signature} v2,x"), BODY, True)

    yield Request("another secret", sent(others), BODY, False)
    yield Request("another body", sent(ours), BODY.replace(b"12.5", b"99.5"), False)
    yield Request("the same JSON with spaces", sent(ours), json.dumps(json.loads(BODY)).encode(), False)
    yield Request("no body", sent(ours), b"", False)
    yield Request("another id", {**sent(ours), "webhook-id": "f" * 32}, BODY, False)
    yield Request("another time", {**sent(ours), "webhook-timestamp": str(now + 1)}, BODY, False)
    yield Request("recorded, and sent again later", sent(ours, age_s=310), BODY, False)
    yield Request("from the future", sent(ours, age_s=-310), BODY, False)
    yield Request("a time that is no number", {**sent(ours), "webhook-timestamp": "soon"}, BODY, False)
    yield Request("a time that no clock shows", {**sent(ours), "webhook-timestamp": "9" * 400}, BODY, False)
    yield Request("unsigned", sent(), BODY, False)
    yield Request("without an id", {k: v for k, v in sent(ours).items() if k != "webhook-id"}, BODY, False)
    yield Request("without a time", {k: v for k, v in sent(ours).items() if k != "webhook-timestamp"}, BODY, False)
    yield Request("right, but as another version", signed(signature.replace("v1", "v1a")), BODY, False)
    yield Request("cut short", signed(signature[:-8]), BODY, False)
    for text in ("", "v1", "v1,", "v1,***", ",", "v1,a,b"):
        yield Request(f"signed with {text!r}", signed(text), BODY, False)


def test_the_page_holds_five_receivers() -> None:
    assert list(BLOCKS) == ["receiver.py", "verify.py", "receiver.mjs", "verify.mjs", "verify_v1a.py"]


def test_the_python_receiver_accepts_what_pressroom_signed_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "receiver.py").write_text(BLOCKS["receiver.py"], encoding="utf-8")
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "receiver:app", "--port", str(port), "--log-level", "error"]
    assert_it_answers_as_it_should(command, port, tmp_path)


def test_the_python_function_accepts_what_pressroom_signed_and_nothing_else() -> None:
    block: dict[str, Any] = {}
    exec(compile(BLOCKS["verify.py"], "verify.py", "exec"), block)  # noqa: S102 - our own page
    secret = new_secret()
    sent = list(requests(secret))
    assert_it_accepts_the_sound_ones([judged(block["verify"], one, secret) for one in sent], sent)


def test_the_function_with_a_public_key_accepts_what_the_private_one_signed_and_nothing_else() -> None:
    block: dict[str, Any] = {}
    exec(compile(BLOCKS["verify_v1a.py"], "verify_v1a.py", "exec"), block)  # noqa: S102 - our own page
    (private, public), (other, _) = new_private_key(), new_private_key()
    now, secret = int(time.time()), key_of(new_secret())

    def sent(*privates: str, age_s: int = 0) -> dict[str, str]:
        return headers("5e6b1f0c", now - age_s, BODY, [secret], [private_key_of(one) for one in privates])

    cases = [
        Request("beside the secret's", sent(private), BODY, True),
        Request("rotated", sent(other, private), BODY, True),
        Request("another key", sent(other), BODY, False),
        Request("the secret's alone", sent(), BODY, False),
        Request("another body", sent(private), BODY + b" ", False),
        Request("old", sent(private, age_s=310), BODY, False),
        Request("another id", {**sent(private), "webhook-id": "f"}, BODY, False),
    ]
    assert_it_accepts_the_sound_ones([judged(block["verify"], one, public) for one in cases], cases)


def test_the_javascript_receiver_accepts_what_pressroom_signed_and_nothing_else(node: str, packages: Path) -> None:
    (packages / "receiver.mjs").write_text(BLOCKS["receiver.mjs"], encoding="utf-8")
    assert_it_answers_as_it_should([node, "receiver.mjs"], free_port(), packages)


def test_the_javascript_function_accepts_what_pressroom_signed_and_nothing_else(node: str, tmp_path: Path) -> None:
    (tmp_path / "verify.mjs").write_text(BLOCKS["verify.mjs"], encoding="utf-8")
    shutil.copy(PACKAGES / "judge.mjs", tmp_path)
    secret = new_secret()
    sent = list(requests(secret))
    asked = [{"headers": one.headers, "body": base64.b64encode(one.body).decode()} for one in sent]
    done = subprocess.run(
        [node, "judge.mjs"],
        cwd=tmp_path,
        input=json.dumps({"secret": secret, "requests": asked}),
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert_it_accepts_the_sound_ones(json.loads(done.stdout), sent)


def test_the_lock_names_no_registry() -> None:
    lock = json.loads((PACKAGES / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: about for name, about in lock["packages"].items() if name}
    assert "node_modules/standardwebhooks" in packages
    assert all(about["integrity"].startswith("sha512-") for about in packages.values())
    assert not any("resolved" in about for about in packages.values())


@pytest.fixture(scope="module")
def node() -> str:
    return path_of("node", "it runs the JavaScript of docs/receivers.md")


@pytest.fixture(scope="module")
def packages(node: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the npm packages of the lock, and nothing else of ours."""
    folder = tmp_path_factory.mktemp("receivers_js")
    install(PACKAGES, folder, "it fetches the package that the JavaScript of docs/receivers.md uses")
    return folder


def judged(verify: Callable[..., dict[str, Any]], request: Request, secret: str) -> dict[str, Any] | None:
    try:
        return verify(request.body, request.headers, secret)
    except ValueError:  # the one that the page speaks of
        return None


def assert_it_accepts_the_sound_ones(events: list[dict[str, Any] | None], sent: list[Request]) -> None:
    found = {one.why: event and event["data"] for one, event in zip(sent, events, strict=True)}
    assert found == {one.why: EVENT if one.sound else None for one in sent}


def assert_it_answers_as_it_should(command: Sequence[str], port: int, folder: Path) -> None:
    secret = new_secret()
    with running(command, port, folder, WEBHOOK_SECRET=secret, PORT=str(port)):
        sent = list(requests(secret))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
            answers = {one.why: client.post("/webhooks", content=one.body, headers=one.headers) for one in sent}
    said = {why: answer.status_code for why, answer in answers.items()}
    assert said == {one.why: 204 if one.sound else 400 for one in sent}


@contextmanager
def running(command: Sequence[str], port: int, folder: Path, **environment: str) -> Iterator[None]:
    process = start_process(command, cwd=folder, env={**os.environ, **environment})
    try:
        wait_for_port(port, process)
        yield
    finally:
        process.kill()
        process.wait()
