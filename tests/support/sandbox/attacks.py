"""What a child that its input has taken over may try. Each function says how it went: `done`, or the error's name.

They run in sandbox children, and also outside of one, where they must succeed: an attack that fails everywhere tests
nothing.
"""

# System calls, as close as Python gets to them:
# ruff: noqa: PTH101, PTH104, PTH108, PTH115, PTH208, PTH211, S606

import ctypes
import errno
import fcntl
import os
import signal
import socket
import stat
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from worker.sandbox.isolation.system_calls import DENIED

DONE = "done"
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
F_SETOWN_EX = 15
FIOSETOWN, SIOCSPGRP = 0x8901, 0x8902
COLUMN = 0 if os.uname().machine == "x86_64" else 1


def read_files(paths: list[str], **_: Any) -> dict[str, str]:
    return {path: _tried(lambda path=path: Path(path).read_bytes()) for path in paths}  # type: ignore[misc]


def write_files(paths: list[str], **_: Any) -> dict[str, str]:
    return {path: _tried(lambda path=path: Path(path).write_bytes(b"x")) for path in paths}  # type: ignore[misc]


def change_files(path: str, other: str, **_: Any) -> dict[str, str]:
    """Change what is known of a file, or its place."""
    return {
        "chmod": _tried(lambda: os.chmod(path, 0o644)),
        "chown": _tried(lambda: os.chown(path, os.getuid(), os.getgid())),
        "utime": _tried(lambda: os.utime(path)),
        "truncate": _tried(lambda: os.truncate(path, 0)),
        "open to truncate": _tried(lambda: os.open(path, os.O_RDONLY | os.O_TRUNC)),
        "symlink": _tried(lambda: os.symlink(path, f"{other}/symlink")),
        "link": _tried(lambda: os.link(path, f"{other}/link")),
        "fifo": _tried(lambda: os.mkfifo(f"{other}/fifo")),
        "rename": _tried(lambda: os.rename(path, f"{other}/renamed")),
        "unlink": _tried(lambda: os.unlink(path)),
    }


def connect(addresses: list[list[Any]], **_: Any) -> dict[str, str]:
    """Connect to hosts and ports, and to the paths of Unix sockets."""

    def to(address: list[Any]) -> None:
        if len(address) == 1:
            with socket.socket(socket.AF_UNIX) as unix:
                unix.connect(address[0])
        else:
            socket.create_connection((address[0], address[1]), 2).close()

    return {str(address[0]): _tried(lambda address=address: to(address)) for address in addresses}  # type: ignore[misc]


def open_sockets(**_: Any) -> dict[str, str]:
    families = ("AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_ALG", "AF_VSOCK")
    return {
        **{name: _tried(lambda name=name: socket.socket(getattr(socket, name)).close()) for name in families},  # type: ignore[misc]
        "pair": _tried(socket.socketpair),
    }


def network_interfaces(**_: Any) -> list[str]:
    return [line.partition(":")[0].strip() for line in Path("/proc/self/net/dev").read_text().splitlines()[2:]]


def touch_process(pid: int, **_: Any) -> dict[str, str]:
    """Signal another process, attach to it, and look into it."""
    libc = ctypes.CDLL(None, use_errno=True)
    local = ctypes.create_string_buffer(8)
    vector = ctypes.create_string_buffer(struct.pack("PN", ctypes.addressof(local), 8), 16)

    def attach() -> None:
        _checked(libc.ptrace(PTRACE_SEIZE, pid, None, None))
        libc.ptrace(PTRACE_DETACH, pid, None, None)

    def stop() -> None:
        os.kill(pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGCONT)

    def by_pipe(command: int) -> None:
        reader, writer = os.pipe()
        try:
            owner = struct.pack("=ii", 1, pid) if command == F_SETOWN_EX else pid
            fcntl.fcntl(reader, command, owner)
        finally:
            os.close(reader)
            os.close(writer)

    def by_socket(request: int) -> None:
        with _any_socket() as found:
            fcntl.ioctl(found, request, struct.pack("=i", pid))

    return {
        "kill": _tried(lambda: os.kill(pid, 0)),
        "signal of a pipe": _tried(lambda: by_pipe(fcntl.F_SETOWN)),
        "signal of a pipe, extended": _tried(lambda: by_pipe(F_SETOWN_EX)),
        "signal of a socket": _tried(lambda: by_socket(FIOSETOWN)),
        "signal of a socket, the other name": _tried(lambda: by_socket(SIOCSPGRP)),
        "stop": _tried(stop),
        "pidfd": _tried(lambda: os.close(os.pidfd_open(pid))),
        "ptrace": _tried(attach),
        "read memory": _tried(
            lambda: _checked_as(libc.process_vm_readv(pid, vector, 1, vector, 1, 0), {errno.EFAULT: None})
        ),
        "environ": _tried(lambda: Path(f"/proc/{pid}/environ").read_bytes()),
        "mem": _tried(lambda: os.close(os.open(f"/proc/{pid}/mem", os.O_RDWR))),
        "fd": _tried(lambda: os.readlink(f"/proc/{pid}/fd/0")),
        "limits": _tried(lambda: _checked(libc.prlimit(pid, 7, None, ctypes.create_string_buffer(16)))),
        "priority": _tried(lambda: os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))),
    }


