"""What deploy/Dockerfile puts into the image, run as there: as a user without rights, on a file system that nothing may
be written to but /tmp."""

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.deploy.recipes import DEPLOY, program
from tests.end_to_end.one_machine.waiting import wait_until_alive
from tests.support.api.serving import ALICE, KEYS
from tests.support.pictures import encoded, scene
from tools.documents import ROOT
from tools.servers import Valkey, ending_with_us, free_port

USER = "10001"
STOP_S = 40.0

pytestmark = [pytest.mark.recipes, pytest.mark.seconds(120)]


def test_web_and_worker_need_no_other_files_and_write_nothing_else(tmp_path: Path) -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert re.search(rf"^USER {USER}$", dockerfile, re.MULTILINE)
    app, files = tmp_path / "app", tmp_path / "files"
    files.mkdir()
    for folder in re.findall(r"^COPY (\w+) \1$", dockerfile, re.MULTILINE):
        shutil.copytree(ROOT / folder, app / folder)
    mounts = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]  # noqa: S108 - of the container
    own = ["--ro-bind", str(ROOT), str(ROOT), "--ro-bind", str(app), str(app), "--bind", str(files), str(files)]
    inside = [
        program("bwrap"),
        *mounts,
        *own,
        "--unshare-user",
        "--uid",
        USER,
        "--chdir",
        str(app),
        "--die-with-parent",
    ]
    port = free_port()
    with Valkey() as valkey:
        environment = {
            "PATH": "/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PORT": str(port),
            "REDIS_URL": valkey.url,
            "STORAGE_URL": f"file://{files}",
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "API_KEYS": KEYS,
            "SECRET_KEY": "s" * 32,
        }
        processes = [
            subprocess.Popen(
                ending_with_us([*inside, sys.executable, "-m", module], signal.SIGTERM),
                env=environment,
                stderr=subprocess.PIPE,
            )
            for module in ("api", "worker")
        ]
        try:
            wait_until_alive(port, processes[0])
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {ALICE}"}, timeout=60
            ) as client:
                picture = {"file": ("photo.jpg", encoded(scene(64, 48), "JPEG"))}
                job = client.post("/v1/images", files=picture, headers={"Prefer": "wait=25"}).json()
                job = client.get(f"/v1/jobs/{job['id']}?wait=25").json()
                assert job["state"] == "succeeded", job
                assert client.get(job["files"][0]["url"]).is_success
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.communicate(timeout=STOP_S)
