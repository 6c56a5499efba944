"""
What a process that decodes a stranger's photo may not do: grow, dawdle, reach the network, start programs, outlive the
daemon, or leave a core file (R23).

Limits that the kernel keeps cannot be forgotten by code that a damaged photo has led astray. The system calls are denied
by a seccomp filter, which needs no right and no library, and stays in force behind everything that is loaded later.
"""

from __future__ import annotations

import ctypes
import math
import os
import resource
import signal
import struct
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 1, 22, 38, 2
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 1  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM
_LOAD, _JUMP_EQUAL, _JUMP_GREATER_OR_EQUAL, _RETURN = 0x20, 0x15, 0x35, 0x06  # classic BPF (linux/filter.h)
_X32 = 0x40000000
"""From this number on, x86-64 takes a system call for one of its 32-bit dialect."""

# AUDIT_ARCH, then: socket, socketpair, ptrace, execve, execveat, io_uring_setup, process_vm_writev (asm/unistd.h)
_DENIED = {
    "x86_64": (0xC000003E, (41, 53, 101, 59, 322, 425, 311)),
    "aarch64": (0xC00000B7, (198, 199, 117, 221, 281, 425, 271)),
}

_MARGIN = 256 << 20
"""What libraries map and hardly touch, bytes: the stacks and the allocator's reserve of the threads that some decoders start."""

_TIME_OVER = frozenset({signal.SIGALRM, signal.SIGXCPU})
_KILLED = {
    signal.SIGALRM: "took too long",
    signal.SIGXCPU: "took too long",
    signal.SIGKILL: "was ended from outside, perhaps for want of memory",
    signal.SIGSEGV: "crashed (segmentation fault)",
    signal.SIGBUS: "crashed (bus error)",
    signal.SIGILL: "crashed (illegal instruction)",
    signal.SIGFPE: "crashed (arithmetic error)",
    signal.SIGABRT: "crashed (it gave itself up)",
}


def confine() -> None:
    """
    Give up, for this process and for good, what decoding does not need. What the system does not offer (another
    processor, a kernel without seccomp) is left out: the limits and the separate process remain.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # whoever stops the daemon may tell the whole group; the daemon decides what becomes of this one
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.uname().machine in _DENIED:
        code = _filter(*_DENIED[os.uname().machine])
        buffer = ctypes.create_string_buffer(code)
        program = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
        libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(program), 0, 0)


def limit(seconds: float, memory: int) -> None:
    """
    What the process may use from now on, until told otherwise.

    Args:
        seconds: Until it is ended: of the clock, and of the processor.
        memory: Bytes beyond those that are mapped now.
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    processor = math.ceil(used.ru_utime + used.ru_stime + seconds)
    _lower(resource.RLIMIT_CPU, processor)
    _lower(resource.RLIMIT_AS, mapped() + memory + _MARGIN)
    signal.setitimer(signal.ITIMER_REAL, seconds)


def _lower(what: int, most: int) -> None:
    """Set a limit that can be raised again, up to the one that the whole service was given."""
    _, hard = resource.getrlimit(what)
    resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def rest() -> None:
    """Nothing is being done: the clock stands still."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def mapped() -> int:
    """Bytes of the process's address space."""
    pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    return pages * resource.getpagesize()


def headroom() -> int | None:
    """Bytes that this process may still map; None where nothing limits it."""
    most, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if most == resource.RLIM_INFINITY else max(0, most - mapped())


def was_slow(status: int) -> bool:
    """Whether a process, by its wait status, was ended for taking longer than `limit` had allowed."""
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) in _TIME_OVER


def ending(status: int) -> str:
    """What ended a process, as the end of a sentence about the decoder, from its wait status."""
    if not os.WIFSIGNALED(status):
        return f"ended with {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    return _KILLED.get(signal.Signals(number), f"was ended by signal {number}")


def _filter(architecture: int, denied: tuple[int, ...]) -> bytes:
    """
    The filter as classic BPF: another dialect of system calls is refused altogether, then the denied ones are.

    Args:
        architecture: AUDIT_ARCH of this machine.
        denied: Numbers of system calls.
    """
    refuse = len(denied)  # instructions between the first test of a number and the refusal, less one
    lines = [
        (_LOAD, 0, 0, 4),
        (_JUMP_EQUAL, 0, refuse + 3, architecture),
        (_LOAD, 0, 0, 0),
        (_JUMP_GREATER_OR_EQUAL, refuse + 1, 0, _X32),
        *((_JUMP_EQUAL, refuse - at, 0, number) for at, number in enumerate(denied)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    return b"".join(struct.pack("HBBI", *line) for line in lines)
