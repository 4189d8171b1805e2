"""Every Redis key and every time to live, but those of accounts, ARQ applications, feeds, portals, unique keys and queues
that are made by naming them, which stand beside this module: `account_keys`, `application_keys`, `feed_keys`,
`portal_keys`, `jobs/uniqueness` and `queues/queue_keys`.

Scripts contain no key: they are given those of SCRIPT_CONSTANTS that they use. They compute the names of keys, so a
Redis without cluster mode is needed.

| key | type | what | who removes it |
|---|---|---|---|
| `pressroom:job:<id>` | hash | the record, packed some minutes after the job's end (`tasks/queue/records/packing.py`) | expires after its retention and tombstone, or leaves with HISTORY=storage after its retention; a live one lasts until it ends |
| `pressroom:jobs:<index>:<state>` | zset id → created (ms) | jobs of an index, such as an owner's kind or tag (`tasks/queue/records/indexes.py`) in one state | the transitions; listings, ends and the cleanup drop ids without a record |
| `pressroom:jobs:event/<id>`, `pressroom:jobs:batch/<id>` | zset id → created (ms) | deliveries of an event, jobs of a batch | expires after the event or batch; listings drop ids without a record |
| `pressroom:after:<id>` | set of job ids | jobs that wait until this one has succeeded | its end |
| `pressroom:freed-by:<id>` | set of job ids | jobs that ended since this one did not succeed, and run once it has | its success; it expires with them |
| `pressroom:key:<owner>:<sha256>` | string | Idempotency-Key → id and content hash | expires |
| `pressroom:same-work:<hash>` | string | the job that did a piece of work, or does it: others that ask for the same use its result (`tasks/queue/jobs/same_work.py`) | expires |
| `pressroom:unneeded-of` | hash sha256 → owner | whose the blobs of `pressroom:unneeded` were | as these |
| `pressroom:blob:<sha256>` | set of job ids, `upload:<id>`s, `schedule:<id>`s and `kept:<end>/<owner>/<hash>`es of jobs in the history | what needs this blob | the cleanup, when none of them is left; it expires 30 days after the last one is due |
| `pressroom:swept:<sha256>` | string | until when (ms) the cleanup may be deleting this blob; followed by ` gone` once it has | expires |
| `pressroom:unneeded` | zset sha256 → since (ms) | blobs that deleted jobs, uploads and schedules needed: they are deleted soon, if nothing else needs them | the reconciliation; it expires, and the cleanup finds them |
| `pressroom:unneeded-exchanges` | zset delivery → its attempts | deleted deliveries whose exchanges in the storage (`tasks/webhook/exchanges`) are deleted soon | as `pressroom:unneeded` |
| `pressroom:upload:<id>` | hash | owner, blob, bytes, name and times of an upload | expires, or its owner deletes it |
| `pressroom:incoming:<id>` | hash | an upload whose bytes come in parts, or go straight into the storage (`tasks/uploads/incoming.py`) | expires, or its owner deletes it |
| `pressroom:incoming` | zset id → until (ms) | all of them, those too that are complete: their objects in the storage are removed then | the reconciliation; it expires |
| `pressroom:unfinished:<owner>` | zset id → until (ms) | those of an owner that are not complete, or not checked yet | with the last; it expires |
| `pressroom:destinations:<owner>` | hash name → JSON, its secret encrypted | buckets of others into which an owner's outputs are copied | an admin deletes them |
| `pressroom:presets:<owner>` | hash name → version, time (ms), JSON | an owner's presets of variants; `#` counts their versions | its owner deletes them; the counter stays |
| `pressroom:endpoint:<id>` | hash | a subscriber: owner, URL, patterns, encrypted secrets, and whether it answered the last time (`answered`) | its owner deletes it |
| `pressroom:endpoints:<owner>`, `pressroom:endpoints:*` | zset id → created (ms) | all endpoints of an owner, of everyone | with the endpoints |
| `pressroom:subscribers:<owner>:<pattern>`, `…#<channel>` | zset endpoint → 1 if it has filters, else 0; -1 if it is disabled, and events are kept for it | endpoints without a channel, or with this one, that asked for a pattern | with the endpoints |
| `pressroom:listening:<owner>` | string | somebody listens to the owner's events (`python -m api.listen`), so that they are written though no endpoint asked for them | expires |
| `pressroom:heard:<owner>` | stream of event ids | events of the owner that became deliveries while somebody listened, the last HEARD_KEPT | expires |
| `pressroom:schedule:<id>` | hash | a schedule: its cron expression, its job, `revision`, `last_run` | its owner deletes it; a built-in one stays |
| `pressroom:schedules` | zset id → due (ms) | when each schedule is due next; `inf` while it is paused | with the schedules |
| `pressroom:ticking` | string | the process that handles the schedules that are due | its end of that; it expires |
| `pressroom:schedules:<owner>`, `pressroom:schedules:*` | zset id → created (ms) | all schedules of an owner, of everyone but the built-in ones | with the schedules |
| `pressroom:runs:<id>` | zset job id or `skipped:<reason>:<due>:<noted>` → due (ms) | a schedule's last RUNS_KEPT runs, and what did not run | with the schedule; listings drop ids without a record |
| `pressroom:queue:<queue>` | hash | `turn` counter, `paused` (ms), `paused_by`, `paused_reason`, `seen` (ms of the last claim), `patience` (ms), `in:<state>` (how many of its jobs), `slots` (of all workers), `suspended` (how many owners are; absent if none is), `active_owner`, `active_at` (ms) and the same with a 2 (the owners that were active last) | as many as queues |
| `pressroom:turns:<queue>` | zset lane → turn | lanes that may be served now | the script that takes the last job from a lane's backlog |
| `pressroom:service-turns:<queue>` | zset lane → turn | those of them with the service's own work, which are served in a paused queue too | as above |
| `pressroom:full:<queue>` | zset lane → since (ms) | lanes that have as many running as they may | the end that makes room, or the script that takes the last job from the backlog |
| `pressroom:parked:<queue>` | zset lane → until (ms) | lanes that must not be served now | the claim after that time, or unpark |
| `pressroom:failing` | zset endpoint → since (ms) | endpoints whose lanes are parked since they failed too often in a row | a success, or the endpoint's owner |
| `pressroom:disabled` | zset endpoint → since (ms) | endpoints to which nothing is delivered | the endpoint's owner |
| `pressroom:lane:<queue>:<lane>` | hash | `running`, `cap`, `rate`, `ordered`, `next` (ms), `held` (until when an ordered lane is parked for its order, ms), `failures`, `trips`, `slow` (it timed out), `failing_since`, `failed_at` (ms) | `running` goes at 0, the failures with a success, the rest with the limits or the endpoint |
| `pressroom:standing-back:<queue>:<owner>` | set of lanes | lanes that wait for other deliveries of their owner to end | the ends of the owner's deliveries |
| `pressroom:unanswered:<owner>` | zset id → started (ms) | deliveries under way to receivers that have not answered the last time | the ends of these deliveries; it expires |
| `pressroom:unanswered-lanes:<owner>` | zset lane → since (ms) | lanes that wait for such deliveries of their owner to end | the ends of these deliveries, or the cancel |
| `pressroom:line:<queue>:<lane>` | zset id → rank and time | jobs that wait in a lane | the claim, or the cancel |
| `pressroom:suspects:<queue>` | zset id → time (ms) less SUSPECT_RANK for each death | jobs under which workers died twice | the claim that runs them apart, or the cancel |
| `pressroom:reconciliation` | string | SCAN cursor of the reconciler | expires |
| `pressroom:quarantine:<queue>` | string | the worker that starts nothing more of the queue until it can run its suspects | expires |
| `pressroom:wake:<queue>` | list | wake signals, at most WAKE_CAP | the claim that finds nothing |
| `pressroom:counts` | hash | what `/metrics` counts: names with spaces between → number | as many fields as kinds, outcomes and codes; kinds that Pressroom does not know are `other` |
| `pressroom:unpacked` | list of job ids | ended jobs whose records are to be packed, PACK_AFTER_MS after their end; at most UNPACKED_CAP | the reconciliation, which packs them |
| `pressroom:history` | hash | of the objects with ended records in the storage (`tasks/history`) `last`, the number of the newest, `first`, up to which they are deleted, and `unreadable:<number>` of each that was left behind | nobody |
| `pressroom:history:<bucket>` | hash | 8 bytes of an id's hash → number of the object that has its record | the cleanup, with the object, or the job's deletion |
| `pressroom:history-writing` | zset number → since (ms) | objects that are being written | the script after the write; the reconciliation HISTORY_WRITING_MS later |
| `pressroom:history-erasures` | zset number → counter | objects with lines that are to be removed | the reconciliation, which removes them |
| `pressroom:ends:<slot>` | hash | `<queue> <state>` → jobs that ended within ENDS_SLOT_MS | expires |
| `pressroom:series:<seconds>`, `pressroom:series:queues:<seconds>`, `pressroom:series:sample` | hash | rings of steps of this length (`tasks/queue/series/rings.py`): number of the step modulo their count → what was counted in it, or how deep queues were, as msgpack; and `at` (ms) and `counts` of the last sample | each step takes the place of the oldest; they expire after the last |
| `pressroom:alerts` | hash | `<alert> <subject>` → the alert as JSON, while it holds | the check that finds it resolved |
| `pressroom:installation` | hash | `id` (random, made once), `created_at` and `adopted_at` (ms), `storage_of`: the id in the storage's marker, where it is another's; `restoring`: the snapshot whose restore has begun | nobody |
| `pressroom:nothing` | | never written: scripts delete it, so that Redis lets them write when it is full | |
| `pressroom:worker:<id>` | string (JSON) | a worker's last beat | expires |
| `pressroom:slots:<queue>` | hash worker → number | how many jobs of the queue each worker runs at once | the beats of the others; it expires |
| `pressroom:workers` | zset id → last beat (ms) | workers that have lately sent a beat | each beat trims it |
| `pressroom:processes` | zset `<fingerprint> <process>` → last beat (ms) | processes that use this database, web and workers (`tasks/queue/process_registry.py`) | each beat trims it; expires |
| `pressroom:probe:<random>` | string | what a start tries its rights on | the same start; expires |
| `pressroom:claimed:<worker>` | string | the number of a worker's last claim; as msgpack, the jobs and attempts that it was given | expires, or its worker as it stops |
| `pressroom:watched` | channel | every process listens to it that waits for any job | |
| `pressroom:changes:<id>` | channel | changes of one job | |
| `arq:*` | | ARQ's own keys, as ARQ 0.28 lays them out | as in ARQ |
"""

