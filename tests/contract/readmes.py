"""The blocks of code in the clients' READMEs are run, as a reader would: in an empty folder, with a photo."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import httpx

from tasks.webhook.events import EventParams, body_of
from tasks.webhook.signature import headers, key_of, new_secret
from tests.support.pictures import encoded, scene
from tests.support.processes import ROOT
from tests.support.servers import free_port, start_process, wait_for_port

PYTHON: Final = ROOT / "clients" / "python"
SECONDS: Final = 60
# What each block prints, as a pattern.
PRINTS: Final = {
    "pictures.py": r"card\.webp image/webp \d+ 640 480\n",
    "reports.py": r"\d{4,} bytes\n",
    "pictures_async.py": r"(\S+ \d{3,}\n)+",
    "events.py": r"\{'\w+': \d+\}\n\d+ jobs have failed\n",
    "errors.py": r"422 invalid_params variants\.0\.width \d+ \S+\n(corrupt|truncated|unsupported_format)\n",
}


def blocks(page: Path, language: str) -> dict[str, str]:
    """The blocks of a page by their names; each block of the language has one."""
    text = page.read_text(encoding="utf-8")
    found = dict(re.findall(rf"<!-- run: (\S+) -->\n```{language}\n(.*?)```", text, flags=re.DOTALL))
    assert len(found) == text.count(f"```{language}\n"), f"{page}: a block without a name"
    return found


def run_python(folder: Path, variables: dict[str, str]) -> None:
    """Run the blocks of the Python client's README. variables: URL and key of the service."""
    folder.mkdir()
    (folder / "photo.jpg").write_bytes(encoded(scene(800, 600), "jpeg"))
    environment = {**os.environ, **variables, "PYTHONPATH": str(PYTHON / "src")}
    for name, block in blocks(PYTHON / "README.md", "python").items():
        (folder / name).write_text(block, encoding="utf-8")
        if name == "receiver.py":
            receive(folder, environment, [sys.executable, "-m", "uvicorn", "receiver:app", "--log-level", "error"])
        else:
            check(name, [sys.executable, "-W", "error", name], folder, environment)
    assert (folder / "sales.pdf").read_bytes()[:5] == b"%PDF-"
    assert (folder / "card.webp").read_bytes()[8:12] == b"WEBP"
    sys.stdout.write("Python: each block of the client's README.\n")


def check(name: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a block. Raises: AssertionError unless it prints what it should."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, f"{name}: {done.stderr}"
    assert re.fullmatch(PRINTS[name], done.stdout), f"{name} has printed {done.stdout!r}"


def receive(folder: Path, environment: dict[str, str], command: list[str]) -> None:
    """Run a receiver, and send it an event that is signed, one that is not, and one that was changed."""
    secret, port = new_secret(), free_port()
    environment = {**environment, "WEBHOOK_SECRET": secret, "PORT": str(port)}
    process = start_process([*command, "--port", str(port)], cwd=folder, env=environment)
    try:
        wait_for_port(port, process)
        body = body_of(EventParams(type="order.paid", data={"order": 4711}), 1_795_000_000_000, "")
        signed = headers("5e6b1f0c9a7d4e2f8b3c6a1d0e9f7b42", int(time.time()), body, [key_of(secret)])
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
            answers = [
                client.post("/webhooks", content=content, headers=given).status_code
                for content, given in ((body, signed), (body, {}), (body + b" ", signed))
            ]
    finally:
        process.kill()
        process.wait()
    assert answers == [204, 400, 400], answers
