"""`bin/serve [--host ADDRESS] [--port NUMBER] [--data FOLDER]`: all of Pressroom on one machine, for good.

Web, worker, a Valkey that logs every change, and a folder for files. The first start makes an API key and SECRET_KEY,
and prints where they are. Unlike `bin/dev` it asks for a key, and webhooks go to public addresses alone.
"""

import argparse
import contextlib
import os
import secrets
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from api.http.access.hosts import listen_hosts
from api.http.access.keys import Keys
from api.server.run import listen
from tasks.settings import Settings, load
from tools.one_machine import PORT, alone, embedded_valkey, run_procfile

TOP: Final = Path(__file__).parents[1]
OWNER: Final = "admin"
LOOPBACK: Final = "127.0.0.1"


def start(arguments: list[str]) -> None:
    """Run everything until a signal.

    Args:
        arguments: Those of the command line.
    """
    args = _parser().parse_args(arguments)
    data: Path = args.data.absolute()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        stack.enter_context(alone(data, "bin/serve"))
        try:
            os.environ |= {"WEB_HOSTS": args.host, "PORT": str(args.port), **_defaults(args, load().model_fields_set)}
            settings = load()
            for one in listen(listen_hosts(settings, Keys(settings)), settings.port):
                one.close()
        except ValueError as error:
            sys.exit(f"bin/serve: {error}")
        if "redis_url" not in settings.model_fields_set:
            # A power cut may lose the last second.
            stack.enter_context(embedded_valkey(data / "valkey", appendfsync="everysec"))
        sys.stdout.write(_notice(settings, data))
        sys.stdout.flush()
        run_procfile(TOP / "Procfile", settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/serve",
        description="Run all of Pressroom on this machine: web, worker, Valkey and a folder for files.",
    )
    parser.add_argument("--host", default=LOOPBACK, help=f"the address at which web listens (default: {LOOPBACK})")
    parser.add_argument("--port", type=int, default=PORT, help=f"its port (default: {PORT})")
    parser.add_argument("--data", type=Path, default=Path("data/serve"), help="where all data is (default: data/serve)")
    return parser


def _defaults(args: argparse.Namespace, written: set[str]) -> dict[str, str]:
    """What is not set, in the environment or in the file `.env`."""
    data: Path = args.data.absolute()
    values = {"STORAGE_URL": f"file://{data / 'storage'}"}
    if "public_url" not in written:
        # No proxy stands before it yet, so a client may type either name of this machine.
        values["PUBLIC_URL"] = f"http://{_name(args.host)}:{args.port}"
        values["ALLOWED_HOSTS"] = f"localhost:{args.port},{LOOPBACK}:{args.port}"
    if "secret_key" not in written:
        values["SECRET_KEY"] = _once(data / "secret_key", lambda: secrets.token_urlsafe(32))
    if not written & {"api_keys", "api_keys_file"}:
        keys = data / "api_keys"
        _once(keys, lambda: f"{OWNER}:{secrets.token_urlsafe(32)}")
        values |= {"API_KEYS_FILE": str(keys), "ADMINS": OWNER}
    return {name: value for name, value in values.items() if name.lower() not in written}


def _name(host: str) -> str:
    """A host as URLs have it; this machine's own name for one that means every address."""
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - it is only compared
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _once(file: Path, made: Callable[[], str]) -> str:
    """The text of a file that only this user may read; it is made if it does not exist.

    Args:
        file: The file.
        made: Makes its text.
    """
    if not file.exists():
        partial = file.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as written:
            written.write(made() + "\n")
        partial.rename(file)
    return file.read_text().strip()


def _notice(settings: Settings, data: Path) -> str:
    lines = [f"Pressroom starts at {settings.public_url}, with the reference at /docs."]
    if settings.api_keys_file is not None:
        lines.append(f"API key: {settings.api_keys_file} (owner:key). Send the key as `Authorization: Bearer <key>`.")
        file = shlex.quote(str(settings.api_keys_file))
        lines.append(f'Try: curl -H "Authorization: Bearer $(cut -d: -f2 {file})" {settings.public_url}/v1/jobs')
    lines += [
        f"Data: {data}. Back up the whole folder: it holds the queue, the files, the keys and SECRET_KEY.",
        "One machine, no second copy, no TLS: put nginx or Caddy in front of it (deploy/README.md) and set PUBLIC_URL.",
    ]
    return "".join(f"bin/serve: {line}\n" for line in lines)


if __name__ == "__main__":
    start(sys.argv[1:])
