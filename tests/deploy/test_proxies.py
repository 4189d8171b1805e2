"""A large upload and a stream of events, through nginx and Caddy as deploy/ sets them up."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.deploy.recipes import DEPLOY, program
from tests.support.api.serving import ALICE
from tests.support.api.web_process import web_process
from tests.support.pictures import encoded, scene
from tools.servers import Valkey, free_port, start_process, wait_for_port

HOST = "pressroom.example.com"
UPLOAD_BYTES = 100 << 20
PIECE = b"day,amount\n" * 95_000
NGINX = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  include {folder}/pressroom.conf;
}}
"""

pytestmark = [pytest.mark.recipes, pytest.mark.seconds(120)]


def nginx(folder: Path, port: int, web_port: int) -> list[str]:
    """The command of an nginx before the web process."""
    nginx = program("nginx")
    site = (DEPLOY / "nginx.conf").read_text()
    site = site.replace("127.0.0.1:8000", f"127.0.0.1:{web_port}").replace("listen 80", f"listen 127.0.0.1:{port}")
    (folder / "pressroom.conf").write_text(site)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    command = [nginx, "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    return command


def caddy(folder: Path, port: int, web_port: int) -> list[str]:
    """The command of a Caddy before the web process."""
    caddy = program("caddy")
    site = (DEPLOY / "Caddyfile").read_text()
    site = site.replace("127.0.0.1:8000", f"127.0.0.1:{web_port}").replace(HOST, f"http://{HOST}:{port}")
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https off\n}\n" + site)
    return [caddy, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def proxied(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    """A client of the service behind one of the proxies, which sends the public host."""
    port = free_port()
    environment = {"PUBLIC_URL": f"http://{HOST}", "FORWARDED_HOPS": "1"}
    with Valkey() as valkey, web_process(valkey.url, f"file://{tmp_path / 'storage'}", environment) as web:
        command = request.param(tmp_path, port, web.port)
        proxy = start_process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_for_port(port, proxy)
            headers = {
                "Host": f"{HOST}:{port}" if request.param is caddy else HOST,
                "Authorization": f"Bearer {ALICE}",
            }
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
                yield client
        finally:
            proxy.terminate()
            proxy.wait(20)


def test_a_hundred_megabytes_arrive(proxied: httpx.Client) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(UPLOAD_BYTES // len(PIECE) + 1):
            yield PIECE

    made = proxied.post("/v1/uploads", content=pieces(), headers={"Content-Type": "text/csv"})
    assert made.status_code == 201, made.text
    assert made.json()["bytes"] >= UPLOAD_BYTES


def test_events_arrive_while_the_job_goes_on(proxied: httpx.Client) -> None:
    picture = encoded(scene(16, 16), "PNG")
    made = proxied.post("/v1/images?delay=3600", content=picture, headers={"Content-Type": "image/png"})
    assert made.status_code == 202, made.text
    job = made.json()
    with proxied.stream("GET", f"/v1/jobs/{job['id']}/events") as stream:
        lines = stream.iter_lines()
        first = next(line for line in lines if line.startswith("data: "))
        assert json.loads(first.removeprefix("data: "))["state"] == "scheduled"
        assert proxied.post(f"/v1/jobs/{job['id']}/cancellation").is_success
        assert any('"cancelled"' in line for line in lines)
