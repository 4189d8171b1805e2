"""The Redis keys of portal links, beside those of `tasks.queue.redis_keys`.

- `pressroom:portal-link:<id>`, a hash: a link to the portal of a channel (`tasks/accounts/tokens/portal_links.py`). It
  has the SHA-256 of its token, its owner, `channel`, the key that made it, and times. It expires, or its owner deletes
  it.
- `pressroom:portal-links:<owner>`, a zset id → expires (ms): the owner's links that have not ended. A new link drops
  ids that have; it expires a day after the last new one.
"""

from typing import Final

from tasks.queue.redis_keys import DAY_MS, ROOT

PORTAL_LINK: Final = ROOT + "portal-link:"
PORTAL_LINKS: Final = ROOT + "portal-links:"
PORTAL_LINKS_MS: Final = DAY_MS
"""The list of an owner's links is kept this long after the last one was made: none lives longer."""

PORTAL_CONSTANTS: Final[dict[str, object]] = {
    "portal_link": PORTAL_LINK,
    "portal_links": PORTAL_LINKS,
    "portal_links_ms": PORTAL_LINKS_MS,
}
"""What scripts know as `K.<name>`, besides SCRIPT_CONSTANTS."""
