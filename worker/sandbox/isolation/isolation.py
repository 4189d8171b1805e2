"""What a sandbox child is kept away from: the kernel, other processes, the network, files that are not its own.

The zygote prepares it once, and tries in a child what the kernel allows. Each child then closes itself in before it
reads its first call. What the kernel lacks is left out; the worker logs it.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable

from tasks.process_memory import hide_from_others, prctl
from worker.sandbox.isolation import kernel, landlock, namespace, seccomp
from worker.sandbox.isolation.parts import LANDLOCK, NETWORK, PARTS, SECCOMP
from worker.sandbox.isolation.paths import listed_folders, readable_paths


class Isolation:
    """Prepared in the zygote, before it imports anything; used in every child.

    Args:
        own_folders: Has a folder for each child, named by the child's number.
        shared: Folders that every child may write to.

    Attributes:
        lacking: Those of PARTS that this system does not have.
    """

    def __init__(self, own_folders: str, *shared: str) -> None:
        self._own_folders = own_folders
        self._own_folder = ""
        self._shared = shared
        self._machine = seccomp.architecture()
        self._filter = seccomp.program(self._machine) if self._machine is not None else b""
        self._rules = landlock.PathRules()
        self.lacking: frozenset[str] = frozenset(PARTS)

    def prepare(self) -> None:
        """Leave the network, give up capabilities, and find out what children can use. Call it while the process has
        one thread."""
        if sys.platform != "linux":
            return
        lacking = set()
        if _works(namespace.leave_network):
            namespace.leave_network()
        else:
            lacking.add(NETWORK)
        namespace.drop_capabilities(keep_files=os.geteuid() == 0)
        prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
        hide_from_others()
        if not (self._machine and _works(self._filter_calls)):
            lacking.add(SECCOMP)
        if not (landlock.version() and _works(self._rules.restrict)):
            lacking.add(LANDLOCK)
        self.lacking = frozenset(lacking)

    def open_rules(self) -> None:
        """Find the files that children may read. Call it after the imports, when the search path is known."""
        if LANDLOCK not in self.lacking:
            self._rules.allow(readable_paths(), landlock.READ)
            self._rules.allow(listed_folders(), landlock.READ_DIR)
            self._rules.allow(self._shared, landlock.WRITE)

    def enter(self, number: int) -> None:
        """Become the child of this number: its temporary files go to its own folder."""
        self._own_folder = f"{self._own_folders}/{number}"
        os.environ["TMPDIR"] = tempfile.tempdir = self._own_folder

    def enclose(self) -> None:
        """Close this process in, for the rest of its life. It must not gain privileges by then (`limits.confine`).

        Raises:
            OSError: What worked when the zygote tried it does not work now. The child must not run its call.
        """
        if LANDLOCK not in self.lacking:
            self._rules.allow((self._own_folder,), landlock.WRITE)
            self._rules.allow((f"/proc/{os.getpid()}",), landlock.READ)
            self._rules.restrict()
            self._rules.close()
        if SECCOMP not in self.lacking:
            self._filter_calls()

    def _filter_calls(self) -> None:
        if self._machine is not None:
            seccomp.install(self._filter, self._machine)


def _works(step: Callable[[], None]) -> bool:
    """Try a step in a child that ends at once."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            with contextlib.suppress(OSError):
                prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
                step()
                status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
