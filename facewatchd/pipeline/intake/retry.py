"""
Another try for photos that could not be taken in.
"""

from __future__ import annotations

from facewatchd.store import Store


def retry(store: Store) -> int:
    """
    Photos that could not be taken in are to be tried again, whatever was wrong with them.

    Returns:
        How many.
    """
    with store.transaction():
        store.quarantine.clear()
        return store.photos.retry(None)
