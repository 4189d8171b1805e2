"""The keys of feeds: what changed lately, for those who look at a list (`tasks/queue/watch/feeds.py`).

A feed is named `<owner>/jobs` or `<owner>/deliveries`; the owner `*` stands for all. Its channel and its key have one
name, so that scripts are given one.

| key | type | what | who removes it |
|---|---|---|---|
| `pressroom:feed:<feed>` | channel | nothing is published there: a process listens to it while it streams this feed, so that scripts note what changes | |
| `pressroom:feed:<feed>` | zset id → last change (ms) | jobs of it that changed within FEED_MS, at most FEED_CAP | each reading trims it; it expires |
"""

from typing import Final

from tasks.queue.redis_keys import ROOT, SECOND_MS

FEED: Final = ROOT + "feed:"

FEED_MS: Final = 10 * SECOND_MS
"""A change is remembered for this long: some times as long as a process takes to read it."""
FEED_CAP: Final = 10_000
"""Changed jobs that one feed remembers, the last ones: 1 MB. Redis changes fewer within a second."""

FEED_CONSTANTS: Final[dict[str, object]] = {"feed": FEED, "feed_ms": FEED_MS, "feed_cap": FEED_CAP}
"""What scripts know as `K.<name>`, beside the constants of `redis_keys`."""
