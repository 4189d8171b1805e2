"""What a child's exit status says about the work that ran in it."""

import signal

from tasks.refusal import SandboxDeath
from worker.sandbox.child import OUT_OF_MEMORY_STATUS


def verdict(status: int, memory_mb: int) -> SandboxDeath:
    """status: negative is the signal that ended the child, though we had sent none. memory_mb: the limit it ran under.

    SIGKILL that is not ours is taken for the system running out of memory: nobody else sends it to a child.
    """
    if status == OUT_OF_MEMORY_STATUS:
        message = f"The work needed more memory than its limit of {memory_mb} MB"
        return SandboxDeath(
            "out_of_memory", f"{message}. Use a smaller input, or raise SANDBOX_MEMORY_MB.", limit=memory_mb
        )
    if status == -signal.SIGKILL:
        return SandboxDeath(
            "out_of_memory",
            "The operating system killed the sandbox process, probably because the machine ran out of memory. "
            "Use a smaller input, lower SANDBOX_BUDGET_MB, or run the worker on a larger machine.",
        )
    if status == -signal.SIGXCPU:
        return SandboxDeath(
            "timed_out",
            "The work exceeded its CPU time limit and was killed. Use a smaller input, or raise its time limit.",
        )
    how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
    return SandboxDeath(
        "crashed",
        f"The sandbox process {how}. The input is probably damaged or malicious. Repair it or save it again.",
    )


def timed_out(seconds: float) -> SandboxDeath:
    message = f"The work took longer than its limit of {seconds:g} s and was killed"
    return SandboxDeath("timed_out", f"{message}. Use a smaller input, or raise its time limit.", limit=seconds)
