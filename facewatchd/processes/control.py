"""
How a command reaches the running daemon: one JSON line each way over a socket in the state directory.

The daemon is the only writer of its state. While it runs, commands ask it for every change.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from facewatchd.errors import FacewatchError, NotAnsweringError, RunningError, cause

log = logging.getLogger(__name__)

SOCKET = "control.sock"
MOST_BYTES = 1 << 21
"""A request may be so long: some hundred thousand face ids. An answer may be of any length: the daemon is believed."""

_SILENT = "The running facewatchd does not answer"
_SILENT_ADVICE = "It may be starting or stopping. Try again in a moment."

Answer = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Takes the name of an operation and its parameters, returns its result, raises FacewatchError."""


@contextlib.contextmanager
def _address(state_dir: Path) -> Iterator[str]:
    """The socket's address: by the folder's descriptor, as a socket's path may have 107 bytes only."""
    folder = os.open(state_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)


class ControlServer:
    """
    Listens until stopped; each request has a thread of its own.

    Args:
        state_dir: Where the socket is made; the caller holds the state's lock, so a socket that is there is a dead one.
        answer: Called in a request's thread.
    """

    def __init__(self, state_dir: Path, answer: Answer) -> None:
        self._answer = answer
        self._path = state_dir / SOCKET
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        # what is bound has these rights from the start
        os.fchmod(self._socket.fileno(), 0o600)
        with _address(state_dir) as address:
            self._socket.bind(address)
        self._path.chmod(0o600)
        self._socket.listen(8)
        self._thread = threading.Thread(target=self._serve, name="control", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def _serve(self) -> None:
        while True:
            try:
                channel, _ = self._socket.accept()
            except OSError:
                return
            # one that waits for a long answer must not keep `status` from getting its own
            threading.Thread(target=self._converse, args=(channel,), name="control-request", daemon=True).start()

    def _converse(self, channel: socket.socket) -> None:
        with channel:
            try:
                channel.settimeout(10)
                line = _read_line(channel, MOST_BYTES)
                reply = self._reply_to(line)
                channel.settimeout(10)
                channel.sendall(json.dumps(reply).encode() + b"\n")
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
                log.debug("A request could not be answered: %s", cause(error))

    def _reply_to(self, line: bytes) -> Mapping[str, Any]:
        if len(line) >= MOST_BYTES and not line.endswith(b"\n"):
            return {
                "error": [
                    "The request is too long",
                    f"It may have {MOST_BYTES >> 20} MiB: ask for less at a time.",
                    None,
                ]
            }
        request = json.loads(line)
        return self._reply(request["command"], request.get("arguments", {}))

    def _reply(self, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return {"result": self._answer(command, arguments)}
        except FacewatchError as error:
            path = os.fsdecode(error.path) if error.path is not None else None
            return {"error": [error.title, error.message, path]}


def ask(
    state_dir: Path, command: str, arguments: Mapping[str, Any], timeout_s: float | None = None
) -> Mapping[str, Any]:
    """
    Have the running daemon carry something out. Request and answer keep their form, so that a daemon and a command of
    different versions can say to each other that they are.

    Args:
        state_dir: Its state.
        command: The name of an operation.
        arguments: Its parameters; JSON.
        timeout_s: How long to wait for the answer; None for as long as it takes.

    Raises:
        NotAnsweringError: It does not listen: nothing was asked.
        RunningError: It went away before it answered, or takes longer than is waited for.
        FacewatchError: It could not do it, as the daemon says; or what it says cannot be read.
    """
    with contextlib.ExitStack() as stack:
        try:
            channel = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC))
            channel.settimeout(timeout_s)
            with _address(state_dir) as address:
                channel.connect(address)
        except OSError as error:
            raise NotAnsweringError(_SILENT, _SILENT_ADVICE, state_dir) from error
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # a request that is too long is answered before its end
                channel.sendall(json.dumps({"command": command, "arguments": dict(arguments)}).encode() + b"\n")
            line = _read_line(channel)
        except TimeoutError as error:
            raise RunningError(_SILENT, _SILENT_ADVICE, state_dir) from error
        except OSError:
            line = b""
    if not line.endswith(b"\n"):
        raise RunningError(
            "The running facewatchd ended before it answered",
            "It may have done what you asked for. Check, and ask again if it has not.",
            state_dir,
        )
    reply: Mapping[str, Any] = json.loads(line)
    if "error" in reply:
        raise FacewatchError(*reply["error"])
    result: Mapping[str, Any] = reply["result"]
    return result


def _read_line(channel: socket.socket, most: float = math.inf) -> bytes:
    """Up to the end of a line, or of what is sent, or about so many bytes."""
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < most:
        part = channel.recv(1 << 16)
        if not part:
            break
        line += part
    return bytes(line)
