"""Turns the exit status of a child into a coded refusal."""

import signal

from tasks.refusal import SandboxDeath
from worker.sandbox.child import OUT_OF_MEMORY_STATUS


def explain_death(status: int, memory_mb: int) -> SandboxDeath:
    """Explain the death of a child that the worker did not kill.

    SIGKILL is taken for the system running out of memory: nothing else sends it to a child.

    Args:
        status: The exit status; a negative one is the signal that ended the child.
        memory_mb: The memory limit of the child.
    """
    if status == OUT_OF_MEMORY_STATUS:
        message = (
            f"The work needed more memory than its limit of {memory_mb} MB. "
            "Use a smaller input, or raise SANDBOX_MEMORY_MB."
        )
        return SandboxDeath("out_of_memory", message, limit=memory_mb)
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
    """Return the refusal of a call that was killed after `seconds`."""
    message = (
        f"The work took longer than its limit of {seconds:g} s and was killed. "
        "Use a smaller input, or raise the time limit of its kind."
    )
    return SandboxDeath("timed_out", message, limit=seconds)
