"""The names of owners that Pressroom itself uses, and those that no owner may have."""

SYSTEM = "system"
"""The owner of jobs that came in through ARQ's keys or by a built-in schedule."""
OPEN_OWNER = "dev"
"""The owner of all requests in the open development mode."""
STATE_NAMES = ("scheduled", "queued", "running", "retrying", "succeeded", "failed", "cancelled")
RESERVED_NAMES = frozenset((*STATE_NAMES, "batch", "event", "endpoint", "schedule"))
"""Names that no owner may have: Redis keys have an owner in the same place as these."""
