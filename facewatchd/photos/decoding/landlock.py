"""
Landlock, the kernel's way for a process to give up its access to files and to other processes, for good and without any
right of its own: three system calls, of which two are needed here, as nothing is allowed.

Source: Linux, Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import struct

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
"""The same numbers on every processor."""

_ASK_VERSION = 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""From which version on: how many rights about files there are, a bit each (read, write, make, remove, refer, truncate, ioctl)."""

_NETWORK_FROM, _NETWORK_RIGHTS = 4, 0b11
"""Binding and connecting TCP."""

_SCOPES_FROM, _SCOPES = 6, 0b11
"""Abstract sockets and signals that lead out of the process's own domain."""


def landlock_version() -> int:
    """Of the kernel's interface; 0 where the kernel has none, or the process may not use it."""
    return max(0, _system_call(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION))


def forbid_all() -> bool:
    """
    Give up, for this thread and all that it starts, every access that the kernel's Landlock knows. Open descriptors stay
    what they are. `PR_SET_NO_NEW_PRIVS` must be set.

    Returns:
        Whether it is done; it is not where there is no Landlock.
    """
    version = landlock_version()
    if version == 0:
        return False
    attributes = _nothing_allowed(version)
    ruleset = _system_call(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0)
    if ruleset < 0:
        return False
    try:
        return _system_call(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _nothing_allowed(version: int) -> bytes:
    """`struct landlock_ruleset_attr`: all that this version can refuse. Without a rule, all of it is refused."""
    files = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    network = _NETWORK_RIGHTS if version >= _NETWORK_FROM else 0
    scopes = _SCOPES if version >= _SCOPES_FROM else 0
    return struct.pack("QQQ", (1 << files) - 1, network, scopes)


def _system_call(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))
