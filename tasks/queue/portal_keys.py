"""The Redis keys of portals, beside those of `tasks.queue.redis_keys`.

- `pressroom:portal-link:<id>`, a hash: a link to the portal of a channel (`tasks/accounts/tokens/portal_links.py`). It
  has the SHA-256 of its token, its owner, `channel`, the key that made it, and times. It expires, or its owner deletes
  it.
- `pressroom:portal-links:<owner>`, a zset id → expires (ms): the owner's links that have not ended. A new link drops
  ids that have; it expires a day after the last new one.
- `pressroom:channel-endpoints:<owner>`, a zset `<channel> <created_at> <id>` → 0: an owner's endpoints by channel
  (`lua/parts/owners/channels.lua`). It is made by the first portal that asks for one, and kept by each change of an
  endpoint; it expires CHANNEL_INDEX_S after it was made.
"""

from typing import Final

from tasks.queue.redis_keys import DAY_MS, ROOT, SECOND_MS

PORTAL_LINK: Final = ROOT + "portal-link:"
PORTAL_LINKS: Final = ROOT + "portal-links:"
PORTAL_LINKS_MS: Final = DAY_MS
"""The list of an owner's links is kept this long after the last one was made: none lives longer."""
CHANNEL_ENDPOINTS: Final = ROOT + "channel-endpoints:"
CHANNEL_INDEX_S: Final = 600
"""An owner's endpoints by channel are looked up again after this long, however often they are used: changes by
processes of an earlier version, which do not know the index, are seen then. All portals of an owner share one look."""

PORTAL_CONSTANTS: Final[dict[str, object]] = {
    "portal_link": PORTAL_LINK,
    "portal_links": PORTAL_LINKS,
    "portal_links_ms": PORTAL_LINKS_MS,
    "channel_endpoints": CHANNEL_ENDPOINTS,
    "channel_index_ms": CHANNEL_INDEX_S * SECOND_MS,
}
"""What scripts know as `K.<name>`, besides SCRIPT_CONSTANTS."""
