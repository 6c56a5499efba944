"""
Which thresholds decide: the configuration's, else those calibrated on the user's own people, else those shipped.
"""

from __future__ import annotations

from dataclasses import replace

from facewatchd.config import Config
from facewatchd.core.matching.thresholds import Thresholds, shipped_thresholds
from facewatchd.domain import ModelInfo
from facewatchd.store import Store, StoredCalibration, StoredModel


def thresholds_in_use(config: Config, store: Store, model: StoredModel | ModelInfo) -> Thresholds:
    """The thresholds that decide in this state, with these models."""
    return thresholds_for(config, model.pack, store.calibration(model.id))


def thresholds_for(config: Config, pack: str, calibrated: StoredCalibration | None = None) -> Thresholds:
    """The thresholds of a pack: those that the configuration sets, else those calibrated, else those shipped."""
    shipped = shipped_thresholds(pack)
    found = shipped if calibrated is None else replace(shipped, assign=calibrated.assign, link=calibrated.link)
    assign, recluster = config.assign, config.recluster
    link = found.link if recluster.threshold is None else recluster.threshold
    spreads = shipped.spreads
    if spreads is not None and shipped.strangers is not None:
        # the calibrated threshold is as much higher or lower
        above = shipped.strangers.mean
        spreads = replace(spreads, link=spreads.link * (link - above) / (shipped.link - above))
    return replace(
        found,
        assign=found.assign if assign.threshold is None else assign.threshold,
        # what the user sets is meant as it is; what is shipped follows the archive
        cohort=shipped.cohort if assign.threshold is None else None,
        margin=found.margin if assign.margin is None else assign.margin,
        link=link,
        # whoever joins what is less alike means looser groups
        coherent=shipped.coherent - max(shipped.link - link, 0),
        strangers=shipped.strangers if recluster.threshold is None else None,
        spreads=spreads if recluster.threshold is None else None,
        allow_same_photo=config.people.allow_same_photo,
    )