def touch_zygote(**_: Any) -> dict[str, str]:
    return touch_process(os.getppid())


def start_processes(marker: str, **_: Any) -> dict[str, str]:
    """Start a process in every way there is. One that starts appends to `marker` for as long as it lives."""

    def fork() -> None:
        if os.fork() == 0:
            _live_on(marker)

    def by_clone(flags: int) -> None:
        number = {"x86_64": 56, "aarch64": 220}[os.uname().machine]
        if _checked(_syscall(number, flags | signal.SIGCHLD, 0, 0, 0, 0)) == 0:
            _live_on(marker)

    def by_clone3() -> None:
        arguments = ctypes.create_string_buffer(struct.pack("=8Q", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0), 64)
        if _checked(_syscall(435, ctypes.addressof(arguments), 64)) == 0:
            _live_on(marker)

    return {
        "fork": _tried(fork),
        "clone": _tried(lambda: by_clone(0)),
        "clone with flags above 32 bits": _tried(lambda: by_clone(1 << 40)),
        "clone3": _tried(by_clone3),
        "spawn": _tried(lambda: os.posix_spawn("/bin/true", ["true"], {})),
        "exec": _tried(lambda: os.execv("/nonexistent", ["x"])),
        "setsid": _tried(os.setsid),
    }


def leave_a_process_behind(marker: str, **_: Any) -> str:
    """Start a process that does not end with this one: in a session of its own, its parent gone."""

    def escape() -> None:
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                _live_on(marker)
            os._exit(0)

    return _tried(escape)


def leave_and_hang(marker: str, **_: Any) -> None:
    leave_a_process_behind(marker)
    while True:
        signal.pause()


def hang(marker: str, **_: Any) -> None:
    Path(marker).write_text(str(os.getpid()))
    while True:
        signal.pause()


def leave(**_: Any) -> None:
    os._exit(3)


def denied_calls(**_: Any) -> dict[str, str]:
    """Make every system call of the list with arguments that are wrong, so that one that is allowed does no harm."""
    told = {}
    for name, numbers in DENIED.items():
        number = numbers[COLUMN]
        if number is not None:
            _syscall(number, -1, -1, -1, -1, -1, -1)
            told[name] = errno.errorcode.get(ctypes.get_errno(), "")
    return told


def kernel_calls(**_: Any) -> dict[str, str]:
    """Calls with their arguments right, which the system would grant."""
    libc = ctypes.CDLL(None, use_errno=True)
    parameters = ctypes.create_string_buffer(120)
    return {
        "unshare": _tried(lambda: _checked(libc.unshare(0))),
        "io_uring_setup": _tried(lambda: _checked(_syscall(425, 1, ctypes.addressof(parameters)))),
        "userfaultfd": _tried(lambda: _checked(_syscall(DENIED["userfaultfd"][COLUMN] or 0, 1))),
        "keyctl": _tried(lambda: _checked(_syscall(DENIED["keyctl"][COLUMN] or 0, 0, -3, 0))),
        "personality": _tried(lambda: _checked(libc.personality(0xFFFFFFFF))),
        "prctl: outlive the zygote": _tried(lambda: _checked(libc.prctl(1, 0, 0, 0, 0))),
        "prctl: be dumpable": _tried(lambda: _checked(libc.prctl(4, 1, 0, 0, 0))),
        "capset": _tried(lambda: _checked(_capset(libc))),
        "newer than the list": _tried(lambda: _checked(_syscall(466, -1, -1))),
    }


