"""
The one table of operations: everything that the program can be asked.
"""

from __future__ import annotations

from typing import Any

from facewatchd.operations import (
    corrections,
    dates,
    embeddings,
    faces,
    given_dates,
    grouping,
    health,
    models,
    people,
    photos,
    roots,
    sorting,
    state,
    status,
    tree,
    vitals,
)
from facewatchd.operations.base import Operation

OPERATIONS: dict[str, Operation[Any, Any]] = {
    operation.name: operation
    for operation in (
        people.LIST,
        people.SHOW,
        people.TOGETHER,
        corrections.RENAME,
        corrections.MERGE,
        corrections.SPLIT,
        corrections.HIDE,
        corrections.UNHIDE,
        corrections.CONFIRM,
        corrections.REJECT,
        corrections.UNDO,
        corrections.UNDO_LIST,
        faces.EXPORT,
        embeddings.MEDOIDS,
        embeddings.VALIDATE,
        sorting.SORT,
        sorting.GROUP,
        dates.REPORT,
        dates.FIX,
        dates.UNDO,
        given_dates.SET,
        given_dates.SET_PLAN,
        given_dates.SHIFT,
        given_dates.SHIFT_PLAN,
        tree.TREE,
        tree.PLAN,
        grouping.RECLUSTER,
        grouping.PLAN,
        grouping.CALIBRATE,
        grouping.USE,
        grouping.EVALUATE,
        roots.LIST,
        roots.MOVE,
        models.LIST,
        models.FETCH,
        models.USE,
        models.VERIFY,
        photos.IDENTIFY,
        photos.IDENTIFY_ALL,
        photos.VERIFY,
        status.STATUS,
        vitals.VITALS,
        state.RETRY,
        state.BACKUP,
        state.RESTORE,
        health.DOCTOR,
    )
}
"""Name -> operation."""
