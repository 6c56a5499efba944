"""
The people tree, on demand.
"""

from __future__ import annotations

from facewatchd.core.tree.plan_words import action_said, gesture_said
from facewatchd.operations.base import Nothing, Read, Record, Write
from facewatchd.operations.context import Reading, Writing
from facewatchd.pipeline.tree.materialize import TreeSettings, materialize


class TreeDone(Record):
    """How many changes were made to the people tree, and how many of the user's were found there."""

    actions: int
    gestures: int


class TreePlan(Record):
    """
    What would be done, as sentences; paths are relative to the people folder.

    Attributes:
        gestures: What the user did in the tree.
        actions: What the program would do, in its order.
    """

    gestures: tuple[str, ...]
    actions: tuple[str, ...]


def _run(writing: Writing, _: Nothing) -> TreeDone:
    done = writing.bring_up_to_date(None, rebuild=True)
    return TreeDone(actions=len(done.actions), gestures=len(done.gestures))


def _plan(reading: Reading, _: Nothing) -> TreePlan:
    plan = materialize(reading.store, TreeSettings.of(reading.config), dry_run=True)
    return TreePlan(gestures=tuple(map(gesture_said, plan.gestures)), actions=tuple(map(action_said, plan.actions)))


TREE = Write("tree", Nothing, TreeDone, _run)
PLAN = Read("tree.plan", Nothing, TreePlan, _plan)
