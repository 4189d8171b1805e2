"""Makes calls in a sandbox, one after the other, and prints what came of them as JSON.

python -m tests.support.sandbox.caller FOLDER FUNCTION JSON-ARGUMENTS [FUNCTION JSON-ARGUMENTS …]
"""

import asyncio
import json
import sys
from pathlib import Path

from tasks.refusal import Refusal
from worker.sandbox.sandbox import ProcessSandbox

WORK = "tests.support.sandbox.attacks"
SECONDS = {"hang": 2, "leave_and_hang": 2}
"""For those that never end; others have as long as a slow machine needs."""


async def main(folder: str, *calls: str) -> None:
    sandbox = ProcessSandbox(
        preload=[WORK], children=1, memory_mb=256, budget_mb=512, recycle_after=100, folders=[Path(folder)]
    )
    answers = []
    for function, arguments in zip(calls[::2], calls[1::2], strict=True):
        try:
            answers.append(
                await sandbox.call(
                    f"{WORK}:{function}", *json.loads(arguments), seconds=SECONDS.get(function, 30), memory_mb=1
                )
            )
        except Refusal as refusal:
            answers.append(refusal.code)
    await sandbox.stop()
    sys.stdout.write(json.dumps(answers))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
