"""
Copies of the state. They are consistent, can be made while the daemon runs, and are checked before they are put back. They
hold embeddings and names, so only their owner can read them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

from facewatchd.errors import StoreError, remedy
from facewatchd.store.database import DATABASE, be_private, connect, store_errors
from facewatchd.store.schema import MIGRATIONS

_COMPANIONS = ("-wal", "-shm")


def back_up(state_dir: Path, file: Path) -> None:
    """
    Copy the state into one file. The file appears when it is complete.

    Raises:
        StoreError: There is no state, or the file exists or cannot be written.
    """
    if file.exists():
        raise StoreError(
            "The backup cannot be written", "There is a file with this name already. Choose another name.", file
        )
    part = file.with_name(file.name + ".part")
    with contextlib.closing(connect(state_dir, read_only=True)) as source:
        try:
            be_private(part)
            with store_errors(file, "The backup cannot be written"), contextlib.closing(sqlite3.connect(part)) as copy:
                source.backup(copy)
                # a copy in WAL mode would need more files beside it
                copy.execute("PRAGMA journal_mode = DELETE")
            _sync(part)
            os.replace(part, file)
        except OSError as error:
            raise StoreError("The backup cannot be written", remedy(error), file) from error
        finally:
            part.unlink(missing_ok=True)


def restore(state_dir: Path, file: Path) -> Path | None:
    """
    Replace the state by a copy. The caller holds the state's lock. At any moment, also after a crash, the whole former state or
    the whole copy is in place.

    Returns:
        The file with the former state, None if there was none.

    Raises:
        StoreError: The copy is missing, damaged, or not a state. Everything is as before.
    """
    _examine(file)
    target = state_dir / DATABASE
    part = state_dir / f"{DATABASE}.part"
    be_private(part)
    try:
        with (
            store_errors(file, "The copy cannot be put back"),
            contextlib.closing(sqlite3.connect(_read_only(file), uri=True)) as source,
            contextlib.closing(sqlite3.connect(part)) as copy,
        ):
            source.backup(copy)
            _adapt(copy, target)
        _sync(part)
        kept = _set_aside(target) if target.exists() else None
        os.replace(part, target)
        _sync(state_dir)
    except OSError as error:
        raise StoreError("The copy cannot be put back", remedy(error), target) from error
    finally:
        part.unlink(missing_ok=True)
    return kept


def _examine(file: Path) -> None:
    if not file.is_file():
        raise StoreError("There is no such copy", "Check its name.", file)
    with (
        store_errors(file, "The copy cannot be read"),
        contextlib.closing(sqlite3.connect(_read_only(file), uri=True)) as copy,
    ):
        version = copy.execute("PRAGMA user_version").fetchone()[0]
        verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
    if verdict != "ok":
        raise StoreError("The copy is damaged", f"SQLite says: {verdict}. Use an older one.", file)
    if not {"photos", "faces", "people"} <= tables or version < 1:
        raise StoreError("This is no copy of a state", "Use a file that 'facewatchd backup' wrote.", file)
    if version > len(MIGRATIONS):
        raise StoreError(
            "The copy was made by a newer facewatchd",
            f"It has version {version}, this program knows {len(MIGRATIONS)}; update the program.",
            file,
        )


def _adapt(copy: sqlite3.Connection, target: Path) -> None:
    """
    Mark the copy as restored: the people tree has changed since, and these changes are no gestures. Ids that were used after
    the copy was made are not used for other people and faces, because folders of the tree and exports have them.
    """
    with copy:
        copy.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('tree.restored', '1')")
        copy.execute("UPDATE tree_folders SET busy = 1")
        for table, last in _last_ids(target):
            copy.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (last, table))
            copy.execute(
                "INSERT INTO sqlite_sequence (name, seq) SELECT ?1, ?2"
                " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?1)",
                (table, last),
            )


def _last_ids(target: Path) -> list[tuple[str, int]]:
    """The last id that the state in place has used, per table. Empty if it cannot be read."""
    if not target.exists():
        return []
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(_read_only(target), uri=True)) as state,
    ):
        return state.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
    return []


def _set_aside(target: Path) -> Path:
    """Keep the state under another name too. It stays in place until it is replaced. Further ones get higher numbers."""
    number = 1
    while (kept := target.with_name(f"{DATABASE}.before-restore-{number}")).exists():
        number += 1
    # into one file, so that no other file holds a part of it
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(target)) as state:
        state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in _COMPANIONS:
        companion = target.with_name(target.name + suffix)
        # left by a damaged state; SQLite must not take it for a part of the copy
        if companion.exists():
            os.rename(companion, kept.with_name(kept.name + suffix))
    try:
        os.link(target, kept)
    except OSError:
        # a file system without hard links
        shutil.copy2(target, kept)
    return kept


def _read_only(file: Path) -> str:
    return f"{file.absolute().as_uri()}?mode=ro"


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
