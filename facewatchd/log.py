"""
Logging: one line per event on stderr, with the time unless the journal adds it.
"""

from __future__ import annotations

import logging
import os
import sys
import warnings


def set_up_logging(level: str) -> None:
    """
    Args:
        level: "debug", "info", "warning" or "error".
    """
    handler = logging.StreamHandler(sys.stderr)
    in_journal = bool(os.environ.get("JOURNAL_STREAM"))
    form = "%(levelname)s %(message)s" if in_journal else "%(asctime)s %(levelname)-7s %(message)s"
    handler.setFormatter(logging.Formatter(form, "%H:%M:%S"))
    # a name may contain anything; characters that the terminal cannot show must not lose the line or end the command
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for chatty in ("apscheduler", "PIL", "watchdog", "matplotlib", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    if level != "debug":
        # deprecations of libraries are for developers, who see them as errors in the tests
        warnings.simplefilter("ignore")
