"""
From a configuration to a running daemon and back: the lock, the state, the models, then everything that posts events.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any

from facewatchd.config import Config
from facewatchd.daemon.events import Due, TreeTouched
from facewatchd.daemon.intake.date_keeper import tell_at_first_start
from facewatchd.daemon.loop import Daemon
from facewatchd.daemon.process.schedule import Schedule
from facewatchd.daemon.process.supervised import Supervised
from facewatchd.daemon.requests import understood
from facewatchd.daemon.reread import Prepared, prepare, read_again
from facewatchd.daemon.tree.tree_watch import TreeWatch
from facewatchd.domain import FaceEngine
from facewatchd.log import set_up_logging
from facewatchd.operations.base import Record
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.processes.control import ControlServer
from facewatchd.processes.lock import single_instance
from facewatchd.store import Store
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)


def run(
    config: Config, *, once: bool, read: Callable[[], Config] | None = None, answers: Answers | None = None
) -> None:
    """
    Run the daemon until it is told to stop, or with `once` until everything is done.

    Args:
        config: As read.
        once: See there.
        read: Reads the configuration again, which SIGHUP asks for; None where it is to stay.
        answers: Tells whether the file systems answer; None for the usual patience. It is closed in the end.

    Raises:
        FacewatchError: It cannot start, or cannot go on.
    """
    answers = Answers() if answers is None else answers
    with (
        contextlib.closing(answers),
        single_instance(config.state.dir) as give_back,
        Store(config.state.dir, check=True) as store,
    ):
        supervised = Supervised(store, answers, give_back, code=1 if once else 0)

        def work() -> None:
            prepared = prepare(config, store, answers=answers)
            tell_at_first_start(store, DateSettings.of(prepared.config).mode)
            _runs(prepared, store, supervised, once=once, read=read)

        supervised.run(work)


def _runs(
    prepared: Prepared, store: Store, supervised: Supervised, *, once: bool, read: Callable[[], Config] | None = None
) -> None:
    """One run after the other, each with the configuration that was read last. With `once` it stays as it is."""
    following: Prepared | None = prepared
    while following is not None:
        prepared = following
        again = _kept if once or read is None else functools.partial(read_again, read, store, prepared)
        daemon = Daemon(prepared, store, once=once, read_again=again)
        with supervised.tells(daemon), _helpers(prepared, store, daemon), _display(daemon):
            daemon.run()
        # it may have been told to stop while it was ending
        following = None if daemon.is_stopping else daemon.successor
        if following is not None:
            set_up_logging(following.config.log.level)


def process_all(config: Config, engine: FaceEngine, store: Store) -> None:
    """The same, once, with these models; for `operations.models.USE`."""
    prepared = Prepared(config, engine, "")
    # its caller holds the state, and may have something to clean up
    supervised = Supervised(store, prepared.answers, _nothing, code=1, is_part=True)
    supervised.run(lambda: _runs(prepared, store, supervised, once=True))


def _kept() -> None:
    log.info("SIGHUP: this run ends by itself, and keeps the configuration that it has")


def _display(daemon: Daemon) -> contextlib.AbstractContextManager[None]:
    """What goes on, where somebody looks at a terminal."""
    if not sys.stderr.isatty():
        return contextlib.nullcontext()
    # a service never needs it
    from facewatchd.daemon.process.display import on_terminal  # noqa: PLC0415

    return on_terminal(daemon.progress.show_by)


@contextlib.contextmanager
def _helpers(prepared: Prepared, store: Store, daemon: Daemon) -> Iterator[None]:
    """Everything that posts events from outside: other processes, the clock, the people tree."""
    config = prepared.config

    def answer(command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        reply: Future[Record] = Future()
        daemon.post(understood(command, arguments, reply))
        return reply.result().model_dump(mode="json", by_alias=True)

    last = store.last_recluster()
    with contextlib.ExitStack() as stack:
        control = ControlServer(config.state.dir, answer)
        stack.callback(control.stop)
        schedule = Schedule(config, last.at if last else None, lambda chore: daemon.post(Due(chore)))
        stack.callback(schedule.stop)
        daemon.condition.next_recluster = schedule.next_recluster

        def watch_tree() -> None:
            # where it does not answer, another time
            if prepared.answers.answers(os.fsencode(config.people.dir)):
                daemon.watch_tree = _nothing
                _watch_tree(config, daemon, stack)

        daemon.watch_tree = watch_tree
        watch_tree()
        yield


def _watch_tree(config: Config, daemon: Daemon, stack: contextlib.ExitStack) -> None:
    with contextlib.suppress(OSError):
        # an unwritable place is reported, and tried again, when there is something to put there
        config.people.dir.mkdir(parents=True, exist_ok=True)
    if config.people.dir.is_dir():
        watch = TreeWatch(
            config.people.dir, lambda path: daemon.post(TreeTouched(path)), on_works=daemon.tree_is_watched
        )
        stack.callback(watch.stop)


def _nothing() -> None:
    pass
