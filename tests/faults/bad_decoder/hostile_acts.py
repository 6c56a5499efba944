"""
What a decoder may try in hostile hands, each as a function that returns where it was done, and raises an OSError where the
system refuses. They do it to the folder `$HOSTILE_FOLDER`, with the file `victim` in it, and to the process `$HOSTILE_PROCESS`.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
from collections.abc import Callable

FOLDER = os.environ.get("HOSTILE_FOLDER", "")
VICTIM = os.path.join(FOLDER, "victim")
NEW = os.path.join(FOLDER, "new")
PROCESS = int(os.environ.get("HOSTILE_PROCESS", "0"))

_F_SETOWN = 8
_PTRACE_SEIZE = 0x4206
_FS_IOC_SETFLAGS, _FS_NOATIME_FL = 0x40086602, 0x80
_IO_URING_SETUP, _PIDFD_OPEN = 425, 434
_CLONE_NEWUSER = 0x10000000

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _photo() -> int:
    """The descriptor of the photo that is being decoded."""
    for handle in range(3, 64):
        with contextlib.suppress(OSError):
            found = os.fstat(handle)
            if stat.S_ISREG(found.st_mode) and found.st_nlink and found.st_size and not _is_proc(found):
                return handle
    raise AssertionError("there is no photo")


def _is_proc(found: os.stat_result) -> bool:
    return found.st_dev == os.stat("/proc/self").st_dev


def _write(path: str) -> None:
    with open(path, "r+b", buffering=0) as file:
        file.write(b"!")


def _create() -> None:
    with open(NEW, "xb"):
        pass


def _read() -> None:
    with open(VICTIM, "rb", buffering=0) as file:
        assert file.read()


def _link_photo() -> None:
    os.link(f"/proc/self/fd/{_photo()}", NEW, follow_symlinks=True)


def _other_memory(process: int, mode: str) -> None:
    with open(f"/proc/{process}/mem", mode, buffering=0) as file:
        with open(f"/proc/{process}/maps", "rb", buffering=0) as maps:
            start = int(maps.read(64).split(b"-")[0], 16)
        file.seek(start)
        assert file.read(1)


def _vm(name: str) -> None:
    buffer = ctypes.create_string_buffer(8)
    vector = struct.pack("PN", ctypes.addressof(buffer), 1)
    _checked(getattr(_libc, name)(PROCESS, vector, 1, struct.pack("PN", 0x400000, 1), 1, 0))


def _spawn() -> None:
    subprocess.run(["/bin/true"], check=True)


def _fork() -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)


def _connect() -> None:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.connect(os.path.join(FOLDER, "socket"))


ACTS: dict[str, Callable[[], object]] = {
    "read": _read,
    "list": lambda: os.listdir(FOLDER),
    "write": lambda: _write(VICTIM),
    "create": _create,
    "rename": lambda: os.rename(VICTIM, NEW),
    "delete": lambda: os.unlink(VICTIM),
    "hard link": lambda: os.link(VICTIM, NEW),
    "symbolic link": lambda: os.symlink(VICTIM, NEW),
    "make folder": lambda: os.mkdir(NEW),
    "remove folder": lambda: os.rmdir(os.path.join(FOLDER, "empty")),
    "make pipe": lambda: os.mkfifo(NEW),
    "truncate": lambda: os.truncate(VICTIM, 0),
    "chmod": lambda: os.chmod(VICTIM, 0),
    "chown": lambda: os.chown(VICTIM, os.getuid(), os.getgid()),
    "set times": lambda: os.utime(VICTIM, (0, 0)),
    "set attribute": lambda: os.setxattr(VICTIM, "user.x", b"x"),
    "change folder": lambda: os.chdir(FOLDER),
    "write the photo": lambda: os.pwrite(_photo(), b"!", 0),
    "truncate the photo": lambda: os.ftruncate(_photo(), 0),
    "map the photo": lambda: mmap.mmap(_photo(), 1, prot=mmap.PROT_WRITE),
    "chmod the photo": lambda: os.fchmod(_photo(), 0),
    "chown the photo": lambda: os.fchown(_photo(), os.getuid(), os.getgid()),
    "set the photo's times": lambda: os.utime(_photo(), (0, 0)),
    "set the photo's attribute": lambda: os.setxattr(_photo(), "user.x", b"x"),
    "set the photo's flags": lambda: fcntl.ioctl(_photo(), _FS_IOC_SETFLAGS, struct.pack("l", _FS_NOATIME_FL)),
    "open the photo again": lambda: _write(f"/proc/self/fd/{_photo()}"),
    "link the photo": _link_photo,
    "lock the photo": lambda: fcntl.flock(_photo(), fcntl.LOCK_EX | fcntl.LOCK_NB),
    "read the parent's memory": lambda: _other_memory(os.getppid(), "rb"),
    "read the daemon's memory": lambda: _other_memory(PROCESS, "rb"),
    "write the daemon's memory": lambda: _other_memory(PROCESS, "r+b"),
    "process_vm_readv": lambda: _vm("process_vm_readv"),
    "process_vm_writev": lambda: _vm("process_vm_writev"),
    "ptrace": lambda: _checked(_libc.ptrace(_PTRACE_SEIZE, PROCESS, None, None)),
    "pidfd": lambda: _checked(_libc.syscall(_PIDFD_OPEN, PROCESS, 0)),
    "signal": lambda: os.kill(PROCESS, signal.SIGCONT),
    "signal the parent": lambda: os.kill(os.getppid(), signal.SIGCONT),
    "signal everybody": lambda: os.kill(-1, 0),
    "signal by a socket": lambda: fcntl.fcntl(_photo(), _F_SETOWN, PROCESS),
    "limit the daemon": lambda: resource.prlimit(PROCESS, resource.RLIMIT_CORE),
    "slow the daemon down": lambda: os.setpriority(os.PRIO_PROCESS, PROCESS, 19),
    "connect": _connect,
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "start a program": _spawn,
    "fork": _fork,
    "new namespace": lambda: _checked(_libc.unshare(_CLONE_NEWUSER)),
    "io_uring": lambda: _checked(_libc.syscall(_IO_URING_SETUP, 1, bytes(120))),
}
"""By what they are called in a test."""


def attempt(name: str) -> None:
    """
    Try one of them.

    Raises:
        ValueError: Whether it was done; what a decoder raises is told to the user.
    """
    try:
        ACTS[name]()
    except OSError as error:
        raise ValueError(f"refused: {error.strerror}") from error
    raise ValueError("it was done")


def start_a_thread() -> None:
    """That stays allowed: some decoders have some."""
    thread = threading.Thread(target=os.getpid)
    thread.start()
    thread.join()


def forbid_landlock() -> None:
    """As under a kernel without it, or a service manager that does not let it through."""
    number, error = 444, 38
    lines = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    _checked(_libc.prctl(38, 1, 0, 0, 0))
    _checked(_libc.prctl(22, 2, struct.pack("HP", len(lines), ctypes.addressof(code)), 0, 0))
    assert sys.platform == "linux"
