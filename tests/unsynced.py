"""
The tests, and all programs that they start, do not wait for the disk. A call such as fsync returns at once, and the system
writes later. `systemd-nspawn --suppress-sync` does the same. Only a power failure would show a difference, and no test can
make one: what a killed process has written is kept.
"""

from __future__ import annotations

import ctypes
import platform
import struct

_PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS, _SECCOMP_MODE_FILTER = 22, 38, 2
_ALLOW, _DONE = 0x7FFF0000, 0x00050000  # SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with no error: the call returns 0

_CALLS = {
    # fsync, fdatasync, sync, syncfs, sync_file_range (linux: asm/unistd_64.h, asm-generic/unistd.h; audit.h)
    "x86_64": (0xC000003E, (74, 75, 162, 306, 277)),
    "aarch64": (0xC00000B7, (82, 83, 81, 267, 84)),
}


class _Program(ctypes.Structure):
    """`struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def do_without_sync() -> bool:
    """
    Calls that wait for the disk do nothing from now on, in this thread and in all that it starts.

    Returns:
        Whether it could be done; the tests take longer where it could not.
    """
    if platform.machine() not in _CALLS or ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    architecture, calls = _CALLS[platform.machine()]
    load, is_equal, give = 0x20, 0x15, 0x06  # BPF_LD | BPF_W | BPF_ABS; BPF_JMP | BPF_JEQ | BPF_K; BPF_RET | BPF_K
    steps = [
        (load, 0, 0, 4),
        (is_equal, 0, len(calls) + 1, architecture),
        (load, 0, 0, 0),
        *((is_equal, len(calls) - at, 0, number) for at, number in enumerate(calls)),
        (give, 0, 0, _ALLOW),
        (give, 0, 0, _DONE),
    ]
    code = b"".join(struct.pack("=HBBI", *step) for step in steps)
    program = _Program(len(steps), code)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) == 0:
        return True
    # without CAP_SYS_ADMIN, only a process that no program can give more rights may do it
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    return int(libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0)) == 0
