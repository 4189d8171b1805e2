"""Job indexes: the names under which jobs are listed. Each has one zset for each state.

A job is in the index of its owner and kind, and in everyone's of its kind. A list of all that an owner has, or of all
that everyone has, is one of the indexes of all kinds together.

A job with tags is also in the index of its owner and each tag.
"""

from collections.abc import Iterable
from typing import Final

EVERYONE: Final = "*"
"""The `owner` that stands for all owners; nobody is called so."""
FOREIGN: Final = "_foreign"
"""The index of jobs that another program put into ARQ's keys, whose kind Pressroom does not know. There may be any
number of such kinds, and no kind of Pressroom can have this name."""
BATCH: Final = "batch"
DELIVERY: Final = "delivery"


def of_job(owner: str, kind: str, tags: Iterable[str] = ()) -> str:
    """The indexes of a new job, as its record has them: names with spaces between. Those of its tags are the last."""
    return " ".join((of_kind(owner, kind), of_kind(EVERYONE, kind), *(of_tag(owner, tag) for tag in tags)))


def of_delivery(owner: str, endpoint_id: str | None) -> str:
    """The indexes of a new delivery, as its record has them. endpoint_id: None for the `notify` URL of a submit."""
    shared = of_job(owner, DELIVERY)
    return shared if endpoint_id is None else f"{shared} {of_endpoint(endpoint_id)}"


def of_kind(owner: str, kind: str) -> str:
    """The jobs of an owner, or of everyone, of one kind."""
    return f"{owner}/{kind}"


def of_owner(owner: str, kinds: Iterable[str]) -> list[str]:
    """All jobs of an owner, or of everyone, deliveries excepted: there may be thousands for one event.

    Args:
        owner: The owner, or EVERYONE.
        kinds: The kinds of this process.
    """
    return [of_kind(owner, kind) for kind in (*kinds, BATCH, FOREIGN) if kind != DELIVERY]


def of_deliveries(owner: str) -> str:
    """All deliveries of an owner's events."""
    return of_kind(owner, DELIVERY)


def of_tag(owner: str, tag: str) -> str:
    """The jobs of an owner with a tag, whatever their kind. A delivery has no tags; its event has them."""
    return f"tag/{owner}/{tag}"


def of_endpoint(endpoint_id: str) -> str:
    """All deliveries to one endpoint."""
    return f"endpoint/{endpoint_id}"


def of_batch(batch_id: str) -> str:
    """All jobs of a batch: an index without states, which expires after its batch."""
    return f"batch/{batch_id}"


def of_event(event_id: str) -> str:
    """All deliveries of one event: an index without states, which expires with the event."""
    return f"event/{event_id}"
