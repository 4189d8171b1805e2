"""Runs the web process: listens on every address, and starts uvicorn with our protocol in one process or several."""

import contextlib
import errno
import gc
import math
import os
import resource
import socket
import sys
from collections.abc import Sequence

from uvicorn import Config, Server
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

import api
from api.http.access.first_key import keys_of
from api.http.access.hosts import check_public_url, listen_hosts
from api.server.protocol import BoundedProtocol
from tasks.process_memory import hide_from_others
from tasks.settings import Settings, load
from tasks.telemetry.logs import server_logging

MAX_DESCRIPTORS = 65_536


def serve() -> None:
    """Serve `api.app:app` until a signal ends it. Ends the process with STARTUP_FAILURE if it cannot start."""
    gc.disable()  # until the application has started: what is loaded before stays, and is a tenth quicker loaded so
    try:
        settings = load()
        check_public_url(settings)
        sockets = listen(listen_hosts(settings, keys_of(settings)), settings.port)
    except ValueError as error:
        sys.stderr.write(f"web: {error}\n")
        sys.exit(STARTUP_FAILURE)
    allow_descriptors()
    hide_from_others()
    config = configured(settings)
    with contextlib.suppress(KeyboardInterrupt):
        if config.workers > 1:
            gc.enable()  # the applications start in processes of their own
            Multiprocess(config, sockets).run()
            return
        server = Server(config)
        server.run(sockets)
        if not server.started:
            sys.exit(STARTUP_FAILURE)


def configured(settings: Settings) -> Config:
    """How uvicorn runs the application."""
    return Config(
        f"{api.__name__}.app:app",
        http=BoundedProtocol,
        ws="none",
        workers=settings.web_concurrency,
        log_config=server_logging(settings),
        access_log=False,  # api.http.middleware logs each request
        proxy_headers=False,  # api.http.access.forwarded reads them
        timeout_graceful_shutdown=math.ceil(settings.shutdown_grace_s),
    )


def listen(hosts: Sequence[str], port: int) -> list[socket.socket]:
    """Bind the port of each address; those of an address family that this machine lacks are left out.

    Returns:
        The sockets. uvicorn listens on them once the application has started.

    Raises:
        ValueError: An address cannot be used, or none can.
    """
    sockets: list[socket.socket] = []
    for host in hosts:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            sockets.append(_bound(family, host, port))
        except OSError as error:
            lacking = {errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT}
            if error.errno in lacking and len(hosts) > 1:
                continue
            for one in sockets:
                one.close()
            why = os.strerror(error.errno) if error.errno else str(error)
            raise ValueError(f"cannot listen on {host}, port {port}: {why}. Set WEB_HOSTS or PORT.") from error
    if not sockets:
        raise ValueError(f"WEB_HOSTS={','.join(hosts)}: this machine has none of these addresses.")
    return sockets


def _bound(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    made = socket.socket(family)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # IPv4 has a socket of its own
        made.bind((host, port))
    except OSError:
        made.close()
        raise
    made.set_inheritable(True)
    return made


def allow_descriptors() -> None:
    """Raise the soft limit of file descriptors, often 1,024, so that HTTP_MAX_CONNECTIONS fit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MAX_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
