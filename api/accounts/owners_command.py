"""`python -m api.accounts owners create|list|set|suspend|resume`: owners from the command line."""

import argparse
from collections.abc import Callable
from typing import Final

from pydantic import ValidationError

from api.accounts.owners import QuotaChange
from tasks import clock
from tasks.accounts.owners import OwnerRecord, OwnerStore
from tasks.accounts.quotas import NAMES

ACTIONS: Final = {
    "create": "create_owner",
    "list": "list_owners",
    "set": "change_owner",
    "suspend": "suspend_owner",
    "resume": "resume_owner",
}
"""Verb → what the audit log calls it, as for requests."""
AS_SETTINGS: Final = "default"
PAGE: Final = 100
QUOTA_HELP: Final = f"a quota, such as endpoints=50, or endpoints={AS_SETTINGS} for that of the settings; repeatable"


def add_to(parser: argparse.ArgumentParser, name_of: Callable[[str], str]) -> None:
    """Add the verbs.

    Args:
        parser: Of the command.
        name_of: Reads an owner's name.
    """
    verbs = parser.add_subparsers(required=True, dest="verb", metavar="|".join(ACTIONS))
    create = verbs.add_parser("create", help="make the record of an owner")
    change = verbs.add_parser("set", help="change quotas and note of an owner; the others stay")
    suspend = verbs.add_parser("suspend", help="refuse its requests, and let its jobs and schedules stand still")
    resume = verbs.add_parser("resume", help="end the suspension")
    for verb in (create, change, suspend, resume):
        verb.add_argument("owner", type=name_of, help="its name")
    for verb in (create, change):
        verb.add_argument("--quota", action="append", default=[], type=_quota, metavar="NAME=NUMBER", help=QUOTA_HELP)
        verb.add_argument("--note", help="for people")
    suspend.add_argument("--reason", help="for people")
    verbs.add_parser("list", help="list owners with a record, the newest first").set_defaults(run=_list)
    create.set_defaults(run=_create)
    change.set_defaults(run=_change)
    suspend.set_defaults(run=_suspend)
    resume.set_defaults(run=_resume)


async def _create(store: OwnerStore, args: argparse.Namespace) -> None:
    _print(await store.create(args.owner, dict(args.quota), args.note))


async def _change(store: OwnerStore, args: argparse.Namespace) -> None:
    _print(await store.change(args.owner, dict(args.quota), args.note))


async def _suspend(store: OwnerStore, args: argparse.Namespace) -> None:
    _print(await store.suspend(args.owner, args.reason))


async def _resume(store: OwnerStore, args: argparse.Namespace) -> None:
    _print(await store.resume(args.owner))


async def _list(store: OwnerStore, args: argparse.Namespace) -> None:  # noqa: ARG001 - it has none
    cursor: str | None = None
    while True:
        records, cursor = await store.list(limit=PAGE, cursor=cursor)
        for record in records:
            _print(record)
        if cursor is None:
            return


def _print(record: OwnerRecord) -> None:
    """An owner in one line."""
    parts = [record.name, "suspended" if record.suspended_at is not None else "active"]
    if record.suspended_at is not None:
        parts.append(f"since={clock.rfc3339(record.suspended_at)}")
    parts += [f"{name}={number}" for name, number in sorted(record.quotas.items())]
    parts += [f"{what}={text!r}" for what, text in (("note", record.note), ("reason", record.reason)) if text]
    print("  ".join(parts))  # noqa: T201 - the output of the command


def _quota(text: str) -> tuple[str, int | None]:
    name, _, number = text.partition("=")
    if name not in NAMES:
        raise argparse.ArgumentTypeError(f"no quota is named {name!r}; there are {', '.join(NAMES)}")
    if number == AS_SETTINGS:
        return name, None
    if not (number.isascii() and number.isdigit()):
        raise argparse.ArgumentTypeError(f"{name} is {number!r}; give a whole number, or {AS_SETTINGS}")
    try:
        QuotaChange.model_validate({name: int(number)})
    except ValidationError as error:
        raise argparse.ArgumentTypeError(f"{name} is {number}: {error.errors()[0]['msg']}") from error
    return name, int(number)
