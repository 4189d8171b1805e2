"""Coming to need a blob that the cleanup has marked: whoever does looks first whether it is still there (see
`tasks.maintenance.sweep`)."""

import asyncio
from typing import Any

from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.storage.protocol import BlobMissing, Storage

WAIT_S = 5.0
"""A deletion under way is over in a moment, unless the process that began it has died."""
AGAIN_S = 0.1


async def enqueue_with_blobs(script: Script, payload: dict[str, Any], storage: Storage | None) -> dict[str, Any]:
    """What a script answers that comes to need blobs, once those that it asks about have been found.

    storage: where to look; without one they are held to be gone. Raises: Refusal `unavailable` for a blob that is gone,
    or whose deletion takes long: sent anew it will be there; `StorageUnavailable`; redis.exceptions.RedisError.
    """
    seen: dict[str, str] = {}
    patience = int(WAIT_S / AGAIN_S)
    answer: dict[str, Any] = await script(payload)
    while answer["answer"] == "swept":
        sha256, left_ms = answer["blob"], answer["left_ms"]
        if left_ms > 0 and patience > 0:
            patience -= 1
            await asyncio.sleep(AGAIN_S)
        elif left_ms > 0 or storage is None or not await _is_there(storage, sha256):
            raise Refusal(
                "unavailable", "A file of this request was just removed by a cleanup. Send the request again."
            )
        else:
            seen[sha256] = answer["mark"]
        answer = await script({**payload, "seen": seen})
    return answer


async def _is_there(storage: Storage, sha256: str) -> bool:
    try:
        await storage.size(sha256)
    except BlobMissing:
        return False
    return True


def token_over(answer: dict[str, Any]) -> Refusal:
    """What is answered to an upload whose token allows no more.

    Args:
        answer: The script's, `token_gone` or `token_used`.
    """
    if answer["answer"] == "token_gone":
        return Refusal("unauthorized", "This upload token has expired or was revoked. Ask for a new one.")
    limit = answer["uses"]
    message = f"This upload token was good for {limit} uploads, and they are made. Ask for a new one."
    if held := answer.get("held"):
        message = (
            f"This upload token is good for {limit} uploads. Of them {held} have begun, and are not complete. "
            "Go on with these, or delete them; or ask for a new token."
        )
    return Refusal("token_used", message, limit=limit)
