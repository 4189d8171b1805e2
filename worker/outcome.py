"""How an attempt went, as `finish.lua` takes it."""

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tasks.kind import Result
from worker.running import Claimed

Verb = Literal["succeeded", "failed", "cancelled", "retrying", "handed_back"]

MESSAGE_AT_MOST = 500
"""Characters of an error's message that a record keeps."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt's end. error: code and message where something went wrong. delay_s: until the next try, when
    `retrying`."""

    job: Claimed
    verb: Verb
    seconds: float
    result: Result | None = None
    error: tuple[str, str] | None = None
    delay_s: float = 0.0

    def payload(self, worker_id: str) -> list[Any]:
        """The list that `finish.lua` reads for one outcome."""
        attempt = {
            "number": self.job.attempt,
            "worker": worker_id,
            "started_at": self.job.started_at,
            "ended_at": self.job.started_at + int(self.seconds * 1000),
            "outcome": self.verb,
        }
        fields: list[str] = []
        value: Any = None
        blobs: list[str] = []
        if self.error is not None:
            code, message = self.error[0], self.error[1][:MESSAGE_AT_MOST]
            attempt["error"] = {"code": code, "message": message}
            value = [code, message]
            if self.verb in ("failed", "cancelled"):
                fields += ["error", json.dumps(attempt["error"])]
        if self.result is not None:
            value = dict(self.result.value)
            if value:
                fields += ["result", json.dumps(value)]
            if self.result.files:
                files = [asdict(file) for file in self.result.files]
                fields += ["files", json.dumps(files)]
                value["files"] = files
                blobs = [file.blob for file in self.result.files]
        fields += [f"attempt:{self.job.attempt}", json.dumps(attempt)]
        return [self.job.id, self.job.attempt, self.verb, int(self.delay_s * 1000), value, fields, blobs]
