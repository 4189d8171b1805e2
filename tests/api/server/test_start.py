"""`python -m api`: every address of IPv4 and IPv6, in one process or several, and a start that cannot be."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from uvicorn.config import STARTUP_FAILURE

from api.server.run import listen
from tests.support.api.serving import KEYS
from tests.support.api.web_process import start_web, web_process
from tests.support.processes import ROOT
from tests.support.sandbox.child_events import ProcessWatch, children_of
from tools.servers import Valkey, free_port


@pytest.mark.parametrize("processes", ["1", "2"])
def test_it_answers_on_ipv4_and_ipv6(valkey: Valkey, tmp_path: Path, processes: str) -> None:
    with web_process(valkey.url, tmp_path.as_uri(), {"WEB_CONCURRENCY": processes}) as web:
        hosts = ["127.0.0.1", "[::1]"] if socket.has_ipv6 else ["127.0.0.1"]
        for host in hosts:
            assert httpx.get(f"http://{host}:{web.port}/livez").json() == {"status": "ok"}


async def test_processes_end_with_their_supervisor(valkey: Valkey, tmp_path: Path) -> None:
    """Otherwise a supervisor that was killed could not be started again: they would hold its port."""
    web = start_web(valkey.url, tmp_path.as_uri(), {"WEB_CONCURRENCY": "2"})
    with contextlib.ExitStack() as stack:
        stack.callback(web.kill)
        web.wait_until_alive()
        watches = [stack.enter_context(ProcessWatch(pid)) for pid in children_of(web.process.pid)]
        assert len(watches) > 1
        web.kill()
        for watch in watches:
            await watch.gone()


SUPERVISE = """
import gc
from uvicorn.supervisors import Multiprocess
Multiprocess.run = lambda self: print(gc.isenabled())
from api.server.run import serve
serve()
"""


def test_a_supervisor_collects_its_garbage() -> None:
    """A process that serves begins to once it has started; a supervisor never starts an application."""
    environment = {**os.environ, "WEB_CONCURRENCY": "2", "PORT": str(free_port())}
    command = [sys.executable, "-c", SUPERVISE]
    assert subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE).stdout == b"True\n"


def test_a_start_that_cannot_be_says_why_in_one_line(valkey: Valkey, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        lines = tmp_path / "lines"
        web = start_web(valkey.url, tmp_path.as_uri(), {"PORT": str(port)}, lines=lines)
        try:
            assert web.process.wait(20) == STARTUP_FAILURE
        finally:
            web.kill()
    assert (
        lines.read_text()
        == f"web: cannot listen on 0.0.0.0, port {port}: Address already in use. Set WEB_HOSTS or PORT.\n"
    )


def test_an_address_family_that_the_machine_lacks_is_left_out() -> None:
    port = free_port()
    sockets = listen(("127.0.0.1", "2001:db8::1"), port)
    assert [one.getsockname() for one in sockets] == [("127.0.0.1", port)]
    for one in sockets:
        one.close()
    with pytest.raises(ValueError, match="2001:db8::1"):
        listen(("2001:db8::1",), port)


LOOKING = """
import gc
from uvicorn import Server
from api.server import run

class Looking(Server):
    async def startup(self, sockets=None):
        print(gc.isenabled())
        await super().startup(sockets)

    async def main_loop(self):
        print(gc.isenabled(), gc.get_freeze_count() > 100_000)

run.Server = Looking
run.serve()
"""
"""Starts the web process, says before and after whether it collects garbage, and ends."""


def test_garbage_is_collected_once_the_application_has_started(valkey: Valkey, tmp_path: Path) -> None:
    more = {"REDIS_URL": valkey.url, "STORAGE_URL": tmp_path.as_uri(), "API_KEYS": KEYS, "LOG_LEVEL": "warning"}
    environment = {**os.environ, **more, "PORT": str(free_port()), "WEB_CONCURRENCY": "1"}
    command = [sys.executable, "-c", LOOKING]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout.splitlines() == ["False", "True True"], done.stderr
