"""The Redis keys of accounts: owners with their API keys, tokens, rates and usage, and the audit log.

| key | type | what | who removes it |
|---|---|---|---|
| `pressroom:rate:<what>:<owner>` | string | until when (ms) what the owner has had of its rate is paid for; `<owner>/tokens` is what pages with tokens of the owner had | expires |
| `pressroom:owner:<owner>` | hash | what an admin has set of an owner: `quotas` (JSON), `note`, `suspended_at` (ms), `reason`, and times (`tasks/accounts/owners.py`) | nobody |
| `pressroom:owners` | zset owner → created (ms) | owners that have such a record | nobody |
| `pressroom:suspended` | hash owner → since (ms) | owners whose jobs and schedules stand still; each queue's hash has how many they are (`suspended`) | the resume |
| `pressroom:usage:<owner>:<day>` | hash | what the owner has used on one day (days since 1970, UTC): `<kind> <state>` (jobs that ended), `cpu <kind>` (ms), `in` and `out` (bytes), `stored` (bytes, at the last change) (`tasks/accounts/usage.py`) | expires |
| `pressroom:stored` | hash owner → bytes | what the owner has in the storage: added up as it is written and deleted, counted by each cleanup | an owner's field goes at 0, with a cleanup |
| `pressroom:upload-token:<id>` | hash | a token for a web page (`tasks/accounts/tokens/upload_tokens.py`): SHA-256 of it, owner, `key`, what it fixes, `uses` and `used`, `tries` | expires, or its owner deletes it |
| `pressroom:upload-tokens:<owner>` | zset id → expires (ms) | the upload tokens of an owner | each new one trims it; it expires |
| `pressroom:upload-token:<id>:held` | zset upload → until (ms) | the uploads in parts that hold a use of this upload token | they are stored or deleted; it expires, or the token's owner deletes it |
| `pressroom:audit`, `pressroom:audit-notes` | stream of lines | the audit log: changes, and what was refused or only read (`tasks/accounts/audit.py`) | each line trims them to AUDIT_MAX_LINES, the cleanup by KEEP_AUDIT_S; they expire after it |
| `pressroom:api-key:<id>` | hash | an API key: the SHA-256 of it (`digest`), owner, name, scopes and times (`tasks/accounts/key_record.py`) | expires API_KEY_ENDED_MS after it has expired or was revoked |
| `pressroom:api-keys`, `pressroom:api-keys:<owner>` | zset id → created (ms) | all keys, and those of an owner | the key that is made when the owner has MAX_KEYS drops ids without a record |
| `pressroom:accounts` | channel | `key <id>` or `owner <name>`: what web processes know of it is not true any more (`api/http/access/account_cache.py`) | |
"""

from typing import Final

from tasks.queue.redis_keys import DAY_MS, ROOT, SECOND_MS

RATE: Final = ROOT + "rate:"
OWNER: Final = ROOT + "owner:"
OWNERS: Final = ROOT + "owners"
SUSPENDED: Final = ROOT + "suspended"
USAGE: Final = ROOT + "usage:"
STORED: Final = ROOT + "stored"
UPLOAD_TOKEN: Final = ROOT + "upload-token:"
UPLOAD_TOKENS: Final = ROOT + "upload-tokens:"
AUDIT: Final = ROOT + "audit"
AUDIT_NOTES: Final = AUDIT + "-notes"
ACCOUNTS: Final = ROOT + "accounts"
API_KEY: Final = ROOT + "api-key:"
API_KEYS: Final = ROOT + "api-keys"

UPLOAD_TOKENS_MS: Final = DAY_MS
"""The list of an owner's upload tokens is kept this long after the last one was made: none lives longer."""
USAGE_MS: Final = 800 * DAY_MS  # longer than KEEP_USAGE_DAYS
SUSPENDED_MS: Final = 10 * SECOND_MS  # for which a lane of a suspended owner is parked, then looked at again
API_KEY_ENDED_MS: Final = 30 * DAY_MS
"""An API key that has expired or was revoked is listed this long."""

ACCOUNT_CONSTANTS: Final[dict[str, object]] = {
    "rate": RATE,
    "owner": OWNER,
    "owners": OWNERS,
    "suspended": SUSPENDED,
    "usage": USAGE,
    "stored": STORED,
    "suspended_ms": SUSPENDED_MS,
    "usage_ms": USAGE_MS,
    "upload_token": UPLOAD_TOKEN,
    "upload_tokens": UPLOAD_TOKENS,
    "upload_tokens_ms": UPLOAD_TOKENS_MS,
    "audit": AUDIT,
    "audit_notes": AUDIT_NOTES,
    "accounts": ACCOUNTS,
    "api_key": API_KEY,
    "api_keys": API_KEYS,
    "api_key_ended_ms": API_KEY_ENDED_MS,
}
"""What scripts know as `K.<name>`, besides SCRIPT_CONSTANTS."""
