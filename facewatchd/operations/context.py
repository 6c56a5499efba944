"""
What an operation may use.
"""

from __future__ import annotations

import contextlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from facewatchd.errors import FacewatchError
from facewatchd.operations.base import Answer, Record
from facewatchd.store import Store, StoredModel
from facewatchd.store.database import DATABASE

if TYPE_CHECKING:
    from facewatchd.config import Config
    from facewatchd.core.tree.scope import Scope
    from facewatchd.domain import FaceEngine
    from facewatchd.operations.vitals import Vitals
    from facewatchd.photos.writing.verify import Checker
    from facewatchd.pipeline.grouping.regroup import Regrouping
    from facewatchd.pipeline.tree.materialize import Materialized
    from facewatchd.watch.answering import Answers

Progress = Callable[[int, int | None], None]
"""Takes bytes so far, and bytes in all, None where that is not known."""

ProcessAll = Callable[["Config", "FaceEngine", Store], None]
"""Takes in every photo with this engine; the state is held and opened."""


def cannot_process(*_: object) -> None:
    """Stands for a `ProcessAll` where none was given."""
    raise NotImplementedError("this client was not told how all photos are taken in")


class Reclustered(Record):
    """
    What came of a grouping.

    Attributes:
        faces: Those that were grouped.
        people: People with at least one face.
        new_people: Those of them who are new.
        moved: Faces that were assigned to a person, and are not any more, or to another.
        unknown: Faces of no person.
        incoherent: Groups without a folder, as their faces do not fit together.
        held: Why it was not carried out, or, where it was only tried, would not be; empty where it was or would be.
    """

    faces: int
    people: int
    new_people: int
    moved: int
    unknown: int
    incoherent: int
    held: str

    @classmethod
    def of(cls, regrouping: Regrouping, held: str) -> Self:
        """In numbers; `held`: see there."""
        return cls(
            faces=regrouping.faces,
            people=regrouping.people,
            new_people=regrouping.new_people,
            moved=regrouping.moved,
            unknown=regrouping.unknown,
            incoherent=regrouping.incoherent,
            held=held,
        )


class Running(ABC):
    """The daemon of this state, seen from outside."""

    @abstractmethod
    def is_there(self) -> bool:
        """Whether some process holds the state now."""

    @abstractmethod
    def vitals(self) -> Vitals | None:
        """What it says of itself now; None where it does not answer soon."""


def no_progress(_done: int, _total: int | None) -> None:
    """Progress is not shown."""


class Reading:
    """
    For what changes nothing in the state. Close it, or use it as a context manager.

    Args:
        config: The configuration, with the folders that the state knows.
        running: The daemon.
        progress: Is told how far a download has come.
        process_all: See there; for what has a state of its own for a while.
        make_checker: Makes what `checker` returns; None where nothing can be checked.

    Attributes:
        config: As given.
        running: As given.
        progress: As given.
        process_all: As given.
    """

    def __init__(
        self,
        config: Config,
        running: Running,
        progress: Progress = no_progress,
        process_all: ProcessAll = cannot_process,
        make_checker: Callable[[], Checker] | None = None,
    ) -> None:
        self._make_checker = make_checker
        self.config = config
        self.running = running
        self.progress = progress
        self.process_all = process_all
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """
        The state, opened when it is first needed, read-only.

        Raises:
            StoreError: There is none, or it cannot be opened.
        """
        if self._store is None:
            self._store = Store(self.config.state.dir, read_only=True)
        return self._store

    def checker(self) -> Checker | None:
        """What tells whether a date can be written into a photo; nothing is written. None where nothing can be checked."""
        return self._make_checker() if self._make_checker is not None else None

    def known_model(self) -> StoredModel | None:
        """The models that the state was made with; None where there is no state, or none were used yet."""
        return self.store.model() if os.path.exists(self.config.state.dir / DATABASE) else None

    def known_pack(self) -> str | None:
        """
        The pack that the state was made with, for what needs no state: None also where the state cannot be read, as one of another
        version.
        """
        with contextlib.suppress(FacewatchError):
            model = self.known_model()
            return model.pack if model is not None else None
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._store is not None:
            self._store.close()


class Writing(ABC):
    """
    For what changes the state or the people tree. Belongs to the thread that owns the state.

    Attributes:
        config: The configuration, with the folders that the state knows.
        store: The state, held and opened.
        answers: Tells whether the file systems of the folders answer.
    """

    config: Config
    store: Store
    answers: Answers

    @abstractmethod
    def catch_up(self) -> None:
        """
        Carry out what the user did to the tree until now: it comes before what is asked for now, and is what `undo` takes back.
        """

    @abstractmethod
    def bring_up_to_date(self, scope: Scope | None, *, rebuild: bool = False) -> Materialized:
        """
        Bring the people tree up to date, now.

        Args:
            scope: What has changed. None for everything.
            rebuild: Also where nothing is left of the tree.

        Raises:
            TreeError: It cannot be.
        """

    @abstractmethod
    def look_after(self, scope: Scope) -> None:
        """These folders have changed: bring them up to date when there is time."""

    @abstractmethod
    def regroup(self, *, force: bool) -> Answer[Reclustered]:
        """
        Group all faces, and bring the people tree up to date.

        Args:
            force: Carry it out however many faces it moves.

        Raises:
            FacewatchError: There is nothing to group, or it failed.
        """

    @abstractmethod
    def checker(self) -> Checker:
        """What looks at changed photos before their dates are written."""

    @abstractmethod
    def recalibrated(self) -> None:
        """Other thresholds were stored: use them from the next photo and the next grouping on."""

    @abstractmethod
    def record(self, lines: Iterable[str]) -> None:
        """What was done on request is said in the log of the state, too, where there is one."""

    @abstractmethod
    def vitals(self) -> Vitals:
        """What the daemon says of itself."""


class Alone:
    """
    For what needs the state for itself: no other process holds it. Close it, or use it as a context manager.

    Args:
        config: The configuration, with the folders that the state knows.
        process_all: See there.

    Attributes:
        config: As given.
        process_all: As given.
    """

    def __init__(self, config: Config, process_all: ProcessAll) -> None:
        self.config = config
        self.process_all = process_all
        self._opened = contextlib.ExitStack()
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The state, opened when it is first needed, and made where there is none."""
        if self._store is None:
            self._store = self._opened.enter_context(Store(self.config.state.dir))
        return self._store

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()
