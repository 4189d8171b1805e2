"""The layout of Redis keys, literally: processes of the last release read what those of the next one write."""

from tasks.queue import account_keys, application_keys, portal_keys, redis_keys
from tasks.queue.jobs import uniqueness
from tasks.queue.queues import queue_keys
from tasks.queue.redis_keys import QUEUES, arq_queue

NAMES = {
    "CLAIMED": "claimed:",
    "JOB": "job:",
    "JOBS": "jobs:",
    "AFTER": "after:",
    "FREED_BY": "freed-by:",
    "IDEMPOTENCY": "key:",
    "RATE": "rate:",
    "SAME_WORK": "same-work:",
    "BLOB": "blob:",
    "SWEPT": "swept:",
    "UNNEEDED": "unneeded",
    "UPLOAD": "upload:",
    "UPLOAD_TOKEN": "upload-token:",
    "UPLOAD_TOKENS": "upload-tokens:",
    "PORTAL_LINK": "portal-link:",
    "PORTAL_LINKS": "portal-links:",
    "CHANNEL_ENDPOINTS": "channel-endpoints:",
    "INCOMING": "incoming:",
    "INCOMING_IDS": "incoming",
    "UNFINISHED": "unfinished:",
    "PRESETS": "presets:",
    "OWNER": "owner:",
    "OWNERS": "owners",
    "SUSPENDED": "suspended",
    "USAGE": "usage:",
    "STORED": "stored",
    "UNNEEDED_OF": "unneeded-of",
    "UNNEEDED_EXCHANGES": "unneeded-exchanges",
    "ENDPOINT": "endpoint:",
    "ENDPOINTS": "endpoints:",
    "SUBSCRIBERS": "subscribers:",
    "SCHEDULE": "schedule:",
    "SCHEDULES": "schedules",
    "TICKING": "ticking",
    "RUNS": "runs:",
    "QUEUE": "queue:",
    "TURNS": "turns:",
    "SERVICE_TURNS": "service-turns:",
    "FULL": "full:",
    "PARKED": "parked:",
    "FAILING": "failing",
    "DISABLED": "disabled",
    "LANE": "lane:",
    "OWNER_CAPPED": "standing-back:",
    "UNANSWERED": "unanswered:",
    "UNANSWERED_LANES": "unanswered-lanes:",
    "BACKLOG": "line:",
    "SUSPECTS": "suspects:",
    "RECONCILIATION": "reconciliation",
    "QUARANTINE": "quarantine:",
    "WAKE": "wake:",
    "LISTENING": "listening:",
    "HEARD": "heard:",
    "COUNTS": "counts",
    "ENDS": "ends:",
    "SERIES": "series:",
    "UNPACKED": "unpacked",
    "ALERTS": "alerts",
    "AUDIT": "audit",
    "AUDIT_NOTES": "audit-notes",
    "HISTORY": "history",
    "HISTORY_IDS": "history:",
    "HISTORY_WRITING": "history-writing",
    "HISTORY_ERASURES": "history-erasures",
    "INSTALLATION": "installation",
    "NOTHING": "nothing",
    "SLOTS": "slots:",
    "WORKER": "worker:",
    "WORKERS": "workers",
    "PROCESSES": "processes",
    "PROBE": "probe:",
    "CHANGES": "changes:",
    "ACCOUNTS": "accounts",
    "DESTINATIONS": "destinations:",
    "API_KEY": "api-key:",
    "API_KEYS": "api-keys",
    "WATCHED": "watched",
    "ARQ_BODY": "arq-body:",
    "FUNCTIONS": "functions:",
    "FUNCTION_KINDS": "function-kinds",
    "ARQ_WORKER": "arq-worker:",
    "READING": "reading:",
    "MADE_QUEUES": "queues",
    "UNIQUE": "unique:",
}


def test_our_keys_begin_as_they_always_did() -> None:
    modules = (redis_keys, account_keys, portal_keys, application_keys, queue_keys, uniqueness)
    named = {name: value for module in modules for name, value in vars(module).items()}
    keys = {name: value for name, value in named.items() if str(value).startswith("pressroom:")}
    assert keys.pop("ROOT") == "pressroom:"
    assert {name: key.removeprefix("pressroom:") for name, key in keys.items()} == NAMES


def test_our_queues_are_those_of_arq() -> None:
    queues = [arq_queue(queue) for queue in QUEUES]
    assert queues == ["arq:queue:media", "arq:queue:reports", "arq:queue:webhooks", "arq:queue"]
    assert arq_queue("arq/bookshop:queue") == "bookshop:queue"