from typing import Final

from arq import constants as arq

ROOT: Final = "pressroom:"
JOB: Final = ROOT + "job:"
JOBS: Final = ROOT + "jobs:"
AFTER: Final = ROOT + "after:"
FREED_BY: Final = ROOT + "freed-by:"
IDEMPOTENCY: Final = ROOT + "key:"
SAME_WORK: Final = ROOT + "same-work:"
BLOB: Final = ROOT + "blob:"
SWEPT: Final = ROOT + "swept:"
UNNEEDED: Final = ROOT + "unneeded"
UNNEEDED_OF: Final = ROOT + "unneeded-of"
UNNEEDED_EXCHANGES: Final = UNNEEDED + "-exchanges"
UPLOAD: Final = ROOT + "upload:"
INCOMING: Final = ROOT + "incoming:"
INCOMING_IDS: Final = ROOT + "incoming"
UNFINISHED: Final = ROOT + "unfinished:"
PRESETS: Final = ROOT + "presets:"
DESTINATIONS: Final = ROOT + "destinations:"
ENDPOINT: Final = ROOT + "endpoint:"
ENDPOINTS: Final = ROOT + "endpoints:"
SUBSCRIBERS: Final = ROOT + "subscribers:"
LISTENING: Final = ROOT + "listening:"
HEARD: Final = ROOT + "heard:"
SCHEDULE: Final = ROOT + "schedule:"
SCHEDULES: Final = ROOT + "schedules"
TICKING: Final = ROOT + "ticking"
RUNS: Final = ROOT + "runs:"
QUEUE: Final = ROOT + "queue:"
TURNS: Final = ROOT + "turns:"
SERVICE_TURNS: Final = ROOT + "service-turns:"
FULL: Final = ROOT + "full:"
PARKED: Final = ROOT + "parked:"
FAILING: Final = ROOT + "failing"
DISABLED: Final = ROOT + "disabled"
LANE: Final = ROOT + "lane:"
OWNER_CAPPED: Final = ROOT + "standing-back:"
UNANSWERED: Final = ROOT + "unanswered:"
UNANSWERED_LANES: Final = ROOT + "unanswered-lanes:"
BACKLOG: Final = ROOT + "line:"
SUSPECTS: Final = ROOT + "suspects:"
RECONCILIATION: Final = ROOT + "reconciliation"
QUARANTINE: Final = ROOT + "quarantine:"
WAKE: Final = ROOT + "wake:"
COUNTS: Final = ROOT + "counts"
ENDS: Final = ROOT + "ends:"
SERIES: Final = ROOT + "series:"
UNPACKED: Final = ROOT + "unpacked"
ALERTS: Final = ROOT + "alerts"
HISTORY: Final = ROOT + "history"
HISTORY_IDS: Final = HISTORY + ":"
HISTORY_WRITING: Final = HISTORY + "-writing"
HISTORY_ERASURES: Final = HISTORY + "-erasures"
INSTALLATION: Final = ROOT + "installation"
NOTHING: Final = ROOT + "nothing"
SLOTS: Final = ROOT + "slots:"
WORKER: Final = ROOT + "worker:"
WORKERS: Final = ROOT + "workers"
PROCESSES: Final = ROOT + "processes"
PROBE: Final = ROOT + "probe:"
CLAIMED: Final = ROOT + "claimed:"
CHANGES: Final = ROOT + "changes:"
WATCHED: Final = ROOT + "watched"

