"""
The system calls that a decoder may make, as a seccomp filter. Everything that is not in the lists is refused with EPERM:
what opens for writing, renames, deletes, connects, starts or reaches another process, and what later kernels will add.

The filter needs no right and no library, and stays in force behind everything that is loaded later. Source of the numbers:
Linux, asm/unistd_64.h (x86-64) and asm-generic/unistd.h (aarch64); of the instructions: linux/filter.h, linux/seccomp.h.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple


class _Numbers(NamedTuple):
    """A system call's numbers; None where the processor has it not."""

    x86_64: int | None
    aarch64: int | None


_FREE: Mapping[str, _Numbers] = MappingProxyType(
    {
        # descriptors that are open
        "read": _Numbers(0, 63),
        "write": _Numbers(1, 64),
        "readv": _Numbers(19, 65),
        "writev": _Numbers(20, 66),
        "pread64": _Numbers(17, 67),
        "pwrite64": _Numbers(18, 68),
        "lseek": _Numbers(8, 62),
        "close": _Numbers(3, 57),
        "fstat": _Numbers(5, 80),
        "newfstatat": _Numbers(262, 79),
        "dup": _Numbers(32, 23),
        "poll": _Numbers(7, None),
        "ppoll": _Numbers(271, 73),
        "recvmsg": _Numbers(47, 212),
        "ftruncate": _Numbers(77, 46),
        "memfd_create": _Numbers(319, 279),
        # memory
        "mmap": _Numbers(9, 222),
        "munmap": _Numbers(11, 215),
        "mremap": _Numbers(25, 216),
        "mprotect": _Numbers(10, 226),
        "madvise": _Numbers(28, 233),
        "brk": _Numbers(12, 214),
        "membarrier": _Numbers(324, 283),
        # threads
        "futex": _Numbers(202, 98),
        "set_robust_list": _Numbers(273, 99),
        "rseq": _Numbers(334, 293),
        "sched_yield": _Numbers(24, 124),
        "sched_getaffinity": _Numbers(204, 123),
        "getcpu": _Numbers(309, 168),
        "exit": _Numbers(60, 93),
        "exit_group": _Numbers(231, 94),
        # signals of its own
        "rt_sigaction": _Numbers(13, 134),
        "rt_sigprocmask": _Numbers(14, 135),
        "rt_sigreturn": _Numbers(15, 139),
        "sigaltstack": _Numbers(131, 132),
        "restart_syscall": _Numbers(219, 128),
        # who and when it is
        "getpid": _Numbers(39, 172),
        "gettid": _Numbers(186, 178),
        "getppid": _Numbers(110, 173),
        "getuid": _Numbers(102, 174),
        "geteuid": _Numbers(107, 175),
        "getgid": _Numbers(104, 176),
        "getegid": _Numbers(108, 177),
        "clock_gettime": _Numbers(228, 113),
        "clock_getres": _Numbers(229, 114),
        "clock_nanosleep": _Numbers(230, 115),
        "nanosleep": _Numbers(35, 101),
        "gettimeofday": _Numbers(96, 169),
        "time": _Numbers(201, None),
        "times": _Numbers(100, 153),
        "setitimer": _Numbers(38, 103),
        "getitimer": _Numbers(36, 102),
        # what it may use
        "getrlimit": _Numbers(97, 163),
        "setrlimit": _Numbers(160, 164),
        "getrusage": _Numbers(98, 165),
        "sysinfo": _Numbers(99, 179),
        "uname": _Numbers(63, 160),
        "getrandom": _Numbers(318, 278),
    }
)
"""Allowed whatever the arguments."""

_OPEN, _OPENAT = _Numbers(2, None), _Numbers(257, 56)
_CLONE, _CLONE3 = _Numbers(56, 220), _Numbers(435, 435)
_KILL, _TGKILL = _Numbers(62, 129), _Numbers(234, 131)
_PRLIMIT64, _FCNTL = _Numbers(302, 261), _Numbers(72, 25)

