"""A worker in small, for tests that signal or kill one: runs one call in a sandbox and prints what it returns.

python -m tests.support.sandbox.owner EVENT GATE
"""

import asyncio
import signal
import sys
from pathlib import Path

from worker.sandbox.sandbox import ProcessSandbox


async def main(event: str, gate: str) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: None)
    sandbox = ProcessSandbox(
        preload=["tests.support.sandbox.work"],
        children=2,
        memory_mb=256,
        budget_mb=512,
        recycle_after=10,
        folders=[Path(event).parent],
    )
    await sandbox.call("tests.support.sandbox.work:pid", seconds=10, memory_mb=1)
    answer = await sandbox.call("tests.support.sandbox.work:announce_and_wait", event, gate, seconds=10, memory_mb=1)
    sys.stdout.write(f"{answer}\n")
    await sandbox.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
