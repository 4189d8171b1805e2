"""The Redis keys of ARQ applications (`worker/application`), beside those of `tasks.queue.redis_keys`.

- `pressroom:arq-body:<id>`, a string: what ARQ's client has written of a job that failed or was cancelled, as it wrote
  it, for a retry. The retry gives it back to ARQ's key; it expires with the job, or the job's owner deletes it.
- `pressroom:functions:<queue of ARQ>`, a zset function → last beat (ms): the functions that workers of applications
  have, or had in the last APPLICATION_MS. Each beat trims it; it expires.
- `pressroom:function-kinds`, a set: the functions that metrics count by name, the first MAX_FUNCTION_KINDS that workers
  have announced. The others, and what no worker has, are counted together. It stays, as the counts do.
- `pressroom:arq-worker:<health check key of ARQ>`, a string: ARQ's own worker has lately written there. It expires.
- `pressroom:reading:<id>`, a string: how often workers have begun to open the body of a job of ARQ's client, and not
  come to the end of it. Who has opened it deletes it; it expires.

What `pressroom:queue:<queue>` has of an application's queue expires APPLICATION_MS after the last beat of its workers.
"""

from typing import Final

from tasks.queue.redis_keys import APPLICATION, DAY_MS, ROOT, SECOND_MS, arq_queue

ARQ_BODY: Final = ROOT + "arq-body:"
FUNCTIONS: Final = ROOT + "functions:"
FUNCTION_KINDS: Final = ROOT + "function-kinds"
MAX_FUNCTION_KINDS: Final = 100
ARQ_WORKER: Final = ROOT + "arq-worker:"
READING: Final = ROOT + "reading:"
READING_MS: Final = 600 * SECOND_MS
"""Longer than the lease of a worker that dies, and the start of another."""
ARQ_WORKER_MS: Final = 3601 * SECOND_MS
"""ARQ's own worker says that it lives once in this time, if nothing else is configured."""
APPLICATION_MS: Final = 30 * DAY_MS

APPLICATION_CONSTANTS: Final[dict[str, object]] = {
    "kept_body": ARQ_BODY,
    "functions": FUNCTIONS,
    "function_kinds": FUNCTION_KINDS,
    "max_function_kinds": MAX_FUNCTION_KINDS,
    "arq_worker": ARQ_WORKER,
    "arq_worker_ms": ARQ_WORKER_MS,
    "application_ms": APPLICATION_MS,
    "reading": READING,
    "reading_ms": READING_MS,
}
"""What scripts know as `K.<name>`, besides SCRIPT_CONSTANTS."""

ZSETS_BY_NAME: Final = (
    "setmetatable(K.arq_queue, { __index = function(_, queue)\n"
    f"  local name = string.match(queue or '', '^{APPLICATION}(.+)$')\n"
    f"  return name or string.find(queue or '', '^[%l%d_-]+$') and '{arq_queue('')}' .. queue or nil\nend }})\n"
)
"""Scripts find the zset of any queue but the four by its name, since there may be any number: of an application, or
made by naming it."""
