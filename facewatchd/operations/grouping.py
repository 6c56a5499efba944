"""
Grouping: on demand, how good it is, and the thresholds that decide.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, PlainSerializer

from facewatchd.errors import FacewatchError
from facewatchd.operations.base import Answer, Nothing, Read, Record, Text, Write
from facewatchd.operations.context import Reading, Reclustered, Writing
from facewatchd.operations.paths import resolved
from facewatchd.operations.regrouping import regrouped
from facewatchd.pipeline.grouping.calibration import calibration_of
from facewatchd.pipeline.grouping.evaluation import evaluation_of
from facewatchd.pipeline.grouping.guarded import objection
from facewatchd.store import StoredCalibration, StoredModel

Rounded = Annotated[float, PlainSerializer(lambda value: round(value, 4))]
"""Exact within the program; in documents with four digits."""

# --- recluster


class ReclusterParameters(Record):
    """
    Attributes:
        force: Apply it, however many faces it reassigns.
    """

    force: bool = False


def _recluster(writing: Writing, parameters: ReclusterParameters) -> Answer[Reclustered]:
    return writing.regroup(force=parameters.force)


def _plan(reading: Reading, _: Nothing) -> Reclustered:
    regrouping = regrouped(reading.config, reading.store, keep=False)
    return Reclustered.of(regrouping, objection(reading.store, regrouping, reading.config.recluster.max_moved))


RECLUSTER = Write("recluster", ReclusterParameters, Reclustered, _recluster)
PLAN = Read("recluster.plan", Nothing, Reclustered, _plan)


# --- calibrate


class Thresholds(Record):
    """
    Cosine similarities.

    Attributes:
        assign: From which a new face is assigned.
        link: From which faces are grouped.
    """

    assign: Rounded
    link: Rounded


class Rates(Record):
    """See `core.evaluation.calibration.Rates`."""

    strangers: Rounded
    mixed_up: Rounded
    missed: Rounded
    wrong_links: Rounded
    missed_links: Rounded


class BothRates(Record):
    """What errors to expect with the present thresholds, and with those calibrated."""

    present: Rates
    calibrated: Rates


class Calibrated(Record):
    """
    Thresholds that fit the people of this archive.

    Attributes:
        people: How many with confirmed faces they come from.
        faces: How many such faces.
        known: How many people are known.
        weight: See `core.evaluation.calibration.Calibration`.
        present: In use now.
        calibrated: The better ones.
        rates: What errors to expect.
        overridden: Keys of the configuration that are set, and so stay as they are.
        applied: Whether the calibrated ones were put into use.
        model: The id of the models that they are for.
    """

    aside: ClassVar[frozenset[str]] = frozenset({"model"})

    people: int
    faces: int
    known: int
    weight: Annotated[float, PlainSerializer(lambda value: round(value, 3))]
    present: Thresholds
    calibrated: Thresholds
    rates: BothRates
    overridden: tuple[str, ...]
    applied: bool = False
    model: str

    def to_use(self) -> UseParameters:
        """For `USE`: have the calibrated ones put into use."""
        chosen = self.calibrated
        return UseParameters(
            model=self.model, assign=chosen.assign, link=chosen.link, people=self.people, known=self.known
        )


class UseParameters(Record):
    """
    Thresholds to be put into use from the next photo and the next grouping on.

    Attributes:
        model: The id of the models that they are for; None for those of the state.
        assign: See `Thresholds`; None for the thresholds that come with the models, all of them.
        link: See there.
        people: How many confirmed people they come from.
        known: How many people were known.
    """

    model: Annotated[str, Field(pattern=r"^[!-~]+$")] | None = None
    assign: float | None = None
    link: float = 0.0
    people: int = 0
    known: int = 0


class Used(Record):
    """Whether the thresholds that come with the models are in use again."""

    reset: bool


def _calibrate(reading: Reading, _: Nothing) -> Calibrated:
    config = reading.config
    model = _model(reading.store.model())
    found = calibration_of(config, reading.store, model)
    overridden = {
        "assign.threshold": config.assign.threshold is not None,
        "recluster.threshold": config.recluster.threshold is not None,
    }
    return Calibrated(
        people=found.people,
        faces=found.faces,
        known=found.known,
        weight=found.weight,
        present=Thresholds(**dataclasses.asdict(found.present)),
        calibrated=Thresholds(**dataclasses.asdict(found.calibrated)),
        rates=BothRates(
            present=Rates(**dataclasses.asdict(found.present_rates)),
            calibrated=Rates(**dataclasses.asdict(found.calibrated_rates)),
        ),
        overridden=tuple(key for key, is_set in overridden.items() if is_set),
        model=model.id,
    )


def _use(writing: Writing, parameters: UseParameters) -> Used:
    store = writing.store
    model_id = parameters.model or _model(store.model()).id
    calibration = None
    if parameters.assign is not None:
        calibration = StoredCalibration(
            time.time(), parameters.assign, parameters.link, parameters.people, parameters.known
        )
    with store.transaction():
        store.set_calibration(model_id, calibration)
    writing.recalibrated()
    return Used(reset=calibration is None)


def _model(model: StoredModel | None) -> StoredModel:
    if model is None:
        raise FacewatchError("There is nothing to calibrate", "Run 'facewatchd run' first: no photo was taken in yet.")
    return model


CALIBRATE = Read("calibrate", Nothing, Calibrated, _calibrate)
USE = Write("calibrate.use", UseParameters, Used, _use)


# --- evaluate


class EvaluateParameters(Record):
    """
    Attributes:
        algorithms: Names of `core.evaluation.scores.ALGORITHMS`.
        portraits: A folder with a folder of portraits per person; None to go by the faces that the user confirmed.
    """

    algorithms: tuple[str, ...] = ()
    portraits: Text | None = None


class Scores(Record):
    """See `core.evaluation.scores.Scores`."""

    bcubed_precision: float
    bcubed_recall: float
    bcubed_f1: float
    pairwise_precision: float
    pairwise_recall: float
    pairwise_f1: float
    people: int


class Evaluated(Record):
    """
    How good groupings are.

    Attributes:
        truth: "confirmed", or the folder of portraits.
        faces: How many are known for sure.
        people: How many people they are.
        scores: Of the present grouping, "present", and of each algorithm by its name.
    """

    truth: str
    faces: int
    people: int
    scores: dict[str, Scores]


def _evaluate(reading: Reading, parameters: EvaluateParameters) -> Evaluated:
    portraits = parameters.portraits
    folders = None if portraits is None else Path(*resolved([Path(portraits)]))
    found = evaluation_of(reading.config, reading.store, parameters.algorithms, folders)
    return Evaluated(
        truth="confirmed" if portraits is None else portraits,
        faces=found.faces,
        people=found.people,
        scores={name: Scores(**dataclasses.asdict(scores)) for name, scores in found.scores.items()},
    )


EVALUATE = Read("evaluate", EvaluateParameters, Evaluated, _evaluate)
