"""
Opening the state: one SQLite file in WAL mode, one writer, migrated after a backup, checked at start (R29).
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self, cast

from facewatchd.errors import LeftBehindError, StoreError
from facewatchd.store.schema import MIGRATIONS
from facewatchd.store.trouble import converted

DATABASE = "facewatchd.sqlite"

# how long one process waits for another's write; readers such as `status` hold nothing for longer
log = logging.getLogger(__name__)

PAGE_BYTES = 16_384
"""
Size of SQLite's pages. A page of 4 KiB, the default, holds one embedding of 512 numbers and is half empty. With pages of this
size the state takes 43 % less.
"""

_BUSY_S = 10.0


@contextlib.contextmanager
def store_errors(path: Path, title: str = "The state cannot be used") -> Iterator[None]:
    """Turn errors of SQLite into errors for the user."""
    try:
        yield
    except sqlite3.Error as error:
        raise converted(error, path, title) from error


@contextlib.contextmanager
def without_patience(connection: sqlite3.Connection) -> Iterator[None]:
    """Within this context, a write does not wait for another process."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1000:.0f}")


class _Cursor(sqlite3.Cursor):
    """Turns errors of SQLite into errors for the user, also while rows are read."""

    def _converted(self, error: sqlite3.Error) -> Exception:
        connection = cast("_Connection", self.connection)
        return error if connection.path is None else converted(error, connection.path)

    def execute(self, *arguments: Any) -> Self:
        try:
            return super().execute(*arguments)
        except sqlite3.Error as error:
            raise self._converted(error) from error

    def executemany(self, *arguments: Any) -> Self:
        try:
            return super().executemany(*arguments)
        except sqlite3.Error as error:
            raise self._converted(error) from error

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        except sqlite3.Error as error:
            raise self._converted(error) from error

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except sqlite3.Error as error:
            raise self._converted(error) from error

    def __next__(self) -> Any:
        # no context manager here: this runs once for every row
        try:
            return super().__next__()
        except sqlite3.Error as error:
            raise self._converted(error) from error


class _Connection(sqlite3.Connection):
    """Its errors name the file, as soon as that is known to be a state."""

    path: Path | None = None
    # threads that may use it no more
    left: frozenset[threading.Thread] = frozenset()

    def cursor(self, factory: Any = _Cursor) -> Any:
        if self.left and threading.current_thread() in self.left:
            raise LeftBehindError
        return super().cursor(factory)

    def leave(self, thread: threading.Thread) -> None:
        """This thread may use it no more; what it has not committed is undone."""
        self.left |= {thread}
        if self.in_transaction:
            self.rollback()

    # since Python 3.11 the inherited methods make plain cursors

    def execute(self, *arguments: Any) -> Any:
        return self.cursor().execute(*arguments)

    def executemany(self, *arguments: Any) -> Any:
        return self.cursor().executemany(*arguments)


def connect(
    state_dir: Path, *, read_only: bool = False, check: bool = True, migrations: Sequence[str] = MIGRATIONS
) -> _Connection:
    """
    Open the state. It is made or migrated if needed.

    Args:
        state_dir: The state folder. It is made, for the owner only, unless `read_only`.
        read_only: For commands that only read while the daemon may run.
        check: Whether to check the whole file for damage, which takes 0.6 s per GB: when the daemon starts, and not for a
            command that changes a name. Before a migration the file is always checked.
        migrations: One script a version.

    Raises:
        StoreError: There is no state to read, or it is damaged, cannot be written, or is of a newer version. The cursors of
            the connection raise it too, whenever SQLite fails.
    """
    path = state_dir / DATABASE
    if read_only and not os.path.exists(path) and not _is_hidden(path):
        raise StoreError(
            "There is no state yet", "Run 'facewatchd run' first, or give the right folder with --state.", state_dir
        )
    if not read_only:
        try:
            state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                "The state folder cannot be made", f"{error.strerror}. Choose another folder with --state.", state_dir
            ) from error
    with store_errors(path, "The state cannot be opened"):
        if not read_only:
            be_private(path)
        mode = "ro" if read_only else "rwc"
        uri = f"file:{_quoted(path)}?mode={mode}"
        connection = sqlite3.connect(
            uri, uri=True, timeout=_BUSY_S, isolation_level=None, factory=_Connection, check_same_thread=read_only
        )
        try:
            _prepare(connection, path, migrations, read_only=read_only, check=check)
            connection.path = path
        except BaseException:
            connection.close()
            raise
    return connection


def be_private(path: Path) -> None:
    """
    Let only the owner read a file, with any umask. A missing file is made, empty. SQLite gives the same permissions to the
    files beside it. A file of another owner stays as it is.
    """
    with contextlib.suppress(OSError):
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.fstat(handle).st_mode & 0o077:
                os.fchmod(handle, 0o600)
        finally:
            os.close(handle)


def _is_hidden(path: Path) -> bool:
    """Whether it is not known if the file exists, because we may not look into its folder."""
    try:
        os.stat(path)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _prepare(
    connection: sqlite3.Connection, path: Path, migrations: Sequence[str], *, read_only: bool, check: bool
) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(migrations):
        raise StoreError(
            "The state was made by a newer facewatchd",
            f"Its version is {version}, and this program knows versions up to {len(migrations)}. Update the program.",
            path,
        )
    if read_only:
        if version < len(migrations):
            raise StoreError("The state is of an older version", "Start 'facewatchd run' once to migrate it.", path)
        return
    if not version:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    if version and (check or version < len(migrations)):
        _check(connection, path)
    _migrate(connection, path, version, migrations)


def _check(connection: sqlite3.Connection, path: Path) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise StoreError(
            "The state is damaged",
            f"SQLite says: {verdict}. Restore it from a backup, or move it away and start again: "
            "photos are taken in again, names are lost.",
            path,
        )


def _migrate(connection: sqlite3.Connection, path: Path, version: int, migrations: Sequence[str]) -> None:
    """Copy the state, then migrate it. Each step and its number are one transaction."""
    if version == len(migrations):
        return
    if version:
        copy = path.with_name(f"{path.name}.v{version}.bak")
        be_private(copy)
        with contextlib.closing(sqlite3.connect(copy)) as backup:
            connection.backup(backup)
        _enlarge_pages(connection, path)
    for number, script in enumerate(migrations[version:], start=version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT;")


def _enlarge_pages(connection: sqlite3.Connection, path: Path) -> None:
    """Rewrite a state of an earlier version. It stays as it is if another process reads it now, or if there is no room."""
    if connection.execute("PRAGMA page_size").fetchone()[0] >= PAGE_BYTES:
        return
    log.info("The state is rewritten, which saves up to half of its %.1f GB: %s", path.stat().st_size / 1e9, path)
    try:
        # the page size cannot change in WAL mode, which only the last connection can leave
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        connection.execute("VACUUM")
    except sqlite3.Error as error:
        log.warning("The state could not be rewritten. It works, and stays as large as it is: %s", error)
    finally:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")


def _quoted(path: Path) -> str:
    """A path inside an SQLite URI."""
    safe = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-~")
    return "".join(chr(byte) if byte in safe else f"%{byte:02X}" for byte in os.fsencode(path.absolute()))
