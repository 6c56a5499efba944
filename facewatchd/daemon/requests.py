"""
What other processes ask of the daemon, carried out in the thread that owns the state.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from facewatchd.core.tree.scope import Scope
from facewatchd.daemon.events import Asked
from facewatchd.daemon.grouping import Grouping
from facewatchd.daemon.tree.tree_keeper import TreeKeeper
from facewatchd.daemon.vitals import Vitals
from facewatchd.errors import FacewatchError
from facewatchd.pipeline.corrections.commands import COMMANDS, carry_out, folders_of
from facewatchd.pipeline.corrections.correct import Undone, retry, undo
from facewatchd.pipeline.dates.batches import Batch, fix_batch, undo_batch
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.grouping.regroup import Regrouping
from facewatchd.store import Store, StoredCalibration

log = logging.getLogger(__name__)


class Requests:
    """
    Args:
        store: The state.
        tree: Looks after the tree when people changed.
        grouping: Reclusters on demand.
        vitals: Says how things are.
        dates: What may be done about capture dates.
        recalibrated: Called when other thresholds were stored.
    """

    def __init__(
        self,
        store: Store,
        tree: TreeKeeper,
        grouping: Grouping,
        vitals: Callable[[], Vitals],
        dates: DateSettings,
        recalibrated: Callable[[], None],
    ) -> None:
        self._recalibrated = recalibrated
        self._vitals = vitals
        self._dates = dates
        self._store = store
        self._tree = tree
        self._grouping = grouping
        self._waiting: list[Asked] = []

    @staticmethod
    def refuse(asked: Asked, why: str) -> None:
        """Not now."""
        asked.reply.set_exception(FacewatchError(f"{why.rstrip('.')}. Ask again later."))

    def take_in_pause(self, asked: Asked, why: str) -> None:
        """The state cannot be written; how things are can be told all the same."""
        if asked.command == "vitals":
            self.take(asked)
        else:
            self.refuse(asked, why)

    def take(self, asked: Asked) -> None:
        """Carry it out, or begin to; the answer goes into its reply."""
        try:
            if asked.command == "recluster":
                self._waiting.append(asked)
                self._grouping.wanted = True
                self._grouping.forced |= bool(asked.arguments.get("force"))
                return
            asked.reply.set_result(self._carry_out(asked.command, asked.arguments))
        except FacewatchError as error:
            asked.reply.set_exception(error)
        except (KeyError, TypeError, ValueError) as error:
            asked.reply.set_exception(
                FacewatchError(
                    "The running facewatchd does not understand the request",
                    f"{type(error).__name__}: {error}. Is it of another version? Restart it.",
                )
            )

    def grouped(self, regrouping: Regrouping | None, problem: str, held: str = "") -> None:
        """A reclustering ended; all who waited for one hear of it."""
        for asked in self._waiting:
            if regrouping is None:
                asked.reply.set_exception(FacewatchError("The reclustering failed", problem))
            else:
                asked.reply.set_result(regrouping_figures(regrouping, held))
        self._waiting.clear()

    def give_up(self) -> None:
        """The daemon ends."""
        for asked in self._waiting:
            self.refuse(asked, "facewatchd is stopping")
        self._waiting.clear()

    def _carry_out(self, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        said: Mapping[str, Any] = {}
        scope: Scope | None = None
        match command:
            case "vitals":
                return self._vitals().model_dump()
            case "retry":
                return {"photos": retry(self._store)}
            case "calibrate":
                given = arguments["calibration"]
                with self._store.transaction():
                    self._store.set_calibration(
                        str(arguments["model"]), StoredCalibration(**given) if given is not None else None
                    )
                self._recalibrated()
                return {}
            case "dates-fix":
                batch = fix_batch(self._store, self._dates, arguments)
                return self._done(batch)
            case "dates-undo":
                batch = undo_batch(self._store, self._dates, arguments)
                return self._done(batch)
            case "undo":
                self._tree.catch_up()
                given = arguments.get("entry")
                undone = undo(self._store, int(given) if given is not None else None)
                self._tree.touch(undone.scope)
                self._tree.materialize()
                return undone_figures(undone)
            case "tree":
                pass
            case _ if command in COMMANDS:
                self._tree.catch_up()
                said, scope = carry_out(
                    self._store, command, arguments, allow_same_photo=self._tree.settings.allow_same_photo
                )
            case _:
                raise FacewatchError(
                    f"The running facewatchd has no command {command!r}", "Is it of another version? Restart it."
                )
        self._tree.touch(scope)
        done = self._tree.materialize(anew=command == "tree")
        folders = folders_of(self._store, said)
        return {**said, "folders": folders, "actions": len(done.actions), "gestures": len(done.gestures)}

    def _done(self, batch: Batch) -> Mapping[str, Any]:
        """Dates were written or taken back for somebody else's terminal: said here too, as a state's log says all of it."""
        for line in batch.said:
            log.info("%s", line)
        self._tree.touch_people(batch.scope)
        return batch.document()


def undone_figures(undone: Undone) -> dict[str, int | str | None]:
    """What `undo` tells: the word's title and number, the number to have it again by, and all of it as a sentence."""
    return {"title": undone.title, "entry": undone.entry_id, "again": undone.again, "sentence": undone.sentence}


def regrouping_figures(regrouping: Regrouping, held: str) -> dict[str, int | str]:
    """What `recluster` tells of its result; `held` says why it was not carried out, or in a dry run would not be."""
    return {
        "faces": regrouping.faces,
        "people": regrouping.people,
        "new_people": regrouping.new_people,
        "moved": regrouping.moved,
        "unknown": regrouping.unknown,
        "incoherent": regrouping.incoherent,
        "held": held,
    }
