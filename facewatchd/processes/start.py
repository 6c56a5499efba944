"""
Our own Python, with a module of ours, as another process: it is told what to do over one socket.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from types import MappingProxyType

_AS_HERE: Mapping[str, str] = MappingProxyType({})


def start_module(
    module: str, theirs: socket.socket, *arguments: str, environment: Mapping[str, str] = _AS_HERE
) -> subprocess.Popen[bytes]:
    """
    Start `python -m MODULE DESCRIPTOR ARGUMENT...`.

    Args:
        module: Full name.
        theirs: Its end of a pair of sockets.
        arguments: More words.
        environment: Variables that are otherwise than here.

    Raises:
        OSError: It cannot be started.
    """
    # the packages as they are found here, and never those of the working directory
    path = os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry)
    return subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-P", "-m", module, str(theirs.fileno()), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env={**os.environ, **environment, "PYTHONPATH": path},
        pass_fds=(theirs.fileno(),),
        # Ctrl-C goes to everybody at the terminal; these end when the program does
        start_new_session=True,
    )
