"""
Thresholds from the user's own people: their confirmed faces out of the state, through `core.evaluation.calibration`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from facewatchd.config import Config
from facewatchd.core.evaluation.calibration import (
    MIN_FACES,
    MIN_PEOPLE,
    Archive,
    Calibration,
    calibrate,
    reference_of,
    usable,
)
from facewatchd.core.grouping.copies import copies
from facewatchd.core.grouping.recluster import fitted, growth
from facewatchd.core.matching.thresholds import shipped_thresholds
from facewatchd.domain import ConstraintKind
from facewatchd.errors import FacewatchError
from facewatchd.pipeline.grouping.regroup import EXACT_FACES, regroup_settings
from facewatchd.pipeline.grouping.thresholds import thresholds_in_use
from facewatchd.store import Store, StoredModel


def calibration_of(config: Config, store: Store, model: StoredModel) -> Calibration:
    """
    What the confirmed faces say about the thresholds. Changes nothing.

    Raises:
        FacewatchError: Too few people have enough of them.
    """
    said = store.people.constraints()
    owner = {word.face_id: word.person_id for word in said if word.kind is ConstraintKind.MUST_BE}
    good, _, given = store.faces.good_ids(model.id)
    faces, embeddings = store.faces.vectors(model.id, good, halved_from=EXACT_FACES)
    given = given[np.searchsorted(good, faces)]
    people = np.array([owner.get(face, 0) for face in faces.tolist()], np.int64)
    # a picture is like itself, which says nothing of how alike a person's pictures are
    people[np.isin(faces, list(copies(store.faces.pictured(model.id, owner))))] = 0
    chosen = (people > 0) & usable(people)
    count = len(np.unique(people[chosen]))
    if count < MIN_PEOPLE:
        raise FacewatchError(
            "There are too few confirmed faces to calibrate with",
            f"{MIN_FACES} of each of {MIN_PEOPLE} people are needed, and {count} people have that many. A face is "
            "confirmed when you move its link to its person's folder or merge its person into another.",
        )
    clusters = store.faces.clusters_of(faces[chosen].tolist())
    shipped = shipped_thresholds(model.pack)
    settings = regroup_settings(config, shipped)
    labels = np.where(given > 0, given, -1)
    rule = fitted(settings, embeddings, labels)
    steeper = fitted(replace(settings, link=settings.link + 1), embeddings, labels)
    archive = Archive(
        shipped=shipped,
        present=thresholds_in_use(config, store, model),
        rule=rule,
        slope=steeper.threshold - rule.threshold,
        growth=growth(settings, len(faces)),
        known=max(store.medoids.count_people(), count),
    )
    return calibrate(
        np.asarray(embeddings[chosen], np.float32),
        people[chosen],
        np.array([clusters.get(face, -1) for face in faces[chosen].tolist()], np.int64),
        archive,
        reference_of(model.pack),
    )
