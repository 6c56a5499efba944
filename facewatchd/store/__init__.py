"""
The state: the only SQL of the program.
"""

from facewatchd.store.date_journal import Change, DateWrite, WriteState
from facewatchd.store.faces import ExportedFace, FaceTable
from facewatchd.store.journal import JournalEntry
from facewatchd.store.notices import Notice
from facewatchd.store.people import PersonFace, PersonPhoto, PersonSummary
from facewatchd.store.photo_dates import DatedPhoto
from facewatchd.store.pictures import FaceOnPhoto
from facewatchd.store.store import (
    DateMarking,
    Folders,
    HeldRecluster,
    LastRecluster,
    Store,
    StoredCalibration,
    StoredModel,
)

__all__ = [
    "Change",
    "DateMarking",
    "DateWrite",
    "DatedPhoto",
    "ExportedFace",
    "FaceOnPhoto",
    "FaceTable",
    "Folders",
    "HeldRecluster",
    "JournalEntry",
    "LastRecluster",
    "Notice",
    "PersonFace",
    "PersonPhoto",
    "PersonSummary",
    "Store",
    "StoredCalibration",
    "StoredModel",
    "WriteState",
]
