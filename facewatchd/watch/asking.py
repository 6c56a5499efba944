"""
What runs in the process that asks a file system whether it answers: `python -m facewatchd.watch.asking FD MOUNTPOINT`, started
by `answering.Answers`. For each byte that it hears it says the errno that came of asking, 0 for none.

A process of its own, because a process that asks a file system that hangs may not even be ended until it answers.
"""

from __future__ import annotations

import os
import socket
import sys


def main(channel: socket.socket, point: bytes) -> None:
    """Ask for each byte, until the other side is closed."""
    while channel.recv(1):
        number = 0
        try:
            # goes to the server each time, where much else comes from a cache; a sleeping disk is not woken for it
            os.statvfs(point)
            # some programs answer that by themselves; this goes to the server about once a second
            os.lstat(point)
        except OSError as error:
            number = error.errno or 0
        channel.send(b"%d\n" % number)


if __name__ == "__main__":
    # it may live longer than the process that started it, and must not keep that one's error stream open
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 2)
    os.chdir("/")
    try:
        main(socket.socket(fileno=int(sys.argv[1])), os.fsencode(sys.argv[2]))
    except ConnectionError:
        # the process that asked is gone
        sys.exit(0)
