"""`python -m api`: every address of IPv4 and IPv6, in one process or several, and a start that cannot be."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from api.server.run import listen
from tests.support.processes import ROOT
from tests.support.servers import Valkey, free_port, start_process


@contextmanager
def web(valkey: Valkey, folder: Path, **environment: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    port = free_port()
    variables = {
        **os.environ,
        "REDIS_URL": valkey.url,
        "STORAGE_URL": folder.as_uri(),
        "API_KEYS": "",
        "PORT": str(port),
        **environment,
    }
    process = start_process([sys.executable, "-m", "api"], cwd=ROOT, env=variables, stderr=subprocess.PIPE)
    try:
        yield port, process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        finally:
            process.kill()
            process.communicate()


@pytest.mark.parametrize("processes", ["1", "2"])
def test_it_answers_on_ipv4_and_ipv6(valkey: Valkey, tmp_path: Path, processes: str) -> None:
    with web(valkey, tmp_path, WEB_CONCURRENCY=processes) as (port, process):
        assert process.stderr is not None
        while b"startup complete" not in process.stderr.readline():
            assert process.poll() is None, process.stderr.read().decode()
        hosts = ["127.0.0.1", "[::1]"] if socket.has_ipv6 else ["127.0.0.1"]
        for host in hosts:
            assert httpx.get(f"http://{host}:{port}/livez").json() == {"status": "ok"}


def test_a_start_that_cannot_be_says_why_in_one_line(valkey: Valkey, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with web(valkey, tmp_path, PORT=str(port)) as (_, process):
            assert process.wait(20) == 3
            assert process.stderr is not None
            told = process.stderr.read().decode()
    assert told == f"web: cannot listen on 0.0.0.0, port {port}: Address already in use. Set WEB_HOSTS or PORT.\n"


def test_an_address_family_that_the_machine_lacks_is_left_out() -> None:
    port = free_port()
    sockets = listen(("127.0.0.1", "2001:db8::1"), port)
    assert [one.getsockname() for one in sockets] == [("127.0.0.1", port)]
    for one in sockets:
        one.close()
    with pytest.raises(ValueError, match="2001:db8::1"):
        listen(("2001:db8::1",), port)
