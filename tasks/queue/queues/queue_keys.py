"""The Redis keys of queues that are made by naming them, beside those of `tasks.queue.redis_keys`, which any queue has.

- `pressroom:queues`, a zset name → when it was made or changed, or a job was put into it last (ms): the queues that
  were made, those of ARQ applications (`arq/…`) included, MAX_QUEUES at most. The reconciliation removes one that is
  empty, and that no worker has served for QUEUE_IDLE_MS, with all that is known of it.

The hash `pressroom:queue:<queue>` of any queue has besides, where they were set: `made_by` (the owner), `made_at` (ms),
`concurrency` (jobs that one worker runs at once), `max_running` (jobs that all workers run at once), and `rank` (`high`
or `low`: when it is served, of the queues that share a worker's slots). Steering writes them.
"""

from typing import Final

from tasks.queue.redis_keys import DAY_MS, ROOT

MADE_QUEUES: Final = ROOT + "queues"
QUEUE_IDLE_MS: Final = DAY_MS

QUEUE_CONSTANTS: Final[dict[str, object]] = {"queues": MADE_QUEUES, "queue_idle_ms": QUEUE_IDLE_MS}
"""What scripts know as `K.<name>`, besides SCRIPT_CONSTANTS."""
