"""
The one system that facewatchd runs on. Imports nothing but `sys`: what else is imported may already fail elsewhere.
"""

from __future__ import annotations

import sys


def require_linux(system: str = sys.platform) -> None:
    """
    End the interpreter with one sentence on another system.

    Args:
        system: As `sys.platform` names it.

    Raises:
        SystemExit: It is another.
    """
    if system != "linux":
        raise SystemExit(
            f"facewatchd: This program runs on Linux only, and this is {system}: use a Linux machine, a virtual machine or a"
            " container."
        )
