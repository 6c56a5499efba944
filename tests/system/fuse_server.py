"""
A file system of a program: shows a folder under another path, and stops answering when it is told to.

Run as `python fuse_server.py FOLDER MOUNTPOINT [KIND [OPCODE NAME]]`; see `hanging.py`, which starts it. Once mounted it says
"mounted". With the kind "fat" it is like FAT: it has no links, takes no name that FAT does not take, ignores case, and keeps
times to two seconds. With an opcode and a name, the first such request about a file of this name is the first that is not
answered.
SIGUSR1: requests are read and not answered any more, as by a server that the network has lost.
SIGUSR2: those that wait are answered, and all that follow. The kernel's interface: <linux/fuse.h>, version 7.31.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import select
import signal
import stat
import struct
import sys

IN = struct.Struct("<IIQQIIII")
OUT = struct.Struct("<IiQ")
ATTR = struct.Struct("<6Q10I")
_LONGEST_S = 240
_BUFFER = (1 << 20) + 4096

LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK = 1, 2, 3, 4, 5, 6
MKDIR, UNLINK, RMDIR, RENAME, LINK, OPEN, READ, WRITE, STATFS, RELEASE = 9, 10, 11, 12, 13, 14, 15, 16, 17, 18
FSYNC, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR, FSYNCDIR = 20, 25, 26, 27, 28, 29, 30
CREATE, INTERRUPT, BATCH_FORGET, RENAME2 = 35, 36, 42, 45
_NOT_IN_FAT = re.compile(r'[\x00-\x1f\\:*?"<>|]|[ .]$')
_SILENT = {FORGET, INTERRUPT, BATCH_FORGET}
_MODE, _UID, _GID, _SIZE, _ATIME, _MTIME, _HANDLE, _ATIME_NOW, _MTIME_NOW = 1, 2, 4, 8, 16, 32, 64, 128, 256


class Server:
    """
    Args:
        folder: What is shown.
        fuse: The opened /dev/fuse.
        fat: Whether it is like FAT.
        trap: The first request that is not answered: its number, and the name of the file.
    """

    def __init__(self, folder: bytes, fuse: int, *, fat: bool = False, trap: tuple[int, bytes] | None = None) -> None:
        self._trap = trap
        self._folder = folder
        self._fuse = fuse
        self._fat = fat
        self._paths = {1: b""}
        self._nodes = {b"": 1}
        self._next = 2

    def _at(self, node: int, name: bytes = b"") -> bytes:
        path = self._paths[node]
        if self._fat and name:
            name = self._fat_name(os.path.join(self._folder, path), name)
        return os.path.join(self._folder, *(part for part in (path, name) if part))

    def _fat_name(self, folder: bytes, name: bytes) -> bytes:
        try:
            text = name.decode()
        except UnicodeDecodeError:
            raise OSError(errno.EINVAL, "") from None
        if _NOT_IN_FAT.search(text):
            raise OSError(errno.EINVAL, "")
        return next((had for had in os.listdir(folder) if had.decode().lower() == text.lower()), name)

    def _node(self, path: bytes) -> int:
        if path not in self._nodes:
            self._nodes[path], self._paths[self._next] = self._next, path
            self._next += 1
        return self._nodes[path]

    def _attr(self, found: os.stat_result) -> bytes:
        times = (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)
        return ATTR.pack(
            found.st_ino, found.st_size, found.st_blocks,
            *(at // 10**9 for at in times), *(at % 10**9 for at in times),
            found.st_mode, found.st_nlink, found.st_uid, found.st_gid, found.st_rdev, found.st_blksize, 0,
        )  # fmt: skip

    def _entry(self, node: int, name: bytes) -> bytes:
        found = os.lstat(self._at(node, name))
        path = self._paths[node]
        number = self._node(os.path.join(path, name) if path else name)
        return struct.pack("<4Q2I", number, 0, 0, 0, 0, 0) + self._attr(found)

    def _attr_out(self, node: int) -> bytes:
        return struct.pack("<QII", 0, 0, 0) + self._attr(os.lstat(self._at(node)))

    def answer(self, opcode: int, node: int, body: bytes) -> bytes:
        """
        Raises:
            OSError: The answer is this error.
        """
        if self._fat and opcode in {SYMLINK, LINK}:
            raise OSError(errno.EPERM, "")
        match opcode:
            case 26:  # INIT
                _, minor, ahead, _ = struct.unpack_from("<4I", body)
                return struct.pack("<4I2H2I2H8I", 7, min(minor, 31), ahead, 0, 12, 10, 1 << 17, 1, 0, 0, *[0] * 8)
            case 1:  # LOOKUP
                return self._entry(node, body.rstrip(b"\0"))
            case 3:  # GETATTR
                return self._attr_out(node)
            case 4:  # SETATTR
                self._set(node, body)
                return self._attr_out(node)
            case 5:  # READLINK
                return os.readlink(self._at(node))
            case 6:  # SYMLINK
                name, target, _ = body.split(b"\0", 2)
                os.symlink(target, self._at(node, name))
                return self._entry(node, name)
            case 9:  # MKDIR
                name = body[8:].rstrip(b"\0")
                os.mkdir(self._at(node, name), struct.unpack_from("<I", body)[0])
                return self._entry(node, name)
            case 10:  # UNLINK
                os.unlink(self._at(node, body.rstrip(b"\0")))
                self._forget(node, body.rstrip(b"\0"))
                return b""
            case 11:  # RMDIR
                os.rmdir(self._at(node, body.rstrip(b"\0")))
                self._forget(node, body.rstrip(b"\0"))
                return b""
            case 12 | 45:  # RENAME, RENAME2
                flags = struct.unpack_from("<I", body, 8)[0] if opcode == RENAME2 else 0
                old, new, _ = body[16 if opcode == RENAME2 else 8 :].split(b"\0", 2)
                self._rename(node, old, struct.unpack_from("<Q", body)[0], new, flags)
                return b""
            case 13:  # LINK
                name = body[8:].rstrip(b"\0")
                os.link(self._at(struct.unpack_from("<Q", body)[0]), self._at(node, name), follow_symlinks=False)
                return self._entry(node, name)
            case 14:  # OPEN
                flags = struct.unpack_from("<I", body)[0] & ~(os.O_CREAT | os.O_EXCL)
                return struct.pack("<QII", os.open(self._at(node), flags), 0, 0)
            case 35:  # CREATE
                flags, mode = struct.unpack_from("<2I", body)
                name = body[16:].rstrip(b"\0")
                handle = os.open(self._at(node, name), flags | os.O_CREAT, mode)
                return self._entry(node, name) + struct.pack("<QII", handle, 0, 0)
            case 15:  # READ
                handle, offset, size = struct.unpack_from("<QQI", body)
                return os.pread(handle, size, offset)
            case 16:  # WRITE
                handle, offset, size = struct.unpack_from("<QQI", body)
                return struct.pack("<II", os.pwrite(handle, body[40 : 40 + size], offset), 0)
            case 17:  # STATFS
                had = os.statvfs(self._folder)
                return struct.pack(
                    "<5Q10I", had.f_blocks, had.f_bfree, had.f_bavail, had.f_files, had.f_ffree, had.f_bsize, 255,
                    had.f_frsize, *[0] * 7,
                )  # fmt: skip
            case 18:  # RELEASE
                os.close(struct.unpack_from("<Q", body)[0])
                return b""
            case 20 | 25 | 29 | 30:  # FSYNC, FLUSH, RELEASEDIR, FSYNCDIR
                return b""
            case 27:  # OPENDIR
                os.listdir(self._at(node))
                return struct.pack("<QII", 0, 0, 0)
            case 28:  # READDIR
                return self._listing(node, *struct.unpack_from("<QI", body, 8))
            case _:
                raise OSError(errno.ENOSYS, "")

    def _listing(self, node: int, offset: int, size: int) -> bytes:
        names = [b".", b"..", *sorted(os.listdir(self._at(node)))]
        out = b""
        for number, name in enumerate(names[offset:], offset + 1):
            kind = stat.S_IFDIR >> 12
            if name not in {b".", b".."}:
                kind = os.lstat(self._at(node, name)).st_mode >> 12
            entry = struct.pack("<QQII", number, number, len(name), kind) + name
            entry += b"\0" * (-len(entry) % 8)
            if len(out) + len(entry) > size:
                break
            out += entry
        return out

    def _forget(self, node: int, name: bytes) -> None:
        """Another thing may have this path soon, and needs a number of its own."""
        path = os.path.join(self._paths[node], name) if self._paths[node] else name
        self._nodes.pop(path, None)

    def _rename(self, node: int, old: bytes, to: int, new: bytes, flags: int) -> None:
        source, target = self._at(node, old), self._at(to, new)
        if flags & ~1:
            raise OSError(errno.EINVAL, "")
        if flags and os.path.lexists(target):
            raise OSError(errno.EEXIST, "")
        os.rename(source, target)
        was, now = (os.path.relpath(path, self._folder) for path in (source, target))
        self._nodes.pop(now, None)
        for path, number in [*self._nodes.items()]:
            if path == was or path.startswith(was + b"/"):
                del self._nodes[path]
                self._nodes[now + path[len(was) :]], self._paths[number] = number, now + path[len(was) :]

    def _set(self, node: int, body: bytes) -> None:
        valid, _, handle, size, _, atime, mtime, _, atime_ns, mtime_ns, _, mode, _, uid, gid, _ = struct.unpack_from(
            "<IIQQQ3Q3IIIIII", body
        )
        path = self._at(node)
        if valid & _MODE:
            os.chmod(path, stat.S_IMODE(mode))
        if valid & (_UID | _GID):
            os.chown(path, uid if valid & _UID else -1, gid if valid & _GID else -1, follow_symlinks=False)
        if valid & _SIZE:
            os.truncate(handle if valid & _HANDLE else path, size)
        if valid & (_ATIME | _MTIME):
            had = os.lstat(path)
            times = (
                atime * 10**9 + atime_ns if valid & _ATIME and not valid & _ATIME_NOW else had.st_atime_ns,
                mtime * 10**9 + mtime_ns if valid & _MTIME and not valid & _MTIME_NOW else had.st_mtime_ns,
            )
            if self._fat:
                times = (times[0] // 10**9 * 10**9, times[1] // (2 * 10**9) * (2 * 10**9))
            os.utime(path, ns=times, follow_symlinks=False)

    def serve(self) -> None:
        """Until it is unmounted."""
        mute = False
        held: list[bytes] = []
        wake, woken = os.pipe2(os.O_NONBLOCK)
        signal.set_wakeup_fd(woken)
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda *_: None)
        while True:
            ready, _, _ = select.select([self._fuse, wake], [], [])
            if wake in ready:
                for told in os.read(wake, 64):
                    mute = told == signal.SIGUSR1
                waiting, held = ([], held) if mute else (held, [])
                for request in waiting:
                    self._reply(request)
            if self._fuse in ready:
                try:
                    request = os.read(self._fuse, _BUFFER)
                except OSError as error:
                    if error.errno in {errno.ENODEV, errno.ECONNABORTED}:
                        return
                    if error.errno in {errno.ENOENT, errno.EINTR, errno.EAGAIN}:
                        continue
                    raise
                if self._is_caught(request):
                    mute, self._trap = True, None
                    print("caught", flush=True)
                if mute:
                    held.append(request)
                else:
                    self._reply(request)

    def _is_caught(self, request: bytes) -> bool:
        _, opcode, _, node, *_ = IN.unpack_from(request)
        if self._trap is None or opcode != self._trap[0]:
            return False
        name = request[IN.size :].rstrip(b"\0") if opcode == LOOKUP else os.path.basename(self._paths[node])
        return name == self._trap[1]

    def _reply(self, request: bytes) -> None:
        _, opcode, unique, node, *_ = IN.unpack_from(request)
        if opcode in _SILENT:
            return
        try:
            error, answer = 0, self.answer(opcode, node, request[IN.size :])
        except OSError as failed:
            error, answer = failed.errno or errno.EIO, b""
        # whoever asked may have been killed meanwhile
        with contextlib.suppress(OSError):
            os.write(self._fuse, OUT.pack(OUT.size + len(answer), -error, unique) + answer)


def main(folder: str, mountpoint: str, kind: str = "", opcode: str = "", name: str = "") -> None:
    fuse = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={fuse},rootmode=40000,user_id={os.getuid()},group_id={os.getgid()},allow_other"
    if libc.mount(b"slow", os.fsencode(mountpoint), b"fuse", 0, options.encode()):
        number = ctypes.get_errno()
        sys.exit(f"{os.strerror(number)}")
    # a test that hangs itself cannot end this
    signal.alarm(_LONGEST_S)
    print("mounted", flush=True)
    trap = (int(opcode), os.fsencode(name)) if opcode else None
    Server(os.fsencode(folder), fuse, fat=kind == "fat", trap=trap).serve()


if __name__ == "__main__":
    main(*sys.argv[1:])
