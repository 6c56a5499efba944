"""
The state: the only SQL of the program.
"""

from facewatchd.store.faces import ExportedFace, FaceTable
from facewatchd.store.people import PersonFace, PersonPhoto, PersonSummary
from facewatchd.store.store import LastRecluster, Store, StoredModel

__all__ = [
    "ExportedFace",
    "FaceTable",
    "LastRecluster",
    "PersonFace",
    "PersonPhoto",
    "PersonSummary",
    "Store",
    "StoredModel",
]
