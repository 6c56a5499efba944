"""
What a process that decodes photos may still do: read the descriptors that it was given, write its answer, and end (R23).

Photos come from anywhere, and the libraries that read them are large: whoever takes a decoder over must get no further. So
the process gives up, before it sees the first photo and for good, all access to files (Landlock), all system calls but a
few (a seccomp filter), and all capabilities. The kernel keeps these limits, whatever code runs. Where it does not offer one
of them, the others remain; `protection` says which there are.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
import resource
import signal
import struct

from facewatchd.photos.decoding.landlock import forbid_all, landlock_version
from facewatchd.photos.decoding.system_calls import decoder_filter

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_GET_SECCOMP, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 21, 22, 38
_SECCOMP_MODE_FILTER = 2
_CAPABILITIES_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3 (linux/capability.h)

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
    Give up, for this process and for good, what decoding does not need. Whatever is to be imported or opened by its path is
    by now; there is one thread. What the system does not offer is left out.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # whoever stops the daemon may tell the whole group; the daemon decides what becomes of this process
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGALRM, signal.SIGXCPU):
        signal.signal(number, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    mapped()  # opens what it reads
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    _drop_capabilities(libc)
    forbid_all()
    code = decoder_filter(os.uname().machine, os.getpid())
    if code is not None:
        buffer = ctypes.create_string_buffer(code, len(code))
        program = struct.pack("HP", len(code) // 8, ctypes.addressof(buffer))
        libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.create_string_buffer(program), 0, 0)


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    """Matters where the daemon runs as root: without them, root may do to others no more than anybody."""
    libc.capset(struct.pack("Ii", _CAPABILITIES_VERSION, 0), bytes(24))


def close_memory() -> None:
    """
    Keep the memory of this process from the decoders that it starts, itself or by another. Landlock does, where there is
    one; else the process becomes one that nobody of the same user may look into (`PR_SET_DUMPABLE`).
    """
    if landlock_version() == 0:
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def protection() -> tuple[str, bool]:
    """What the system offers to keep decoders in, as the end of a sentence about them, and whether it is all of it."""
    landlock, has_filter = landlock_version(), _has_filter()
    if landlock and has_filter:
        return f"confined by Landlock (version {landlock}) and a filter of system calls", True
    if landlock:
        return f"confined by Landlock (version {landlock})", False
    if has_filter:
        return "confined by a filter of system calls", False
    return "held by limits of time and memory only", False


def _has_filter() -> bool:
    if decoder_filter(os.uname().machine, os.getpid()) is None:
        return False
    return int(ctypes.CDLL(None).prctl(_PR_GET_SECCOMP, 0, 0, 0, 0)) >= 0


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
    pages = int(os.pread(_statm(os.getpid()), 128, 0).split()[0])
    return pages * resource.getpagesize()


@functools.cache
def _statm(_process: int) -> int:
    """A descriptor that stays readable where nothing can be opened any more; one a process, as forks inherit it."""
    return os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)


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
