"""
Commands in forks of one process that has loaded the whole program: a start of Python, with all that the program imports,
takes longer than most commands. A fork is a process of its own in every other respect, and runs `python -m facewatchd` as a
started one does. `Forks` is the side of the tests; run as a script, this file is the other.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

_MOST_BYTES = 200_000
"""Of an order. A message has to fit into what a socket holds."""


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit code (below 0: the signal), and what it wrote."""

    code: int
    out: bytes
    err: bytes


class Forks:
    """
    The process that forks; it ends with this one.

    Args:
        environment: Of the process, and what `fits` compares with.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = _of_python(environment)
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                pass_fds=(theirs.fileno(),),
            )
        atexit.register(self.close)

    def fits(self, environment: Mapping[str, str]) -> bool:
        """Whether Python and its libraries would start in the same way with this environment."""
        return _of_python(environment) == self._environment

    def run(self, arguments: Sequence[str], environment: Mapping[str, str], timeout: float, *, strict: bool) -> Ending:
        """
        Run `facewatchd ARGUMENT...` to its end.

        Args:
            arguments: Without the program.
            environment: All variables.
            timeout: Seconds.
            strict: Whether permissions count even for root.

        Raises:
            TimeoutError: It has not ended in time, and is killed.
        """
        order = json.dumps([list(arguments), dict(environment), os.getcwd(), strict]).encode()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, contextlib.ExitStack() as stack:
            out, err = (os.memfd_create(name) for name in ("out", "err"))
            stack.callback(os.close, out)
            stack.callback(os.close, err)
            with theirs:
                socket.send_fds(self._control, [order], [out, err, theirs.fileno()])
            ours.settimeout(timeout)
            pid = int(ours.recv(20))
            try:
                status = int(ours.recv(20))
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise
            return Ending(os.waitstatus_to_exitcode(status), _content(out), _content(err))

    def close(self) -> None:
        self._control.close()
        self._process.wait()


def _of_python(environment: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in environment.items() if key.startswith(("PYTHON", "LD_", "LC_", "LANG"))}


def _content(file: int) -> bytes:
    return os.pread(file, os.fstat(file).st_size, 0)


# --- the other side


def load() -> None:
    """Everything of the program, and what its modules import only when it is used."""
    package = importlib.import_module("facewatchd")
    for module in pkgutil.walk_packages(package.__path__, "facewatchd."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for name in ("hdbscan", "onnx", "onnxruntime", "rich.live", "scipy.sparse.csgraph", "scipy.spatial", "sqlite3"):
        importlib.import_module(name)


def serve(control: socket.socket) -> None:
    """Fork for every order, and say how the fork has ended, until nobody orders any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    poll = select.poll()
    poll.register(control, select.POLLIN)
    running: dict[int, tuple[int, socket.socket]] = {}
    while True:
        for ready, _ in poll.poll():
            if ready == control.fileno():
                order, handles, _, _ = socket.recv_fds(control, _MOST_BYTES, 3)
                if not order:
                    return
                out, err, answers = handles
                pid = os.fork()
                if pid == 0:
                    _be_the_program(json.loads(order), out, err)
                os.close(out)
                os.close(err)
                answer = socket.socket(fileno=answers)
                answer.send(b"%d" % pid)
                process = os.pidfd_open(pid)
                running[process] = (pid, answer)
                poll.register(process, select.POLLIN)
            else:
                pid, answer = running.pop(ready)
                poll.unregister(ready)
                os.close(ready)
                with answer, contextlib.suppress(BrokenPipeError):
                    answer.send(b"%d" % os.waitpid(pid, 0)[1])


def _be_the_program(order: tuple[list[str], dict[str, str], str, bool], out: int, err: int) -> NoReturn:
    """What the interpreter does, from `python -m facewatchd` to the end of the process."""
    arguments, environment, folder, strict = order
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.closerange(3, 256)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(folder)
    if strict:
        give_up_roots_rights()
    sys.argv = ["facewatchd", *arguments]
    code = 0
    try:
        runpy.run_module("facewatchd", run_name="__main__", alter_sys=True)
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001 - the interpreter prints every exception
        traceback.print_exc()
        code = 1
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def give_up_roots_rights() -> None:
    """Root may read and write everything, by two capabilities: without them, for good, modes count."""
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        libc.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: not for what is started either
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    rights = (ctypes.c_uint32 * 6)()  # twice: effective, permitted, inheritable
    assert libc.capget(header, rights) == 0
    for at in range(3):
        rights[at] = int(rights[at]) & ~0b110
    assert libc.capset(header, rights) == 0


if __name__ == "__main__":
    load()
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as given:
        serve(given)
