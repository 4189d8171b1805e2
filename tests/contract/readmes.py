"""The blocks of code in the clients' READMEs are run, as a reader would: in an empty folder, with a photo."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx

from tasks.webhook.signature import new_secret
from tests.contract.service import HERE
from tests.docs.test_receivers_code import requests
from tests.support.pictures import encoded, scene
from tests.support.processes import ROOT
from tools.servers import free_port, start_process, wait_for_port

PYTHON: Final = ROOT / "clients" / "python"
TYPESCRIPT: Final = ROOT / "clients" / "typescript"
ORIGIN: Final = "https://app.example.com"
"""Of the page that has an upload token; one of CORS_ORIGINS."""
SECONDS: Final = 60
# What each block prints, as a pattern, whatever its language.
PRINTS: Final = {
    "pictures": r"card\.webp image/webp \d+ 640 480\n",
    "reports": r"\d{4,} bytes\n",
    "pictures_async": r"(\S+ \d{3,}\n)+",
    "events": r"\{ ?'?\w+'?: \d+ ?\}\n(\d+ jobs have failed|\{ jobs: \[\].*\})\n",
    "errors": r"422 invalid_params variants\.0\.width \d+ \S+\n(corrupt|truncated|unsupported_format)\n",
    "retries": "retried\n",
    "page": r"(http\S+/f/\S+\n)+",
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
            command = [sys.executable, "-m", "uvicorn", "receiver:app", "--log-level", "error", "--port"]
            receive(folder, environment, command, free_port())
        else:
            check(name, [sys.executable, "-W", "error", name], folder, environment)
    check_files(folder)
    sys.stdout.write("Python: each block of the client's README.\n")


def run_typescript(folder: Path, variables: dict[str, str]) -> None:
    """Build the TypeScript client, and run the blocks of its README.

    Args:
        folder: With the packages of `tests/contract/typescript`, and `openapi.json` beside it.
        variables: URL and key of the service.
    """
    wanted, there = (json.loads((one / "package.json").read_text()) for one in (TYPESCRIPT, folder))
    assert wanted["devDependencies"] == there["devDependencies"], "the client is built with what it names"
    programs, package = folder / "node_modules" / ".bin", folder / "client"
    shutil.copytree(TYPESCRIPT, package, ignore=shutil.ignore_patterns("node_modules", "dist"))
    (folder / "node_modules" / "pressroom-client").symlink_to(package)
    shutil.copy(folder.parent / "openapi.json", package)
    environment = {**os.environ, **variables, "PATH": f"{programs}:{os.environ['PATH']}"}
    for command in wanted["scripts"].values():
        run(["sh", "-c", command], package, environment)
    readme = folder / "readme"
    readme.mkdir()
    (readme / "photo.jpg").write_bytes(encoded(scene(800, 600), "jpeg"))
    shutil.copy(HERE / "typescript" / "page.mjs", readme)
    found = blocks(TYPESCRIPT / "README.md", "ts")
    for name, block in found.items():
        (readme / name).write_text(block, encoding="utf-8")
    options = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"]
    run(["tsc", *options, *found], readme, environment)
    for name in found:
        program = str(Path(name).with_suffix(".mjs" if name == "page.ts" else ".js"))
        if name == "receiver.ts":
            receive(readme, environment, ["node", program], free_port())
        else:
            token = {"UPLOAD_TOKEN": upload_token(variables)} if name == "page.ts" else {}
            check(name, ["node", program], readme, environment | token)
    check_files(readme)
    shutil.copy(HERE / "typescript" / "retries.mjs", readme)
    check("retries.mjs", ["node", "retries.mjs"], readme, environment)
    sys.stdout.write("TypeScript: each block of the client's README.\n")


def upload_token(variables: dict[str, str]) -> str:
    """A token for a page of ORIGIN."""
    answer = httpx.post(
        f"{variables['PRESSROOM_URL']}/v1/upload-tokens",
        headers={"Authorization": f"Bearer {variables['PRESSROOM_KEY']}"},
        json={"origin": ORIGIN, "variants": "avatar"},
    )
    return str(answer.raise_for_status().json()["token"])


def check_files(folder: Path) -> None:
    """Raises: AssertionError unless the blocks have written what they should."""
    assert (folder / "sales.pdf").read_bytes()[:5] == b"%PDF-"
    assert (folder / "card.webp").read_bytes()[8:12] == b"WEBP"


def run(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a tool. Raises: AssertionError with its output if it fails."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"


def check(name: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
    """Run a block. Raises: AssertionError unless it prints what it should."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == 0, f"{name}: {done.stderr}"
    assert re.fullmatch(PRINTS[name.partition(".")[0]], done.stdout), f"{name} has printed {done.stdout!r}"


def receive(
    folder: Path,
    environment: dict[str, str],
    command: list[str],
    port: int,
    use: Callable[[httpx.Client], None] | None = None,
) -> None:
    """Run a receiver of webhooks, and send it events that are signed, and forged ones.

    Args:
        folder: Where it is.
        environment: Of the process, to which PORT and WEBHOOK_SECRET are added.
        command: That starts it; the port is added to it.
        port: Where it listens.
        use: What else is done with it.
    """
    secret = new_secret()
    environment = {**environment, "WEBHOOK_SECRET": secret, "PORT": str(port)}
    log = folder / "receiver.log"
    with log.open("wb") as file:
        process = start_process([*command, str(port)], cwd=folder, env=environment, stdout=file, stderr=file)
    try:
        wait_for_port(port, process)
        sent = list(requests(secret))
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client:
            answers = {
                one.why: client.post("/webhooks", content=one.body, headers=one.headers).status_code for one in sent
            }
            if use is not None:
                use(client)
    except BaseException:
        sys.stdout.write(log.read_text(encoding="utf-8", errors="replace"))
        raise
    finally:
        process.kill()
        process.wait()
    assert answers == {one.why: 204 if one.sound else 400 for one in sent}, answers
