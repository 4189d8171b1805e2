"""`bin/serve`, as the owner of a server starts it: twice, with a key that stays."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.one_machine.waiting import wait_until_alive
from tests.support.pictures import encoded, scene
from tools.documents import ROOT
from tools.servers import ending_with_us, free_port

STOP_S = 60.0
SETTINGS = {"API_KEYS", "API_KEYS_FILE", "ADMINS", "DEV", "REDIS_URL", "STORAGE_URL", "SECRET_KEY", "PUBLIC_URL"}


@contextlib.contextmanager
def served(folder: Path, port: int, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A running `bin/serve`, but for its set-up, until the block ends."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environment |= {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, "-m", "tools.serve", "--port", str(port), *arguments]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            ending_with_us(command, signal.SIGTERM), cwd=folder, env=environment, stdout=log, stderr=subprocess.PIPE
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=STOP_S)


def client_of(port: int, folder: Path) -> httpx.Client:
    key = (folder / "data/serve/api_keys").read_text().strip().partition(":")[2]
    return httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {key}"}, timeout=30)


@pytest.mark.seconds(60)
def test_it_asks_for_a_key_and_keeps_everything_over_a_restart(tmp_path: Path) -> None:
    port = free_port()
    with served(tmp_path, port) as process:
        wait_until_alive(port, process)
        for host in ("127.0.0.1", "localhost"):
            assert httpx.get(f"http://{host}:{port}/v1/jobs").status_code == 401
        with served(tmp_path, free_port()) as other:
            assert b"another bin/serve uses" in other.communicate(timeout=STOP_S)[1]
        with client_of(port, tmp_path) as client:
            picture = {"file": ("photo.jpg", encoded(scene(64, 48), "JPEG"))}
            job = client.post("/v1/images", files=picture, headers={"Prefer": "wait=20"}).json()
    with served(tmp_path, port) as process, client_of(port, tmp_path) as client:
        wait_until_alive(port, process)
        kept = client.get(f"/v1/jobs/{job['id']}?wait=20").json()
        assert kept["state"] == "succeeded"
        assert client.get(kept["files"][0]["url"]).is_success
    secrets = tmp_path / "data/serve"
    for name in ("api_keys", "secret_key", "valkey/valkey.conf"):
        assert stat.S_IMODE((secrets / name).stat().st_mode) == 0o600
    log = (tmp_path / "log").read_text()
    assert f"API key: {secrets / 'api_keys'}" in log
    assert client.headers["Authorization"].partition(" ")[2] not in log


def test_it_says_which_address_it_cannot_use(tmp_path: Path) -> None:
    with served(tmp_path, free_port(), "--host", "192.0.2.1") as process:
        refused = process.communicate(timeout=STOP_S)[1].decode()
    assert process.returncode == 1
    assert refused.startswith("bin/serve: cannot listen on 192.0.2.1")


@pytest.mark.seconds(60)
def test_the_file_env_counts(tmp_path: Path) -> None:
    lines = ["PUBLIC_URL=https://pressroom.example.com", "API_KEYS=shop:0123456789abcdef", "ADMINS="]
    (tmp_path / ".env").write_text("\n".join(lines))
    port = free_port()
    with served(tmp_path, port) as process:
        wait_until_alive(port, process)
        key = {"Authorization": "Bearer 0123456789abcdef"}
        jobs = f"http://127.0.0.1:{port}/v1/jobs"
        assert httpx.get(jobs, headers=key).status_code == 421
        assert httpx.get(jobs, headers={**key, "Host": "pressroom.example.com"}).status_code == 200
    assert not (tmp_path / "data/serve/api_keys").exists()
    assert "Pressroom starts at https://pressroom.example.com" in (tmp_path / "log").read_text()


@pytest.mark.seconds(60)
def test_its_folder_may_have_a_space(tmp_path: Path) -> None:
    port, data = free_port(), tmp_path / "my data"
    with served(tmp_path, port, "--data", str(data)) as process:
        wait_until_alive(port, process)
        key = (data / "api_keys").read_text().strip().partition(":")[2]
        headers = {"Authorization": f"Bearer {key}"}
        picture = {"file": ("photo.jpg", encoded(scene(64, 48), "JPEG"))}
        with httpx.Client(base_url=f"http://localhost:{port}", headers=headers, timeout=30) as client:
            job = client.post("/v1/images", files=picture, headers={"Prefer": "wait=20"}).json()
            assert client.get(f"/v1/jobs/{job['id']}?wait=20").json()["state"] == "succeeded"
    assert list((data / "storage").iterdir())
