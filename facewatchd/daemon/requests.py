"""
What other processes ask of the daemon: understood in the thread of the request, carried out in the thread that owns the state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from pydantic import ValidationError

from facewatchd.config import Config
from facewatchd.core.tree.scope import Scope
from facewatchd.daemon.events import Asked
from facewatchd.daemon.grouping import Grouping
from facewatchd.daemon.tree.tree_keeper import TreeKeeper
from facewatchd.errors import FacewatchError
from facewatchd.operations.base import Ask, OtherVersionError, Record, Write
from facewatchd.operations.context import Reclustered, Writing
from facewatchd.operations.registry import OPERATIONS
from facewatchd.operations.vitals import Vitals
from facewatchd.photos.writing.verify import Checker
from facewatchd.pipeline.grouping.regroup import Regrouping
from facewatchd.pipeline.tree.materialize import Materialized
from facewatchd.store import Store
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)


def understood(name: str, arguments: Mapping[str, Any], reply: Future[Record]) -> Asked:
    """
    A request, for the thread that owns the state.

    Args:
        name: Of an operation.
        arguments: Its parameters, as JSON has them.
        reply: For the result.

    Raises:
        FacewatchError: There is no such operation, it is not for the daemon, or it has other parameters.
    """
    operation = OPERATIONS.get(name)
    if operation is None:
        raise OtherVersionError(f"The running facewatchd has no operation {name!r}")
    if not isinstance(operation, Write | Ask):
        raise OtherVersionError(f"The running facewatchd does not do {name!r} for others")
    try:
        return Asked(operation, operation.parameters.model_validate(arguments), reply)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise OtherVersionError(
            "The running facewatchd does not understand the request",
            f"{name}{f', {where}' if where else ''}: {first['msg']}",
        ) from error


class InDaemon(Writing):
    """
    Operations that write, in the loop.

    Args:
        config: The configuration.
        store: The state.
        checker: Looks at changed photos before their dates are written.
        tree: Looks after the tree when people changed.
        grouping: Reclusters on demand.
        vitals: Says how things are.
        recalibrated: Called when other thresholds were stored.
        answers: Tells whether the file systems of the folders answer.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        checker: Checker,
        tree: TreeKeeper,
        grouping: Grouping,
        vitals: Callable[[], Vitals],
        recalibrated: Callable[[], None],
        answers: Answers,
    ) -> None:
        self.config = config
        self.store = store
        self._checker = checker
        self._tree = tree
        self._grouping = grouping
        self._vitals = vitals
        self._recalibrated = recalibrated
        self.answers = answers
        self._waiting: list[Future[Reclustered]] = []

    def catch_up(self) -> None:
        self._tree.catch_up()

    def bring_up_to_date(self, scope: Scope | None, *, rebuild: bool = False) -> Materialized:
        self._tree.touch(scope)
        return self._tree.materialize(rebuild=rebuild)

    def look_after(self, scope: Scope) -> None:
        self._tree.touch_people(scope)

    def regroup(self, *, force: bool) -> Future[Reclustered]:
        reply: Future[Reclustered] = Future()
        self._waiting.append(reply)
        self._grouping.wanted = True
        self._grouping.forced |= force
        return reply

    def checker(self) -> Checker:
        return self._checker

    def regrouped(self, regrouping: Regrouping | None, problem: str, held: str = "") -> None:
        """A grouping ended: all who waited for one hear of it."""
        for reply in self._waiting:
            if regrouping is None:
                reply.set_exception(FacewatchError("The reclustering failed", problem))
            else:
                reply.set_result(Reclustered.of(regrouping, held))
        self._waiting.clear()

    def give_up(self, why: str) -> None:
        """No grouping ends any more."""
        for reply in self._waiting:
            reply.set_exception(_refusal(why))
        self._waiting.clear()

    def recalibrated(self) -> None:
        self._recalibrated()

    def record(self, lines: Iterable[str]) -> None:
        for line in lines:
            log.info("%s", line)

    def vitals(self) -> Vitals:
        return self._vitals()


class Requests:
    """
    Carries out what is asked for. Belongs to the thread that owns the state.

    Args:
        context: For the operations.
    """

    def __init__(self, context: InDaemon) -> None:
        self._context = context

    @staticmethod
    def refuse(asked: Asked, why: str) -> None:
        """Not now."""
        asked.reply.set_exception(_refusal(why))

    def take_in_pause(self, asked: Asked, why: str) -> None:
        """The state cannot be written; how things are can be told all the same."""
        if isinstance(asked.operation, Ask):
            self.take(asked)
        else:
            self.refuse(asked, why)

    def take(self, asked: Asked) -> None:
        """Carry it out, or begin to; the answer goes into its reply."""
        try:
            answer = asked.operation.run(self._context, asked.parameters)
        except FacewatchError as error:
            asked.reply.set_exception(error)
            return
        if isinstance(answer, Future):
            answer.add_done_callback(lambda done: _pass_on(done, asked.reply))
        else:
            asked.reply.set_result(answer)


def _pass_on(done: Future[Record], reply: Future[Record]) -> None:
    if (error := done.exception()) is not None:
        reply.set_exception(error)
    else:
        reply.set_result(done.result())


def _refusal(why: str) -> FacewatchError:
    return FacewatchError(f"{why.rstrip('.')}. Ask again later.")
