"""
What runs in the process of a computation: `python -m facewatchd.processes.computation FD MODULE FUNCTION`, started by
`isolate.Isolated`. It ends with the process that started it.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from multiprocessing.connection import Connection

from facewatchd.errors import cause
from facewatchd.processes.wire import decode, encode, schema_of

DONE, FAILED = b"done", b"failed"
"""Before the result, and before a sentence that says why there is none."""


def main(pipe: Connection, module: str, name: str) -> None:
    """
    Compute what is asked for, and say what it came to.

    Raises:
        EOFError, OSError: Who asked is gone.
    """
    os.nice(5)
    argument = pipe.recv_bytes()
    threading.Thread(target=_end_with_parent, args=(pipe,), name="parent", daemon=True).start()
    try:
        function = getattr(importlib.import_module(module), name)
        verdict, answer = DONE, encode(function(decode(argument, schema_of(function)[0])))
    except Exception as error:  # noqa: BLE001 - the boundary: whatever it is, the parent must hear of it
        why = f"{type(error).__name__}: {cause(error)}"
        verdict, answer = FAILED, encode(why.encode("utf-8", "backslashreplace").decode())
    pipe.send_bytes(verdict)
    pipe.send_bytes(answer)


def _end_with_parent(pipe: Connection) -> None:
    """The other side sends nothing more: what comes is its end, and then the result is not wanted."""
    try:
        pipe.recv_bytes()
    except (EOFError, OSError):
        os._exit(1)


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])), sys.argv[2], sys.argv[3])
