"""The filter of both architectures, read instruction by instruction as the kernel does."""

import errno
import fcntl
import os
import re
from pathlib import Path

import pytest

from worker.sandbox.isolation import seccomp
from worker.sandbox.isolation.seccomp import ALLOW, ARCHITECTURES, DENY, INSTRUCTION, KILL_PROCESS, OWN_PID, UNKNOWN
from worker.sandbox.isolation.system_calls import DENIED, FIRST_UNKNOWN, UNASSIGNED

HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
MACHINES = pytest.mark.parametrize("machine", ARCHITECTURES)
THREAD_FLAGS = 0x3D0F00  # as the C library starts a thread
NEW_PROCESS_FLAGS = 0x1200011  # as it forks
MAX_INSTRUCTIONS = 4096  # of the kernel


def verdict(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter answers to a system call."""
    numbers = ARCHITECTURES[machine]
    code = list(INSTRUCTION.iter_unpack(seccomp.program(numbers)))
    words = {seccomp.NUMBER_AT: number, seccomp.ARCHITECTURE_AT: numbers.audit if audit is None else audit}
    words |= {16 + 8 * place: value & 0xFFFFFFFF for place, value in enumerate((*arguments, *(0,) * 6)[:6])}
    loaded, at = 0, 0
    while True:
        operation, then, otherwise, value = code[at]
        at += 1
        if operation == seccomp.RETURN:
            return int(value)
        if operation == seccomp.LOAD:
            loaded = words[value]
            continue
        if operation == seccomp.AND:
            loaded &= value
            continue
        holds = {
            seccomp.JUMP_EQUAL: loaded == value,
            seccomp.JUMP_AT_LEAST: loaded >= value,
            seccomp.JUMP_ABOVE: loaded > value,
            seccomp.JUMP_ANY_BIT: bool(loaded & value),
        }[operation]
        at += then if holds else otherwise


def special(machine: str) -> set[int]:
    """The numbers of the calls that depend on their arguments, and of clone3 and openat2."""
    given = ARCHITECTURES[machine]._asdict()
    return {number for name, number in given.items() if name not in {"column", "audit", "seccomp"} and number}


@MACHINES
def test_every_number_is_denied_or_allowed_as_the_list_says(machine: str) -> None:
    column = ARCHITECTURES[machine].column
    denied = {numbers[column] for numbers in DENIED.values()}
    first, last = UNASSIGNED[column]
    for number in set(range(FIRST_UNKNOWN)) - special(machine):
        expected = DENY if number in denied or first <= number <= last else ALLOW
        assert verdict(machine, number) == expected, number


@MACHINES
def test_calls_that_are_newer_than_the_list_or_of_another_architecture(machine: str) -> None:
    assert verdict(machine, FIRST_UNKNOWN) == UNKNOWN == 0x50000 | errno.ENOSYS
    assert verdict(machine, 0x40000000 + 41) == UNKNOWN  # x32
    assert verdict(machine, 0, audit=0x40000003) == KILL_PROCESS  # 32 bits


@MACHINES
def test_threads_but_no_processes(machine: str) -> None:
    numbers = ARCHITECTURES[machine]
    assert verdict(machine, numbers.clone, THREAD_FLAGS) == ALLOW
    assert verdict(machine, numbers.clone, NEW_PROCESS_FLAGS) == DENY
    assert verdict(machine, numbers.clone, 0x10000 << 32) == DENY
    assert verdict(machine, numbers.clone3, 0) == UNKNOWN


@MACHINES
def test_signals_and_limits_are_for_the_process_itself(machine: str) -> None:
    numbers = ARCHITECTURES[machine]
    for call in (numbers.kill, numbers.tkill, numbers.tgkill):
        assert verdict(machine, call, OWN_PID) == ALLOW
        for other in (0, 1, -1, OWN_PID + 1, -OWN_PID):
            assert verdict(machine, call, other) == DENY
    assert [verdict(machine, numbers.prlimit64, pid) for pid in (0, OWN_PID, 1)] == [ALLOW, ALLOW, DENY]


@MACHINES
def test_what_a_process_may_say_of_itself_and_to_a_terminal(machine: str) -> None:
    numbers = ARCHITECTURES[machine]
    assert [verdict(machine, numbers.prctl, option) for option in (15, 1, 4, 22, 36)] == [ALLOW, DENY, DENY, DENY, DENY]
    assert [verdict(machine, numbers.ioctl, 1, request) for request in (0x5401, 0x5412, 0x541C)] == [ALLOW, DENY, DENY]


@MACHINES
def test_no_file_is_made_to_send_signals(machine: str) -> None:
    numbers = ARCHITECTURES[machine]
    for command in (fcntl.F_SETOWN, 15, fcntl.F_SETSIG, fcntl.F_SETOWN | 1 << 32):  # 15: F_SETOWN_EX
        assert verdict(machine, numbers.fcntl, 3, command) == DENY
    for command in (fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_SETFL, fcntl.F_GETOWN, fcntl.F_SETLK, fcntl.F_DUPFD_CLOEXEC):
        assert verdict(machine, numbers.fcntl, 3, command) == ALLOW
    assert [verdict(machine, numbers.ioctl, 3, request) for request in (0x8901, 0x8902, 0x5421)] == [DENY, DENY, ALLOW]


@MACHINES
def test_what_is_not_opened_for_writing_is_not_emptied(machine: str) -> None:
    numbers = ARCHITECTURES[machine]
    verdicts = {
        os.O_RDONLY: ALLOW,
        os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY: ALLOW,
        os.O_WRONLY | os.O_CREAT | os.O_TRUNC: ALLOW,
        os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC: ALLOW,
        os.O_RDONLY | os.O_TRUNC | os.O_CLOEXEC: DENY,
        os.O_ACCMODE | os.O_TRUNC: DENY,
    }
    for flags, expected in verdicts.items():
        assert verdict(machine, numbers.openat, -100, 0, flags) == expected, flags
        assert numbers.open is None or verdict(machine, numbers.open, 0, flags) == expected, flags
    assert verdict(machine, numbers.openat2) == UNKNOWN


@MACHINES
def test_a_few_calls_that_work_needs_are_allowed_by_their_names(machine: str) -> None:
    known = _header(machine)
    for name in ("read", "write", "openat", "close", "mmap", "munmap", "futex", "getrandom", "exit_group", "sendto"):
        assert verdict(machine, known[name]) == ALLOW, name


@MACHINES
def test_the_numbers_are_those_of_the_kernels_headers(machine: str) -> None:
    known = _header(machine)
    column = ARCHITECTURES[machine].column
    given = {name: numbers[column] for name, numbers in DENIED.items()}
    given |= {name: number for name, number in ARCHITECTURES[machine]._asdict().items() if name in known}
    assert {name: number for name, number in given.items() if known.get(name, number) != number} == {}


def test_the_filter_is_small() -> None:
    assert all(len(seccomp.program(one)) // INSTRUCTION.size < MAX_INSTRUCTIONS / 8 for one in ARCHITECTURES.values())


def _header(machine: str) -> dict[str, int]:
    if not HEADERS[machine].exists():
        pytest.skip(f"the kernel's headers are not installed: {HEADERS[machine]}")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", HEADERS[machine].read_text())
    return {name: int(number) for name, number in found}
