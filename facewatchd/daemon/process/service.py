"""
A word to systemd: sd_notify(3) is one datagram to the socket that it names.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping

_PATIENCE_S = 0.5


def notify(message: str, environ: Mapping[str, str] = os.environ) -> None:
    """
    Tell the service manager; does nothing where there is none.

    Args:
        message: "READY=1", "RELOADING=1", "STOPPING=1", "WATCHDOG=1" or "STATUS=...".
        environ: Where NOTIFY_SOCKET is looked up.
    """
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        # one that is there and reads nothing must not stop it either
        channel.settimeout(_PATIENCE_S)
        try:
            channel.connect(address)
            channel.sendall(message.encode())
        except OSError:
            # a manager that has gone must not take the daemon with it
            return


def notify_reloading() -> None:
    """The configuration is being read again; "READY=1" ends it. systemd wants to know since when (microseconds)."""
    notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