def use_folder(folder: str, *others: str, **_: Any) -> dict[str, Any]:
    """Read the file `source` of a folder, write `made`, and try to read that of others."""
    told = {"source": Path(folder, "source").read_text()}
    Path(folder, "made").write_text(told["source"].upper())
    return {**told, "others": [_tried(lambda other=other: Path(other, "source").read_text()) for other in others]}  # type: ignore[misc]


def keep_open(folder: str, **_: Any) -> str:
    """Hold on to a folder: become its user in the next call."""
    os.chdir(folder)
    return _tried(lambda: Path("source").read_text())


def use_kept(**_: Any) -> str:
    return _tried(lambda: Path("source").read_text())


def hide_folder(folder: str, **_: Any) -> str:
    """Move the folder of the call away, from below the worker."""
    inside = Path(folder).readlink()
    return _tried(lambda: inside.rename(inside.with_name("elsewhere")))


def own_threads_and_memory(folder: str, **_: Any) -> dict[str, str]:
    """What the work of a child needs, and must be able to do."""
    told = []

    def thread() -> None:
        started = threading.Thread(target=lambda: told.append(1))
        started.start()
        started.join()
        assert told == [1]

    def temporary() -> None:
        with tempfile.TemporaryFile() as unnamed, tempfile.NamedTemporaryFile() as named:
            unnamed.write(b"x")
            named.write(b"x")

    def folders() -> None:
        inner = Path(folder, "inner")
        inner.mkdir()
        (inner / "file").write_bytes(b"x")
        (inner / "file").rename(inner / "renamed")
        (inner / "renamed").unlink()
        inner.rmdir()

    return {
        "thread": _tried(thread),
        "temporary files": _tried(temporary),
        "folders": _tried(folders),
        "random": _tried(lambda: Path("/dev/urandom").open("rb").read(8)),
        "null": _tried(lambda: Path(os.devnull).read_bytes()),
        "own process": _tried(lambda: Path("/proc/self/status").read_text()),
        "own descriptors": _tried(lambda: os.listdir("/proc/self/fd")),
        "signal to itself": _tried(lambda: os.kill(os.getpid(), 0)),
        "processors": _tried(lambda: [os.cpu_count(), os.sched_getaffinity(0)]),
        "time zone": _tried(time.tzset),
        "late import": _tried(lambda: __import__("xml.dom.minidom")),
        "late import of a package": _tried(lambda: __import__("idna.package_data")),
        "late import of ours": _tried(lambda: __import__("tests.support.eventually")),
        "hash": _tried(lambda: __import__("hashlib").new("sha3_256", b"x").hexdigest()),
        "media type": _tried(lambda: __import__("mimetypes").guess_type("x.png")),
    }


def _any_socket() -> socket.socket:
    """A new socket, or a copy of one that is open here."""
    try:
        return socket.socket(socket.AF_UNIX)
    except OSError:
        line = next(fd for fd in range(3, 256) if stat.S_ISSOCK(_mode(fd)))
        return socket.socket(fileno=os.dup(line))


def _mode(descriptor: int) -> int:
    try:
        return os.fstat(descriptor).st_mode
    except OSError:
        return 0


def _live_on(marker: str) -> None:
    """Be a process that lives for a minute at most, and shows it."""
    signal.alarm(60)
    while True:
        with Path(marker).open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.02)


def _capset(libc: ctypes.CDLL) -> int:
    header = ctypes.create_string_buffer(struct.pack("=Ii", 0x20080522, 0), 8)
    sets = ctypes.create_string_buffer(24)
    libc.capget(header, sets)
    returned: int = libc.capset(header, sets)
    return returned


def _syscall(number: int, *arguments: int) -> int:
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    returned: int = function(ctypes.c_long(number), *(ctypes.c_long(value) for value in arguments))
    return returned


def _checked(returned: int) -> int:
    if returned < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return returned


def _checked_as(returned: int, fine: dict[int, None]) -> int:
    """As `_checked`, but errors in `fine` count as success: the right was there."""
    return 0 if returned < 0 and ctypes.get_errno() in fine else _checked(returned)


def _tried(attack: Callable[[], Any]) -> str:
    try:
        attack()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, repr(error))
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return DONE


if __name__ == "__main__":  # outside of a sandbox: python -m tests.support.sandbox.attacks FUNCTION ARGUMENT…
    print(getattr(sys.modules[__name__], sys.argv[1])(*sys.argv[2:]))  # noqa: T201
