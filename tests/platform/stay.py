"""`bin/rig --stay`: the same platform, without load, until Ctrl-C: to try what the documentation says."""

import asyncio
import contextlib
import itertools
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.platform.dynos import Dyno, start_dyno
from tests.platform.slug import PYTHON, Slug

NAMES: Final = ("web.1", "web.2", "worker.1", "worker.2")
CHUNK: Final = 65536


class Front:
    """A router: gives each connection to the next web dyno, and changes nothing in it.

    Args:
        dynos: Those that listen.
    """

    def __init__(self, dynos: list[Dyno]) -> None:
        self._next = itertools.cycle(dynos)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            answers, requests = await asyncio.open_connection("127.0.0.1", next(self._next).port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_relay(reader, requests), _relay(answers, writer))


async def stay(slug: Slug, folder: Path, environment: Mapping[str, str], port: int, authority: Path) -> list[str]:
    """Start the dynos, say how to use them, and stop them at a signal.

    Args:
        slug: What they run.
        folder: For their own folders.
        environment: The configuration.
        port: Where the router listens.
        authority: The certificate that the storage's is signed with.

    Returns:
        What went wrong at the stop.
    """
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    dynos = [start_dyno(slug, name, folder / name, environment) for name in NAMES]
    try:
        web = [dyno for dyno in dynos if dyno.kind == "web"]
        for dyno in web:
            await asyncio.to_thread(dyno.wait_until_listening)
        async with await asyncio.start_server(Front(web).connected, "127.0.0.1", port):
            run = run_file(slug, folder / "run", environment)
            print(notice(folder, environment["PUBLIC_URL"], run, authority), flush=True)  # noqa: T201 - its output
            await over.wait()
    finally:
        await asyncio.gather(*(asyncio.to_thread(dyno.stop) for dyno in dynos))
        for dyno in dynos:
            dyno.kill_rest()
    return [f"{dyno.name} did not stop" for dyno in dynos if dyno.killed]


def run_file(slug: Slug, file: Path, environment: Mapping[str, str]) -> Path:
    """Write a script that runs a command in a dyno of its own, as a platform's `run` does."""
    path = f"{slug.folder / PYTHON / 'bin'}:/usr/bin:/bin"
    variables = {**environment, "PATH": path, "DYNO": "run.1", "PYTHONDONTWRITEBYTECODE": "1"}
    exports = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    file.touch(mode=0o700)
    file.write_text("\n".join(["#!/bin/sh", f"cd {shlex.quote(str(slug.folder))}", *exports, 'exec "$@"', ""]))
    return file


def notice(folder: Path, url: str, run: Path, authority: Path) -> str:
    """How to use what was started."""
    return "\n".join(
        [
            f"Pressroom is at {url}: two web and two worker dynos. Their logs: {folder}/*/log",
            f"The first key: KEY=$({run} python -m api.accounts keys create --owner shop --name first --scopes all)",
            f'A picture: curl -H "Authorization: Bearer $KEY" -F file=@photo.jpg {url}/v1/images',
            f"Its files lie behind TLS with an authority of the rig's own: curl -L --cacert {authority} …",
            "Ctrl-C ends it, and removes everything.",
        ]
    )


async def _relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on bytes until one side ends."""
    with contextlib.suppress(OSError):
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()
    writer.close()