SECOND_MS: Final = 1000
DAY_MS: Final = 86_400 * SECOND_MS
LEASE_MS: Final = 12 * SECOND_MS
"""A running job whose worker has not renewed its lease for this long is run again."""
BLOB_MS: Final = 30 * DAY_MS
"""What needs a blob is remembered this long after the last one was added: longer than any job is kept."""
SWEEPING_MS: Final = 300 * SECOND_MS
"""The cleanup may be deleting a blob for this long after it has marked it."""
SWEPT_MS: Final = 3600 * SECOND_MS
"""The mark stays this much longer: what a client sends is noted as needed within this time."""
UNNEEDED_MS: Final = DAY_MS
"""What deleted jobs needed is remembered this long after the last one was deleted; the nightly cleanup finds the rest."""
LINGER_MS: Final = 600 * SECOND_MS
"""A job's files outlive it by this time: downloads that have begun can end."""
INCOMING_KEPT_MS: Final = DAY_MS
"""What is known of an upload in parts is kept this long after its last byte, for the job that joins it; and the index of
all of them as long after the last one is due."""
INCOMING_LATE_MS: Final = 3600 * SECOND_MS
"""The objects of an upload that is stored or deleted are removed once more after this long: a form that was signed for it
(DIRECT_UPLOAD_S) could be sent again."""
BATCH_OPEN_MS: Final = DAY_MS
"""A batch that was not sealed is sealed after this long."""
FAILURE_GAP_MS: Final = 36 * 3600 * SECOND_MS
"""Two failures further apart than this say nothing of the time between: more than the longest delay between two tries."""
UNANSWERED_MS: Final = 180 * SECOND_MS
"""A delivery to a receiver that has not answered counts as such for this long at most: longer than one may take."""
SLOW_BEHIND_MS: Final = 60 * SECOND_MS
"""A lane whose receiver timed out waits for a slot as if it had come this much later than those that were not tried yet."""
PAUSE_JITTER: Final = 0.2
"""Share by which the pause of a failing endpoint is shorter, at most, at random."""
BEHIND_MS: Final = 600 * SECOND_MS
"""A retry of a kind that says `retries_last` waits as if it had come this much later: first tries go before it, but not for ever."""
RECONCILIATION_MS: Final = DAY_MS
"""The cursor of the reconciliation is remembered this long; without one it begins again."""
RENEW_MS: Final = 4 * SECOND_MS
"""Between two renewals: two may fail before a lease lapses."""
SAFETY_MS: Final = 3600 * SECOND_MS
"""A job that waits in a lane is looked at again after this long, and up to twice as long, in case the lane lost it."""
ARQ_JOB_MS: Final = 7 * DAY_MS
"""ARQ's copy of a job lives this long beyond the time at which it is next due."""
ARQ_RESULT_MS: Final = 3600 * SECOND_MS  # ARQ's copy of a result; the record keeps its own
EVENT_RESULT_BYTES: Final = 4096
"""The event of a job's end carries a result of at most this many bytes; a longer one is read from the job."""
QUARANTINE_MS: Final = 15 * SECOND_MS
"""A worker that ends its jobs of a queue, to run suspects, renews this within the time; after it another may."""
LAPSE_WINDOW_MS: Final = 3 * DAY_MS
"""A worker's death counts against the jobs that it ran for this long."""
SUSPECT_RANK: Final = 10_000_000_000_000
"""By this much (ms) a suspect comes earlier for each death: longer than any time since 1970 until the year 2286."""
OUTAGE_MS: Final = 3 * SECOND_MS
"""No claim for this long means that Redis was away (an idle worker asks every second)."""
PATIENCE_MS: Final = 2 * RENEW_MS
"""After an outage, or a jump of Redis' clock, no lease lapses for this long: workers that still run their jobs renew
first, and each does so within RENEW_MS."""
AWAY_MS: Final = 2 * RENEW_MS
"""A worker that has not renewed its leases for this long renews them before it is given anything: one renewal was missed,
and LEASE_MS is not over yet."""
CLAIMED_MS: Final = 600 * SECOND_MS
"""A worker's last claim is remembered this long, for the next: no worker waits longer for an answer."""
BEAT_MS: Final = 5 * SECOND_MS  # between two beats of a worker
WORKER_MS: Final = 15 * SECOND_MS  # a worker whose beat is older than this is gone: it has missed three
WORKER_RECORD_TTL_MS: Final = 10 * WORKER_MS
"""The last beat of a worker that is gone is shown for this long."""
ENDS_SLOT_MS: Final = 10 * SECOND_MS  # in slots of this length ends of jobs are counted
ENDS_MS: Final = 3600 * SECOND_MS
"""A slot is remembered this long: no window over ends is longer."""
ACTIVE_MS: Final = 600 * SECOND_MS
"""An owner is active in a queue while one of its jobs runs there, and for this long after the last one started."""
ACTIVE_STEP_MS: Final = 10 * SECOND_MS
"""When an owner was active last is written again after this long at the earliest."""
BUCKETS_MS: Final = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000, 300_000, 1_800_000)
"""Upper ends of the buckets of every histogram; above the last there is one more."""
PACK_AFTER_MS: Final = 900 * SECOND_MS
"""An ended job's record is packed after this long (`tasks/queue/records/packing.py`): longer than a deploy takes, in
which processes of the former version read it."""
UNPACKED_CAP: Final = 1_000_000
"""Ended jobs that are noted to be packed, at most: 35 MB. Others stay as they are until they expire."""
HISTORY_WRITING_MS: Final = 600 * SECOND_MS
"""An object of the history whose writer has said nothing for this long will not be completed: longer than a
reconciliation may take."""
ABORT_MS: Final = 600 * SECOND_MS
"""A request to stop a job that no worker has followed is forgotten after this long."""
TICKING_MS: Final = 10 * SECOND_MS
"""A process that handles schedules that are due has so long for a hundred of them before another may help."""
LISTENING_MS: Final = 120 * SECOND_MS
"""Events are written for a listener this long after it has asked: longer than one request and a lost connection take."""
HEARD_MS: Final = 600 * SECOND_MS
"""What listeners are told of is remembered this long after the last event."""
HEARD_KEPT: Final = 1_000  # events of an owner that listeners can still ask for, about
RUNS_KEPT: Final = 1_000  # runs of one schedule that are remembered, the newest
WAKE_CAP: Final = 16  # wake signals kept per queue: one wakes one idle worker

