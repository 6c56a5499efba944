"""`daemon.process.service`: sd_notify with real sockets, by path and by abstract name."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from running import service_manager

from facewatchd.daemon.process.service import notify


def test_a_word_to_a_path(tmp_path: Path) -> None:
    """One datagram a message."""
    with service_manager(tmp_path / "notify") as (env, channel):
        notify("READY=1", env)
        notify("STATUS=Zoë", env)
        assert channel.recv(100) == b"READY=1"
        assert channel.recv(100) == "STATUS=Zoë".encode()


def test_a_word_to_an_abstract_name() -> None:
    """systemd may give one, written with an @."""
    name = f"facewatchd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0{name}")
        channel.settimeout(10)
        notify("WATCHDOG=1", {"NOTIFY_SOCKET": f"@{name}"})
        assert channel.recv(100) == b"WATCHDOG=1"


def test_nobody_to_tell(tmp_path: Path) -> None:
    """No manager, one that has gone, one whose address is nonsense: none is an error."""
    notify("READY=1", {})
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})
    notify("READY=1", {"NOTIFY_SOCKET": "/" + "x" * 200})
    (tmp_path / "file").touch()
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "file")})