_CHANGING = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | (os.O_TMPFILE & ~os.O_DIRECTORY)
"""Flags of which none is set where a file is opened for reading only."""

_CLONE_THREAD = 0x00010000
_ALL_BITS = 0xFFFFFFFF

_ARCHITECTURES = MappingProxyType({"x86_64": 0xC000003E, "aarch64": 0xC00000B7})
"""AUDIT_ARCH of the processors for which there is a filter (linux/audit.h)."""

_X32 = 0x40000000
"""From this number on, x86-64 takes a system call for one of its 32-bit dialect."""

_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERROR = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO, to which the error is added
_LOAD, _AND, _JUMP_EQUAL, _JUMP_GREATER_OR_EQUAL, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENTS_AT = 0, 4, 16  # in struct seccomp_data

Instruction = tuple[int, int, int, int]
"""Classic BPF: code, how many instructions to skip where the test holds, and where it does not, value."""


class _Test(NamedTuple):
    """Of an argument, the bits of `mask` are `value`. Kernels take numbers and flags of 32 bits, so those are looked at."""

    argument: int
    mask: int
    value: int


def decoder_filter(machine: str, process: int) -> bytes | None:
    """
    The program of the filter.

    Args:
        machine: As `os.uname` names the processor.
        process: The number of the process; it may send signals to itself only.

    Returns:
        `struct sock_filter`, one after the other; None for a processor for which there is none.
    """
    if machine not in _ARCHITECTURES:
        return None

    def number(call: _Numbers) -> int | None:
        return call.x86_64 if machine == "x86_64" else call.aarch64

    itself = _Test(0, _ALL_BITS, process)
    tested = (
        # Landlock, where there is one, refuses what is opened for reading by its path
        (_OPEN, _Test(1, _CHANGING, 0)),
        (_OPENAT, _Test(2, _CHANGING, 0)),
        (_CLONE, _Test(0, _CLONE_THREAD, _CLONE_THREAD)),
        (_KILL, itself),
        (_TGKILL, itself),
        # limits of its own
        (_PRLIMIT64, _Test(0, _ALL_BITS, 0)),
        # F_DUPFD to F_GETFL: no leases, no signals to others
        (_FCNTL, _Test(1, _ALL_BITS & ~0b11, 0)),
        (_FCNTL, _Test(1, _ALL_BITS, _F_DUPFD_CLOEXEC)),
    )
    lines = [
        (_LOAD, 0, 0, _ARCHITECTURE_AT),
        (_JUMP_EQUAL, 1, 0, _ARCHITECTURES[machine]),
        _refusal(_EPERM),
        (_LOAD, 0, 0, _NUMBER_AT),
        (_JUMP_GREATER_OR_EQUAL, 0, 1, _X32),
        _refusal(_EPERM),
    ]
    for call in _FREE.values():
        lines += _where(number(call), [(_RETURN, 0, 0, _ALLOW)])
    # the C library then takes `clone`, of which the flags can be looked at
    lines += _where(number(_CLONE3), [_refusal(_ENOSYS)])
    for call, test in tested:
        lines += _where(number(call), _allowed_if(test))
    lines.append(_refusal(_EPERM))
    return b"".join(struct.pack("HBBI", *line) for line in lines)


_F_DUPFD_CLOEXEC = 1030


def _refusal(error: int) -> Instruction:
    return _RETURN, 0, 0, _ERROR + error


def _where(number: int | None, then: list[Instruction]) -> Iterable[Instruction]:
    """These instructions for this system call; they find its number loaded, and leave it so where they do not return."""
    return [] if number is None else [(_JUMP_EQUAL, 0, len(then), number), *then]


def _allowed_if(test: _Test) -> list[Instruction]:
    return [
        (_LOAD, 0, 0, _ARGUMENTS_AT + 8 * test.argument),
        (_AND, 0, 0, test.mask),
        (_JUMP_EQUAL, 0, 1, test.value),
        (_RETURN, 0, 0, _ALLOW),
        (_LOAD, 0, 0, _NUMBER_AT),
    ]
