"""Failed jobs, grouped by their kind and the code of their error."""

from dataclasses import dataclass
from typing import Final

from tasks.queue.records.list import JobCause, Listing, Selection

WALKED_AT_MOST: Final = 5_000
"""Failed jobs that one answer looks at, the newest: 40 ms of Redis' time in all."""
STEP: Final = 250
"""Those of them that one script looks at: 2 ms of Redis' time, in which nothing else is answered."""

EXAMPLES: Final = 3
"""Jobs of a cause that are shown."""


@dataclass(slots=True)
class FailureCause:
    """Jobs that failed with one code and are of one kind.

    Attributes:
        count: How many of them were looked at.
        newest: The jobs that were made last, EXAMPLES at most, the last one first.
        oldest_ms: When the one was made that was made first, in milliseconds since 1970.
    """

    newest: list[JobCause]
    oldest_ms: int
    count: int = 0


@dataclass(frozen=True, slots=True)
class FailureCauses:
    """Failed jobs by cause, the most frequent cause first. walked: jobs that were looked at. more: there are older ones
    that were not."""

    causes: list[FailureCause]
    walked: int
    more: bool


async def group_failures(listing: Listing, selection: Selection, at_most: int = WALKED_AT_MOST) -> FailureCauses:
    """Group failed jobs by cause, the newest of them.

    Args:
        listing: Lists jobs.
        selection: Which jobs. Its state is `failed`.
        at_most: How many are looked at.
    """
    found: dict[tuple[str, str], FailureCause] = {}
    walked, cursor = 0, None
    while True:
        page = await listing.causes(selection, limit=min(STEP, at_most - walked), cursor=cursor)
        for job in page.causes:
            cause = found.setdefault((job.kind, job.code), FailureCause([], job.created_ms))
            if cause.count < EXAMPLES:
                cause.newest.append(job)
            cause.count += 1
            cause.oldest_ms = job.created_ms
        walked, cursor = walked + page.examined, page.cursor
        if cursor is None or walked >= at_most:
            break
    causes = sorted(found.values(), key=lambda one: (-one.count, -one.newest[0].created_ms))
    return FailureCauses(causes, walked, more=cursor is not None)
