"""`python -m api.accounts keys …` and `owners …`: API keys and owners from the command line, where Redis is reached.

It needs no key, and makes the first one: `keys create --owner OWNER --name first --scopes all`.
"""

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any, Final

from redis.exceptions import RedisError

from api.accounts import owners_command
from api.accounts.key_views import GRACE, NAME_CHARS
from tasks import clock
from tasks.accounts.key_record import KeyRecord
from tasks.accounts.key_store import Asker, KeyStore, NewKey
from tasks.accounts.lifetimes import lifetime_ms
from tasks.accounts.owners import OwnerStore
from tasks.accounts.scopes import ALL_SCOPES, SCOPES
from tasks.queue.actor import Actor, acting
from tasks.queue.connect import close, connect
from tasks.queue.start_check import fault_of
from tasks.refusal import Refusal
from tasks.settings import Settings, load
from tasks.settings.owners import owner_fault

CLI: Final = Asker(name="cli")
REFUSED, UNUSABLE = 1, 2
"""Exit statuses: what was asked is refused; a setting or argument is wrong, or Redis does not answer."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Those of the command line; those of this process without them.

    Returns:
        The exit status.
    """
    args = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(load(), args))
    except Refusal as refusal:
        print(f"accounts: {refusal.message}", file=sys.stderr)  # noqa: T201 - who typed the command reads this
        return REFUSED
    except RedisError as error:
        print(f"accounts: {fault_of(error)}", file=sys.stderr)  # noqa: T201
        return UNUSABLE
    except (ValueError, OSError) as error:
        print(f"accounts: {error}".partition("\n")[0], file=sys.stderr)  # noqa: T201
        return UNUSABLE
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m api.accounts", description=__doc__)
    things = parser.add_subparsers(required=True, dest="thing", metavar="keys|owners")
    owners_command.add_to(things.add_parser("owners", help="owners, their quotas and their suspension"), _owner)
    keys = things.add_parser("keys", help="API keys")
    verbs = keys.add_subparsers(required=True, dest="verb", metavar="create|list|rotate|revoke")

    create = verbs.add_parser("create", help="make a key and print it, once")
    create.add_argument("--owner", required=True, type=_owner, help="whose things it opens")
    create.add_argument("--name", required=True, type=_name, help="what you call it, such as ci")
    create.add_argument("--scopes", required=True, type=_scopes, help=f"all, or some of {','.join(SCOPES)}")
    create.add_argument("--read-only", action="store_true", help="it may send GET and HEAD only")
    create.add_argument("--expires", type=lifetime_ms, metavar="90d", help="how long it lives; for ever without it")
    create.set_defaults(run=_create)

    listed = verbs.add_parser("list", help="list keys, the newest first")
    listed.add_argument("--owner", type=_owner, help="only those of this owner")
    listed.set_defaults(run=_list)

    rotate = verbs.add_parser("rotate", help="make a key that replaces another one, which ends a little later")
    rotate.add_argument("id", help="the id of the old key")
    rotate.add_argument("--grace", type=lifetime_ms, default=lifetime_ms(GRACE), metavar=GRACE, help="how much later")
    rotate.add_argument("--expires", type=lifetime_ms, metavar="90d", help="how long the new key lives")
    rotate.set_defaults(run=_rotate)

    revoke = verbs.add_parser("revoke", help="end a key now")
    revoke.add_argument("id", help="its id")
    revoke.set_defaults(run=_revoke)
    return parser


async def _run(settings: Settings, args: argparse.Namespace) -> None:
    redis = connect(
        settings.redis_url.get_secret_value(), ssl_cert_reqs=settings.redis_ssl_cert_reqs, ca=settings.redis_ca
    )
    actor = Actor(
        action=owners_command.ACTIONS[args.verb] if args.thing == "owners" else f"{args.verb}_key",
        by="cli",
        key=None,
        address=None,
        request=None,
        max_lines=settings.audit_max_lines,
        keep_ms=settings.keep_audit_s * 1000,
    )
    run: Callable[[Any, Any], Awaitable[None]] = args.run
    store = OwnerStore(redis) if args.thing == "owners" else KeyStore(redis, settings.max_keys)
    try:
        with acting(actor):
            await run(store, args)
    finally:
        await close(redis)


async def _create(store: KeyStore, args: argparse.Namespace) -> None:
    made = await store.create(args.owner, args.name, args.scopes, CLI, read_only=args.read_only, life_ms=args.expires)
    _print_new(made)


async def _rotate(store: KeyStore, args: argparse.Namespace) -> None:
    old = await store.find(args.id)
    made = await store.rotate(old.owner, args.id, CLI, grace_ms=args.grace, life_ms=args.expires)
    _print_new(made)


async def _revoke(store: KeyStore, args: argparse.Namespace) -> None:
    record = await store.revoke(args.id)
    _say(f"{_line(record)}\nWeb processes refuse it now, and after 30 s at the latest.")


async def _list(store: KeyStore, args: argparse.Namespace) -> None:
    async for record in store.all(args.owner):
        print(_line(record))  # noqa: T201 - the output of the command


def _print_new(made: NewKey) -> None:
    """The key alone goes to standard output, so that a script can take it."""
    _say(_line(made.record))
    if made.old_ends is not None:
        _say(f"The key {made.record.replaces} lives until {clock.rfc3339(made.old_ends)}.")
    _say("The key is shown once:")
    print(made.key)  # noqa: T201


def _line(record: KeyRecord) -> str:
    """A key in one line."""
    parts = [record.id, record.state, f"owner={record.owner}", f"name={record.name!r}"]
    parts.append(f"scopes={','.join(scope for scope in SCOPES if scope in record.scopes)}")
    if record.read_only:
        parts.append("read-only")
    for what, moment in (("expires", record.expires_at), ("used", record.last_used_at)):
        if moment is not None:
            parts.append(f"{what}={clock.rfc3339(moment)}")
    return "  ".join(parts)


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


def _owner(text: str) -> str:
    if fault := owner_fault(text):
        raise argparse.ArgumentTypeError(fault)
    return text


def _name(text: str) -> str:
    if not 0 < len(text) <= NAME_CHARS or not text.isprintable():
        raise argparse.ArgumentTypeError(f"a name has 1 to {NAME_CHARS} characters, all of them printable")
    return text


def _scopes(text: str) -> frozenset[str]:
    if text == "all":
        return ALL_SCOPES
    found = frozenset(map(str.strip, text.split(",")))
    if unknown := sorted(found - ALL_SCOPES):
        raise argparse.ArgumentTypeError(f"no scope is named {', '.join(unknown)}; there are {', '.join(SCOPES)}")
    return found


if __name__ == "__main__":
    sys.exit(main())
