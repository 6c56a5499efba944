"""`processes.control`: requests over a real socket, good ones and others."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from facewatchd.errors import FacewatchError, RunningError
from facewatchd.processes.control import MOST_BYTES, SOCKET, ControlServer, ask


def answer(command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Says back what it was told, in which thread; "fail" fails."""
    if command == "fail":
        raise FacewatchError("It cannot be done", "Do something else.", os.fsencode("caf\udce9.jpg"))
    return {"command": command, "arguments": arguments, "thread": threading.current_thread().name}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    """A state folder whose daemon listens."""
    server = ControlServer(tmp_path, answer)
    yield tmp_path
    server.stop()
    assert not (tmp_path / SOCKET).exists()


def say(state: Path, content: bytes, *, close: bool = True) -> bytes:
    """Send these bytes and nothing else; returns what comes back."""
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(15)
        channel.connect(str(state / SOCKET))
        try:
            channel.sendall(content)
            if close:
                channel.shutdown(socket.SHUT_WR)
            return channel.recv(1 << 16)
        except (BrokenPipeError, ConnectionResetError):
            return b""


def test_a_request_is_answered(state: Path) -> None:
    """With the command and the arguments as they were, whatever their characters."""
    result = ask(state, "rename", {"person": 3, "name": "Zoë \U0001f600 \n"})
    assert result["command"] == "rename"
    assert result["arguments"] == {"person": 3, "name": "Zoë \U0001f600 \n"}


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_an_answer_of_any_length_arrives(state: Path) -> None:
    """All faces of a large archive are some megabytes."""
    names = ["x" * 1_000_000, "y" * 900_000] * 4
    server = ControlServer(make(state / "large"), lambda command, arguments: {"names": names})
    try:
        assert ask(state / "large", "say", {})["names"] == names
    finally:
        server.stop()


def test_a_request_that_is_too_long_is_refused_with_a_sentence(state: Path) -> None:
    with pytest.raises(FacewatchError, match="The request is too long: It may have 2 MiB"):
        ask(state, "say", {"names": ["x" * MOST_BYTES] * 3})
    assert ask(state, "still", {})["command"] == "still"


def test_an_error_is_the_daemons_own(state: Path) -> None:
    """Title, message and path, which may hold any bytes, arrive."""
    with pytest.raises(FacewatchError, match=r"It cannot be done \(caf\\xe9.jpg\): Do something else\."):
        ask(state, "fail", {})


def test_requests_at_the_same_time(state: Path) -> None:
    """Each gets its own answer."""
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(lambda number: ask(state, "count", {"number": number}), range(100)))
    assert [result["arguments"]["number"] for result in results] == list(range(100))


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff\xfe\x00\n",
        b"null\n",
        b"3\n",
        b'"text"\n',
        b"[]\n",
        b"{}\n",
        b'{"command": "x"',
        b"[" * 65_000 + b"\n",
        b"1" * 65_000 + b"\n",
        b"x" * 1_000_000,
    ],
    ids=lambda garbage: f"{len(garbage)} of {garbage[:8]!r}",
)
def test_garbage_does_not_end_it(state: Path, garbage: bytes) -> None:
    """Whoever sends it hears nothing; the next request is answered as always."""
    assert say(state, garbage) == b""
    assert ask(state, "still", {})["command"] == "still"


def test_one_who_goes_away_does_not_end_it(state: Path) -> None:
    """Before the answer could be sent."""
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as channel:
            channel.connect(str(state / SOCKET))
            channel.sendall(b'{"command": "x"}\n')
    assert ask(state, "still", {})["command"] == "still"


def test_only_the_owner_may_ask(state: Path) -> None:
    """Others cannot even connect."""
    assert (state / SOCKET).stat().st_mode & 0o777 == 0o600


def test_a_socket_left_over_is_replaced(tmp_path: Path) -> None:
    """A daemon that was killed leaves its socket."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / SOCKET))
    with pytest.raises(RunningError, match="does not answer"):
        ask(tmp_path, "x", {})
    server = ControlServer(tmp_path, answer)
    assert ask(tmp_path, "x", {})["command"] == "x"
    server.stop()


def test_nobody_listens(tmp_path: Path) -> None:
    """The error says what to do, and names the folder."""
    with pytest.raises(RunningError, match="Try again in a moment") as caught:
        ask(tmp_path, "x", {})
    assert caught.value.path == tmp_path


def test_one_that_goes_away_while_it_is_asked(tmp_path: Path) -> None:
    """The daemon ends in the middle of a request: that is said."""
    with socket.socket(socket.AF_UNIX) as listening, ThreadPoolExecutor(1) as pool:
        listening.bind(str(tmp_path / SOCKET))
        listening.listen()
        asked = pool.submit(ask, tmp_path, "x", {})
        channel, _ = listening.accept()
        channel.recv(100)
        channel.sendall(b'{"result": {')
        channel.close()
        with pytest.raises(RunningError, match="ended before it answered"):
            asked.result(timeout=10)


def test_a_path_longer_than_an_address(tmp_path: Path) -> None:
    """107 bytes is all that a socket's address may have."""
    deep = tmp_path / ("a" * 100) / ("b" * 100)
    deep.mkdir(parents=True)
    server = ControlServer(deep, answer)
    assert ask(deep, "x", {})["command"] == "x"
    server.stop()
    assert not (deep / SOCKET).exists()
