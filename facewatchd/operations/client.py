"""
The only place that decides who carries an operation out: one that writes the running daemon, else this process with the state
held; one that reads this process, in any case.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING

from pydantic import ValidationError

from facewatchd.config import Config
from facewatchd.errors import FacewatchError, NotAnsweringError, RunningError
from facewatchd.operations.base import Ask, Nothing, Operation, OtherVersionError, P, R, Read, Sole, Write
from facewatchd.operations.context import (
    Alone,
    ProcessAll,
    Progress,
    Reading,
    Running,
    cannot_process,
    no_progress,
)
from facewatchd.operations.vitals import VITALS, Vitals
from facewatchd.pipeline.intake.folders import remembered, tell_other_people_folder
from facewatchd.processes.control import ask
from facewatchd.processes.lock import is_running, single_instance
from facewatchd.store import Store
from facewatchd.watch.answering import Answers

if TYPE_CHECKING:
    from facewatchd.operations.here import Here
    from facewatchd.photos.writing.verify import Checker

_PATIENCE_S = 3.0
"""So long `status` waits for the daemon."""

_TRIES = 3
"""A daemon may start or end between the question whether one runs and what follows; each time may be another one."""


class Client:
    """
    Carries operations out for one configuration.

    Args:
        config: The configuration; folders that it does not name are those that the state knows.
        process_all: Takes in every photo; for `models.use` and `sort` alone.

    Attributes:
        config: With these folders.
    """

    def __init__(self, config: Config, process_all: ProcessAll = cannot_process) -> None:
        self.config = remembered(config, Answers())
        self._process_all = process_all

    def call(self, operation: Operation[P, R], parameters: P | None = None, progress: Progress = no_progress) -> R:
        """
        Carry an operation out, or have it carried out.

        Args:
            operation: Which.
            parameters: What it is given; None for the usual.
            progress: Is told how far a download has come.

        Raises:
            FacewatchError: It could not be done.
        """
        parameters = operation.parameters() if parameters is None else parameters
        result: R
        match operation:
            case Read():
                with (
                    self._checking() as checker,
                    Reading(self.config, _Running(self.config), progress, self._process_all, checker) as reading,
                ):
                    result = operation.run(reading, parameters)
            case Write():
                with self._checking() as checker:
                    result = self._write(operation, parameters, checker)
            case Sole():
                if not operation.makes_state:
                    self._refuse_new()
                with single_instance(self.config.state.dir), Alone(self.config, self._process_all) as alone:
                    result = operation.run(alone, parameters)
            case Ask():
                result = _asked(self.config, operation, parameters)
            case _:
                raise TypeError(f"nothing says who carries out {operation.name}")
        return result

    def parts(self, operation: Write[P, R], parameters: P) -> Iterator[R]:
        """
        Carry an operation out that does a part at a time, until all is done. The daemon may start or stop in between.

        Args:
            operation: Which.
            parameters: What it is given.

        Yields:
            What came of each part, as soon as it is done.

        Raises:
            FacewatchError: It could not be done.
        """
        following: P | None = parameters
        with self._checking() as checker:
            while following is not None:
                result = self._write(operation, following, checker)
                yield result
                following = operation.following(following, result)

    @contextlib.contextmanager
    def _checking(self) -> Iterator[Callable[[], Checker]]:
        """What looks at changed photos; its decoders are started when they are first needed, and kept from part to part."""
        with contextlib.ExitStack() as stack:

            @functools.cache
            def checker() -> Checker:
                from facewatchd.faces.sessions import CPU  # noqa: PLC0415 - as below
                from facewatchd.photos.decoding.isolated import own_reader  # noqa: PLC0415
                from facewatchd.pipeline.intake.limits import decode_limits  # noqa: PLC0415

                return stack.enter_context(own_reader(decode_limits(self.config, CPU)))

            yield checker

    def _write(self, operation: Write[P, R], parameters: P, checker: Callable[[], Checker]) -> R:
        state = self.config.state.dir
        for left in reversed(range(_TRIES)):
            if is_running(state):
                try:
                    return _asked(self.config, operation, parameters)
                except NotAnsweringError:
                    if left and not is_running(state):
                        continue  # it has ended meanwhile
                    raise
            with contextlib.ExitStack() as stack:
                try:
                    here = stack.enter_context(self._held(checker))
                except RunningError:
                    if left and is_running(state):
                        continue  # it has begun meanwhile
                    raise
                answer = operation.run(here, parameters)
                return answer.result() if isinstance(answer, Future) else answer
        raise AssertionError("the last try returns or raises")

    @contextlib.contextmanager
    def _held(self, checker: Callable[[], Checker]) -> Iterator[Here]:
        """The state, held by this process and opened."""
        # what looks after the tree takes long to load, and reading needs none of it
        from facewatchd.operations.here import Here  # noqa: PLC0415

        state = self.config.state.dir
        self._refuse_new()
        with single_instance(state), Store(state) as store:
            tell_other_people_folder(self.config, store.folders())
            yield Here(self.config, store, checker)

    def _refuse_new(self) -> None:
        """A state that does not exist is not made."""
        Store(self.config.state.dir, read_only=True).close()


def _asked(config: Config, operation: Operation[P, R], parameters: P, timeout_s: float | None = None) -> R:
    """What the daemon answers."""
    answer = ask(config.state.dir, operation.name, parameters.model_dump(mode="json", by_alias=True), timeout_s)
    try:
        return operation.result.model_validate(answer)
    except ValidationError as error:
        raise OtherVersionError("The running facewatchd gives an answer that cannot be read") from error


class _Running(Running):
    def __init__(self, config: Config) -> None:
        self._config = config

    def is_there(self) -> bool:
        return is_running(self._config.state.dir)

    def vitals(self) -> Vitals | None:
        with contextlib.suppress(FacewatchError):
            return _asked(self._config, VITALS, Nothing(), _PATIENCE_S)
        return None
