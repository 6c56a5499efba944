"""
Copies of the state: whole and consistent, made beside a running daemon, and put back only after a check.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from facewatchd.errors import StoreError
from facewatchd.store.database import DATABASE, be_private, connect, store_errors
from facewatchd.store.schema import MIGRATIONS

_SUFFIXES = ("", "-wal", "-shm")


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
            raise StoreError("The backup cannot be written", f"{error.strerror}.", file) from error
        finally:
            part.unlink(missing_ok=True)


def restore(state_dir: Path, file: Path) -> Path | None:
    """
    Put a copy in place of the state; the caller holds the state's lock.

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
            contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source,
            contextlib.closing(sqlite3.connect(part)) as copy,
        ):
            source.backup(copy)
        _sync(part)
        kept = _move_away(target) if target.exists() else None
        os.replace(part, target)
    except OSError as error:
        raise StoreError("The copy cannot be put back", f"{error.strerror}.", target) from error
    finally:
        part.unlink(missing_ok=True)
    return kept


def _examine(file: Path) -> None:
    if not file.is_file():
        raise StoreError("There is no such copy", "Check its name.", file)
    with (
        store_errors(file, "The copy cannot be read"),
        contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as copy,
    ):
        version = copy.execute("PRAGMA user_version").fetchone()[0]
        verdict = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
        tables = {name for (name,) in copy.execute("SELECT name FROM sqlite_master")}
    if verdict != "ok":
        raise StoreError("The copy is damaged", f"SQLite says: {verdict}. Use an older one.", file)
    if not {"photos", "faces", "people"} <= tables or not 0 < version <= len(MIGRATIONS):
        raise StoreError("This is no copy of a state", "Use a file that 'facewatchd backup' wrote.", file)


def _move_away(target: Path) -> Path:
    """Rename the state and its companions; of several kept ones the numbers rise."""
    number = 1
    while (kept := target.with_name(f"{DATABASE}.before-restore-{number}")).exists():
        number += 1
    for suffix in _SUFFIXES:
        companion = target.with_name(target.name + suffix)
        if companion.exists():
            os.rename(companion, kept.with_name(kept.name + suffix))
    return kept


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
