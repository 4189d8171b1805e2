"""Every kind of job: those of this service, one line each, and those that other packages bring."""

import importlib
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any

from tasks.kind import Kind
from tasks.maintenance.activity import ACTIVITY
from tasks.maintenance.alerts import ALERTS
from tasks.maintenance.bulk import BULK
from tasks.maintenance.cleanup import CLEANUP
from tasks.maintenance.reconciliation import RECONCILIATION
from tasks.queue.redis_keys import QUEUES
from tasks.report.kind import REPORT, VALIDATION
from tasks.settings import Settings
from tasks.thumbnail.kind import THUMBNAIL
from tasks.uploads.kind import UPLOAD
from tasks.webhook.kind import DELIVERY, EVENT, RECOVERY

KINDS: dict[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        THUMBNAIL,
        REPORT,
        VALIDATION,
        UPLOAD,
        EVENT,
        DELIVERY,
        RECOVERY,
        BULK,
        ACTIVITY,
        CLEANUP,
        RECONCILIATION,
        ALERTS,
    )
}

ENTRY_POINTS = "pressroom.kinds"
"""The group of entry points by which an installed package brings kinds."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
BATCH = "batch"
"""The kind of the records that batches have; no function runs them."""


def load_kinds(settings: Settings) -> dict[str, Kind[Any]]:
    """The kinds of this service, of installed packages (entry points), and of the setting KINDS, by name.

    Raises:
        ValueError: A kind cannot be imported or used; the message says which, why, and what to do.
    """
    kinds, sources = dict(KINDS), dict.fromkeys(KINDS, "this service")
    for source, kind in _kinds_of_others(settings):
        _check(source, kind)
        if kinds.setdefault(kind.name, kind) is not kind:
            raise ValueError(
                f"{source} and {sources[kind.name]} both have a kind that is called {kind.name!r}; rename one of them"
            )
        sources.setdefault(kind.name, source)
    return kinds


def _kinds_of_others(settings: Settings) -> Iterator[tuple[str, Kind[Any]]]:
    """Where each kind comes from, in words for an error message, and the kind."""
    installed = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: (point.name, point.value))
    for value, source in [
        *((point.value, f"The entry point {point.name} = {point.value!r} in {ENTRY_POINTS!r}") for point in installed),
        *((value, f"KINDS: {value}") for value in settings.kinds),
    ]:
        found = _import(value, source)
        found = found.values() if isinstance(found, Mapping) else found
        for kind in found if isinstance(found, Iterable) else [found]:
            if not isinstance(kind, Kind):
                raise ValueError(  # noqa: TRY004 - of a setting, which the process reports and ends
                    f"{source} is neither a Kind nor a list of Kinds, but {type(kind).__name__}"
                )
            yield source, kind


def _import(value: str, source: str) -> Any:
    module, colon, name = value.partition(":")
    if not (module and colon and name):
        raise ValueError(f"{source} is not of the form package.module:NAME")
    try:
        return getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever a module does when it is imported
        raise ValueError(f"{source} cannot be imported: {type(error).__name__}: {error}") from error


def _check(source: str, kind: Kind[Any]) -> None:
    if not NAME.fullmatch(kind.name) or kind.name == BATCH:
        raise ValueError(
            f"{source} has a kind that is called {kind.name!r}; a name is 1 to 63 lower-case letters, digits, - and _, "
            f"begins with a letter or digit, and is not {BATCH!r}"
        )
    if kind.queue not in QUEUES:
        raise ValueError(
            f"{source}: the kind {kind.name!r} names the queue {kind.queue!r}; there are {', '.join(QUEUES)}"
        )
    for module in kind.preload:
        # Not imported: the web process stays without the libraries of the sandbox. In a worker a preload that fails
        # would end the sandbox of all kinds.
        if not _exists(module):
            raise ValueError(f"{source}: the kind {kind.name!r} preloads {module!r}, a module that does not exist")


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it would be in
        return False
