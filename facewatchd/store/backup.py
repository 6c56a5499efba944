"""
Copies of the state: whole and consistent, made beside a running daemon, and put back only after a check. They hold what is
known of people's faces, and are for their owner's eyes only.
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
    Copy the state into one file, which appears when it is complete.

    Raises:
        StoreError: There is no state, or the file exists or cannot be written.
    """
    if file.exists():
        raise StoreError("The backup cannot be written", "There is a file already; choose another name.", file)
    part = file.with_name(file.name + ".part")
    with contextlib.closing(connect(state_dir, read_only=True)) as source:
        try:
            be_private(part)
            with store_errors(file, "The backup cannot be written"), contextlib.closing(sqlite3.connect(part)) as copy:
                source.backup(copy)
                # a copy of a WAL file would want its companions beside it
                copy.execute("PRAGMA journal_mode = DELETE")
            _sync(part)
            os.replace(part, file)
        except OSError as error:
            raise StoreError("The backup cannot be written", remedy(error), file) from error
        finally:
            part.unlink(missing_ok=True)


def restore(state_dir: Path, file: Path) -> Path | None:
    """
    Put a copy in place of the state; the caller holds the state's lock. At any moment, also after a crash, there is the state
    that was there or the copy, whole.

    Returns:
        Where the state that was there is kept, None where there was none.

    Raises:
        StoreError: The copy is missing, damaged, or not a state; everything is as before.
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
    Have the copy know that the people tree is not as it left it: what differs there is no word of the user's. And ids that
    were given out after the copy was made are not given to others: folders of the tree, and exports, have them.
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
    """The last id that the state in place has given out, per table; nothing where it cannot be read."""
    if not target.exists():
        return []
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(_read_only(target), uri=True)) as state,
    ):
        return state.execute("SELECT name, seq FROM sqlite_sequence").fetchall()
    return []


def _set_aside(target: Path) -> Path:
    """Keep the state under another name, and leave it in place until it is replaced; of several the numbers rise."""
    number = 1
    while (kept := target.with_name(f"{DATABASE}.before-restore-{number}")).exists():
        number += 1
    # into the one file, so that nothing of it lies beside it
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(target)) as state:
        state.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for suffix in _COMPANIONS:
        companion = target.with_name(target.name + suffix)
        # left where the state is damaged: it must not be taken for the copy's
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
