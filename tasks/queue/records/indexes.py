"""Job indexes: the names under which jobs are listed. Each has one zset of all its jobs, and one for each state."""


def of_owner(owner: str) -> str:
    """An owner's jobs, deliveries excepted: there may be thousands for one event."""
    return owner


def of_job(owner: str, kind: str) -> str:
    """The indexes of a new job, as its record has them: names with spaces between."""
    # A foreign job may be of any kind, which is then unknown; such a name might be taken for several.
    return f"{of_owner(owner)} {of_kind(owner, kind)}" if kind.isidentifier() else of_owner(owner)


def of_kind(owner: str, kind: str) -> str:
    """An owner's jobs of one kind."""
    return f"{owner}/{kind}"


def of_deliveries(owner: str) -> str:
    """All deliveries of an owner's events."""
    return of_kind(owner, "delivery")


def of_endpoint(endpoint_id: str) -> str:
    """All deliveries to one endpoint."""
    return f"endpoint/{endpoint_id}"


def of_batch(batch_id: str) -> str:
    """All jobs of a batch: an index without states, which expires after its batch."""
    return f"batch/{batch_id}"


def of_event(event_id: str) -> str:
    """All deliveries of one event: an index without states, which expires with the event."""
    return f"event/{event_id}"
