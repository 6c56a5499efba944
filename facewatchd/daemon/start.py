"""
From a configuration to a running daemon and back: the lock, the state, the models, then everything that posts events.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from types import FrameType
from typing import Any

from facewatchd.config import Config
from facewatchd.daemon.control import ControlServer
from facewatchd.daemon.date_keeper import tell_at_first_start
from facewatchd.daemon.events import Asked, Due, Stop, TreeTouched
from facewatchd.daemon.lock import single_instance
from facewatchd.daemon.loop import Daemon
from facewatchd.daemon.models import engine_for
from facewatchd.daemon.schedule import Schedule
from facewatchd.daemon.tree_watch import TreeWatch
from facewatchd.domain import FaceEngine
from facewatchd.pipeline.dates import DateSettings
from facewatchd.pipeline.folders import settle_folders
from facewatchd.pipeline.tree_owner import refuse_other_owner
from facewatchd.store import Store

log = logging.getLogger(__name__)


def run(config: Config, *, once: bool) -> None:
    """
    Run the daemon until it is told to stop, or with `once` until everything is done.

    Raises:
        FacewatchError: It cannot start, or cannot go on.
    """
    with single_instance(config.state.dir), Store(config.state.dir, check=True) as store:
        config = settle_folders(config, store)
        refuse_other_owner(config, store)
        tell_at_first_start(store, DateSettings.of(config).mode)
        engine, reason = engine_for(config, store)
        run_with(config, store, engine, reason, once=once)


def run_with(config: Config, store: Store, engine: FaceEngine, reason: str = "", *, once: bool) -> None:
    """The same, with the state held and opened, and the models loaded."""
    daemon = Daemon(config, store, engine, reason, once=once)
    with _signals(daemon), _helpers(config, store, daemon), _display(daemon):
        daemon.run()


def _display(daemon: Daemon) -> contextlib.AbstractContextManager[None]:
    """What goes on, where somebody looks at a terminal."""
    if not sys.stderr.isatty():
        return contextlib.nullcontext()
    # a service never needs it
    from facewatchd.daemon.display import on_terminal  # noqa: PLC0415

    return on_terminal(daemon.progress.show_by)


@contextlib.contextmanager
def _signals(daemon: Daemon) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> None:
        daemon.post(Stop())

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _helpers(config: Config, store: Store, daemon: Daemon) -> Iterator[None]:
    """Everything that posts events from outside: other processes, the clock, the people tree."""

    def answer(command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        reply: Future[Mapping[str, Any]] = Future()
        daemon.post(Asked(command, arguments, reply))
        return reply.result()

    last = store.last_recluster()
    with contextlib.ExitStack() as stack:
        control = ControlServer(config.state.dir, answer)
        stack.callback(control.stop)
        schedule = Schedule(config, last.at if last else None, lambda chore: daemon.post(Due(chore)))
        stack.callback(schedule.stop)
        daemon.condition.next_recluster = schedule.next_recluster
        with contextlib.suppress(OSError):
            # an unwritable place is reported, and tried again, when there is something to put there
            config.people.dir.mkdir(parents=True, exist_ok=True)
        if config.people.dir.is_dir():
            watch = TreeWatch(config.people.dir, lambda path: daemon.post(TreeTouched(path)))
            stack.callback(watch.stop)
            if watch.works:
                daemon.tree_is_watched()
        yield