QUEUES: Final = ("media", "reports", "webhooks", "default")
APPLICATION: Final = "arq/"  # how the queue of an ARQ application is called: this, then its name in ARQ


def arq_queue(queue: str) -> str:
    """The name of our queue in ARQ's world: its zset, and what `ArqRedis` calls `_queue_name`."""
    own = arq.default_queue_name if queue == "default" else f"{arq.default_queue_name}:{queue}"
    return queue.removeprefix(APPLICATION) if queue.startswith(APPLICATION) else own


SCRIPT_CONSTANTS: Final[dict[str, object]] = {
    "job": JOB,
    "jobs": JOBS,
    "after": AFTER,
    "freed_by": FREED_BY,
    "idempotency": IDEMPOTENCY,
    "same_work": SAME_WORK,
    "day_ms": DAY_MS,
    "unneeded_of": UNNEEDED_OF,
    "blob": BLOB,
    "swept": SWEPT,
    "unneeded": UNNEEDED,
    "unneeded_exchanges": UNNEEDED_EXCHANGES,
    "upload": UPLOAD,
    "incoming": INCOMING,
    "incoming_ids": INCOMING_IDS,
    "incoming_kept_ms": INCOMING_KEPT_MS,
    "incoming_late_ms": INCOMING_LATE_MS,
    "unfinished": UNFINISHED,
    "presets": PRESETS,
    "destinations": DESTINATIONS,
    "endpoint": ENDPOINT,
    "endpoints": ENDPOINTS,
    "subscribers": SUBSCRIBERS,
    "listening": LISTENING,
    "listening_ms": LISTENING_MS,
    "heard": HEARD,
    "heard_ms": HEARD_MS,
    "heard_kept": HEARD_KEPT,
    "schedule": SCHEDULE,
    "schedules": SCHEDULES,
    "ticking": TICKING,
    "runs": RUNS,
    "queue": QUEUE,
    "turns": TURNS,
    "service_turns": SERVICE_TURNS,
    "full": FULL,
    "parked": PARKED,
    "failing": FAILING,
    "disabled": DISABLED,
    "lane": LANE,
    "owner_capped": OWNER_CAPPED,
    "unanswered": UNANSWERED,
    "unanswered_lanes": UNANSWERED_LANES,
    "backlog": BACKLOG,
    "suspects": SUSPECTS,
    "quarantine": QUARANTINE,
    "wake": WAKE,
    "counts": COUNTS,
    "ends": ENDS,
    "unpacked": UNPACKED,
    "unpacked_cap": UNPACKED_CAP,
    "history": HISTORY,
    "history_ids": HISTORY_IDS,
    "history_writing": HISTORY_WRITING,
    "history_erasures": HISTORY_ERASURES,
    "history_writing_ms": HISTORY_WRITING_MS,
    "alerts": ALERTS,
    "worker": WORKER,
    "workers": WORKERS,
    "reconciliation": RECONCILIATION,
    "reconciliation_ms": RECONCILIATION_MS,
    "slots": SLOTS,
    "installation": INSTALLATION,
    "claimed": CLAIMED,
    "processes": PROCESSES,
    "nothing": NOTHING,
    "changes": CHANGES,
    "watched": WATCHED,
    "arq_queue": {queue: arq_queue(queue) for queue in QUEUES},
    "arq_job": arq.job_key_prefix,
    "arq_running": arq.in_progress_key_prefix,
    "arq_result": arq.result_key_prefix,
    "arq_retry": arq.retry_key_prefix,
    "arq_abort": arq.abort_jobs_ss,
    "blob_ms": BLOB_MS,
    "batch_open_ms": BATCH_OPEN_MS,
    "failure_gap_ms": FAILURE_GAP_MS,
    "behind_ms": BEHIND_MS,
    "unanswered_ms": UNANSWERED_MS,
    "slow_behind_ms": SLOW_BEHIND_MS,
    "jitter": PAUSE_JITTER,
    "sweeping_ms": SWEEPING_MS,
    "swept_ms": SWEPT_MS,
    "unneeded_ms": UNNEEDED_MS,
    "linger_ms": LINGER_MS,
    "lease_ms": LEASE_MS,
    "safety_ms": SAFETY_MS,
    "arq_job_ms": ARQ_JOB_MS,
    "arq_result_ms": ARQ_RESULT_MS,
    "event_result_bytes": EVENT_RESULT_BYTES,
    "quarantine_ms": QUARANTINE_MS,
    "lapse_window_ms": LAPSE_WINDOW_MS,
    "suspect_rank": SUSPECT_RANK,
    "outage_ms": OUTAGE_MS,
    "patience_ms": PATIENCE_MS,
    "away_ms": AWAY_MS,
    "claimed_ms": CLAIMED_MS,
    "ticking_ms": TICKING_MS,
    "wake_cap": WAKE_CAP,
    "buckets": BUCKETS_MS,
    "ends_slot_ms": ENDS_SLOT_MS,
    "ends_ms": ENDS_MS,
    "active_ms": ACTIVE_MS,
    "active_step_ms": ACTIVE_STEP_MS,
    "worker_ms": WORKER_MS,
    "worker_record_ms": WORKER_RECORD_TTL_MS,
}
"""What scripts know as `K.<name>`; each is given those that it uses (`tasks.queue.script`)."""
