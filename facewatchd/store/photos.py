"""
The index of photos: the files that are known, and the state of each photo.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from facewatchd.core.intake.disappearance import Absence
from facewatchd.domain import (
    DateFinding,
    FileStat,
    KnownPhoto,
    PersonId,
    PhotoId,
    PhotoState,
    PlacedPhoto,
    RootId,
    SeenFile,
    TakenPhoto,
)
from facewatchd.store.date_rows import DATE_COLUMNS, DATE_MARKS, date_columns
from facewatchd.store.stat_rows import MISSING, STAT_COLUMNS, signed, stat_numbers, stat_of_row, unsigned

_MANY = 5000

_KNOWN = f"photo_id, state, absent_since IS NOT NULL, beside, {STAT_COLUMNS}"


class Photos:
    """Rows of `photos`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def sample(self, root_id: RootId, count: int, *, missing: bool = False) -> list[tuple[bytes, FileStat]]:
        """Some photos of a root, spread over it. `missing`: some tombstones instead."""
        condition = f"root_id = ? AND {'' if missing else 'NOT '}state = 'missing'"
        columns = f"photo_id, path, {STAT_COLUMNS}"
        (last,) = self._db.execute("SELECT coalesce(max(photo_id), 0) FROM photos").fetchone()
        found: dict[PhotoId, tuple[bytes, FileStat]] = {}
        # in a large archive a few random ids find enough photos; sorting all of them by random takes a fifth of a second
        for _ in range(10 * count if last > _MANY else 0):
            row = self._db.execute(
                f"SELECT {columns} FROM photos WHERE photo_id = ? AND {condition}",
                (random.randint(1, last), root_id),  # noqa: S311 - a sample, no secret
            ).fetchone()
            if row is not None:
                found[row[0]] = (row[1], stat_of_row(*row[2:]))
            if len(found) == count:
                return [*found.values()]
        rows = self._db.execute(
            f"SELECT path, {STAT_COLUMNS} FROM photos WHERE {condition} ORDER BY random() LIMIT ?", (root_id, count)
        )
        return [(path, stat_of_row(*stat)) for path, *stat in rows]

    # --- the index

    def known(self, root_id: RootId) -> dict[bytes, KnownPhoto]:
        """Every photo of a root by its path. Tombstones are among them."""
        rows = self._db.execute(f"SELECT path, {_KNOWN} FROM photos WHERE root_id = ?", (root_id,))
        return {path: _known(row) for path, *row in rows}

    def find(self, root_id: RootId, path: bytes) -> KnownPhoto | None:
        row = self._db.execute(
            f"SELECT {_KNOWN} FROM photos WHERE root_id = ? AND path = ?", (root_id, path)
        ).fetchone()
        return _known(row) if row else None

    def under(self, root_id: RootId, folder: bytes) -> dict[bytes, KnownPhoto]:
        """The photos in a folder and below it, by path; b"": all of the root."""
        if not folder:
            return self.known(root_id)
        rows = self._db.execute(
            f"SELECT path, {_KNOWN} FROM photos WHERE root_id = ? AND path >= ? AND path < ?",
            (root_id, folder + b"/", folder + b"0"),  # "0" is the byte after "/"
        )
        return {path: _known(row) for path, *row in rows}

    def are_in(self, root_id: RootId, path: bytes) -> bool:
        """Whether a photo is at a path or below it. Tombstones do not count."""
        row = self._db.execute(
            "SELECT 1 FROM photos WHERE root_id = ?1 AND (path = ?2 OR (path >= ?3 AND path < ?4)) AND state != 'missing'",
            (root_id, path, path + b"/", path + b"0"),
        ).fetchone()
        return row is not None

    def same_file(self, stat: FileStat) -> list[PlacedPhoto]:
        """Photos that were taken in and were this file when last seen, at any path."""
        rows = self._db.execute(
            f"SELECT root_id, path, {_KNOWN} FROM photos WHERE inode = ? AND device = ? AND size = ? AND mtime_ns = ?"
            " AND content_hash IS NOT NULL ORDER BY photo_id",
            (signed(stat.inode), signed(stat.device), stat.size, stat.mtime_ns),
        )
        return [PlacedPhoto(root_id, path, _known(row)) for root_id, path, *row in rows]

    def same_content(self, content_hash: bytes) -> list[PlacedPhoto]:
        """Photos with the same image data, at any path."""
        rows = self._db.execute(
            f"SELECT root_id, path, {_KNOWN} FROM photos WHERE content_hash = ? ORDER BY photo_id", (content_hash,)
        )
        return [PlacedPhoto(root_id, path, _known(row)) for root_id, path, *row in rows]

    def content_of(self, root_id: RootId, path: bytes, model_id: str) -> bytes | None:
        """Hash of the picture that these models last saw at a path."""
        row = self._db.execute(
            "SELECT content_hash FROM photos WHERE root_id = ? AND path = ? AND model_id = ?", (root_id, path, model_id)
        ).fetchone()
        return row[0] if row else None

    def path_of(self, photo_id: PhotoId) -> bytes | None:
        """Absolute path of a photo as it was last seen."""
        row = self._db.execute(
            "SELECT CAST(r.path || x'2f' || p.path AS BLOB) FROM photos p JOIN roots r USING (root_id)"
            " WHERE photo_id = ?",
            (photo_id,),
        ).fetchone()
        return row[0] if row else None

    def at(self, path: bytes) -> PhotoId | None:
        """The photo with an absolute path."""
        for root_id, start in self._db.execute("SELECT root_id, CAST(path || x'2f' AS BLOB) FROM roots").fetchall():
            if path.startswith(start) and (known := self.find(root_id, path[len(start) :])) is not None:
                return known.photo_id
        return None

    def find_content(self, seen: SeenFile) -> bytes | None:
        """Hash of the picture that any models last saw at a path."""
        row = self._db.execute(
            "SELECT content_hash FROM photos WHERE root_id = ? AND path = ?", (seen.root_id, seen.path)
        ).fetchone()
        return row[0] if row else None

    def is_gone_picture(self, content_hash: bytes, model_id: str) -> bool:
        """
        Whether these models saw this picture in a file that is not there any more, or is in a folder that is not watched any
        more.
        """
        row = self._db.execute(
            "SELECT 1 FROM photos JOIN roots USING (root_id) WHERE content_hash = ? AND model_id = ?"
            " AND (state = 'missing' OR absent_since IS NOT NULL OR NOT watched) LIMIT 1",
            (content_hash, model_id),
        ).fetchone()
        return row is not None

    def missing(self) -> set[PhotoId]:
        """How many photos have lost their files."""
        return {photo for (photo,) in self._db.execute("SELECT photo_id FROM photos WHERE state = 'missing'")}

    def wait(self, seen: SeenFile) -> None:
        """A new or changed file must be taken in."""
        self._put(seen, PhotoState.PENDING, "")

    def fail(self, seen: SeenFile, reason: str, now: float, *, passing: bool) -> None:
        """
        A file could not be taken in.

        Args:
            seen: The file.
            reason: A sentence for the user.
            now: Seconds since 1970.
            passing: Whether trying again may help. Then it is tried again, less and less often, and in the end only when
                the file changes or the user asks for it.
        """
        known = self.find(seen.root_id, seen.path)
        row = self._db.execute(
            "SELECT attempts FROM photos WHERE photo_id = ?", (known.photo_id if known else None,)
        ).fetchone()
        attempts = (row[0] if row and known and known.stat.same_content(seen.stat) else 0) + 1
        self._put(seen, PhotoState.FAILED, reason)
        self._db.execute(
            "UPDATE photos SET attempts = ?, retry_at = ? WHERE root_id = ? AND path = ?",
            (attempts, next_retry(attempts, now) if passing else None, seen.root_id, seen.path),
        )

    def retry(self, now: float | None) -> int:
        """
        Failed photos must be tried again: those with a time that has come or that is too far away (the clock was set back), or all
        if `now` is None.

        Returns:
            How many.
        """
        cursor = self._db.execute(
            "UPDATE photos SET state = 'pending', attempts = iif(?1, 0, attempts)"
            " WHERE state = 'failed' AND (?1 OR retry_at <= ?2 OR retry_at > ?2 + ?3)",
            (now is None, now, RETRY_AFTER_S[-1]),
        )
        return cursor.rowcount

    def retry_in(self, root_id: RootId, folder: bytes = b"") -> None:
        """The failed photos in a folder and below it, "" for the root, must be tried again: we could not read the folder for a while."""
        self._db.execute(
            "UPDATE photos SET state = 'pending', attempts = 0 WHERE state = 'failed' AND root_id = ?1"
            " AND (?2 = x'' OR path >= ?3 AND path < ?4)",
            (root_id, folder, folder + b"/", folder + b"0"),
        )

    def _put(self, seen: SeenFile, state: PhotoState, reason: str) -> None:
        stat = seen.stat
        self._db.execute(
            f"INSERT INTO photos (root_id, path, state, reason, {STAT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (root_id, path) DO UPDATE SET state = excluded.state, reason = excluded.reason,"
            " size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns,"
            " inode = excluded.inode, device = excluded.device, absent_since = NULL, absent_scans = 0",
            (seen.root_id, seen.path, state, reason, *stat_numbers(stat)),
        )

    def move(self, photo_id: PhotoId, seen: SeenFile) -> None:
        """
        A photo has another path now. Another photo that was known at that path becomes a tombstone with a path that no file can
        have. It is found again by its file or picture (two photos may have swapped names).
        """
        there = (seen.root_id, seen.path, photo_id)
        self._db.execute(
            "DELETE FROM photos WHERE root_id = ? AND path = ? AND photo_id != ? AND content_hash IS NULL", there
        )
        self._db.execute(
            f"UPDATE photos SET {MISSING}, path = CAST(path || x'00' || photo_id AS BLOB)"
            " WHERE root_id = ? AND path = ? AND photo_id != ?",
            there,
        )
        self._db.execute(
            f"UPDATE photos SET root_id = ?, path = ?, ({STAT_COLUMNS}) = (?, ?, ?, ?, ?), absent_since = NULL, absent_scans = 0,"
            " state = iif(state = 'missing', 'done', state) WHERE photo_id = ?",
            (seen.root_id, seen.path, *stat_numbers(seen.stat), photo_id),
        )

    def absent(self, photo_ids: Iterable[PhotoId], now: float, scans: int) -> None:
        """
        A scan did not see their files (`scans` 1), or an event reported that they went (0). If the clock was set back since they
        were first missed, they count as missed since `now`.
        """
        self._db.executemany(
            "UPDATE photos SET absent_since = min(coalesce(absent_since, ?1), ?1), absent_scans = absent_scans + ?2"
            " WHERE photo_id = ?3 AND state != 'missing'",
            [(now, scans, photo_id) for photo_id in photo_ids],
        )

    def present(self, photo_ids: Iterable[PhotoId]) -> None:
        """Their files are there again. A tombstone becomes a photo again."""
        self._db.executemany(
            "UPDATE photos SET absent_since = NULL, absent_scans = 0, state = iif(state != 'missing', state,"
            " iif(content_hash IS NULL OR size < 0 OR shown_as IS NOT NULL, 'pending', 'done')) WHERE photo_id = ?",
            [(photo_id,) for photo_id in photo_ids],
        )

    def absences(self, root_id: RootId) -> list[tuple[PhotoId, bytes, int, Absence]]:
        """The photos that were not seen and are not tombstones yet, with the number of their device."""
        rows = self._db.execute(
            "SELECT photo_id, path, device, absent_since, absent_scans FROM photos"
            " WHERE root_id = ? AND absent_since IS NOT NULL AND state != 'missing' ORDER BY photo_id",
            (root_id,),
        )
        return [
            (photo_id, path, unsigned(device), Absence(since, scans)) for photo_id, path, device, since, scans in rows
        ]

    def on_device(self, root_id: RootId, below: bytes, device: int, count: int) -> list[tuple[bytes, FileStat]]:
        """Some photos in a folder of a root, "" for all of it, that were on a device, spread over it."""
        rows = self._db.execute(
            f"SELECT path, {STAT_COLUMNS} FROM photos WHERE root_id = ?1 AND state != 'missing' AND device = ?2"
            " AND (?3 = x'' OR path >= ?4 AND path < ?5) ORDER BY random() LIMIT ?6",
            (root_id, signed(device), below, below + b"/", below + b"0", count),
        )
        return [(path, stat_of_row(*stat)) for path, *stat in rows]

    def miss(self, photo_ids: Iterable[PhotoId]) -> None:
        """Their files are gone: they become tombstones, which keep faces, names and corrections."""
        self._db.executemany(f"UPDATE photos SET {MISSING} WHERE photo_id = ?", [(photo_id,) for photo_id in photo_ids])

    def miss_all(self, root_id: RootId) -> int:
        """
        The photos of a root that is not watched any more become tombstones. When the root is back, they are too.

        Returns:
            How many.
        """
        cursor = self._db.execute(f"UPDATE photos SET {MISSING} WHERE root_id = ? AND state != 'missing'", (root_id,))
        return cursor.rowcount

    def take(self, taken: TakenPhoto, model_id: str) -> PhotoId:
        """A photo was taken in with these models: store the facts about the file itself."""
        seen = taken.seen
        self._db.execute(
            "UPDATE photos SET content_hash = ?, model_id = ?, width = ?, height = ? WHERE photo_id = ?",
            (
                taken.content_hash,
                model_id,
                taken.width,
                taken.height,
                photo_id := self.look_again(seen, taken.date, taken.beside),
            ),
        )
        return photo_id

    def look_again(self, seen: SeenFile, date: DateFinding | None, beside: bytes = b"") -> PhotoId:
        """The file changed, but its picture did not: only the stat is stored."""
        self._put(seen, PhotoState.DONE, "")
        row = self._db.execute(
            f"UPDATE photos SET ({DATE_COLUMNS}, beside) = ({DATE_MARKS}, ?), date_due = 0, retry_at = NULL, attempts = 0"
            " WHERE root_id = ? AND path = ? RETURNING photo_id",
            (*date_columns(date), beside, seen.root_id, seen.path),
        ).fetchone()
        return int(row[0])

    def redo_all(self) -> None:
        """All photos must be taken in again (another model). Missing ones are taken in when they come back."""
        self._db.execute("UPDATE photos SET state = 'pending' WHERE state IN ('done', 'failed')")
        self._db.execute("UPDATE photos SET size = -1 WHERE state = 'missing'")

    def pending(self, roots: Collection[RootId], limit: int) -> list[SeenFile]:
        """The next photos of these roots to take in. The ones known longest come first."""
        # root by root, in the order of the index, so that the rows of an offline root are not read
        rows = [
            row
            for root_id in roots
            for row in self._db.execute(
                f"SELECT photo_id, root_id, path, {STAT_COLUMNS} FROM photos"
                " WHERE state = 'pending' AND absent_since IS NULL AND root_id = ? ORDER BY photo_id LIMIT ?",
                (root_id, limit),
            )
        ]
        return [SeenFile(root_id, path, stat_of_row(*stat)) for _, root_id, path, *stat in sorted(rows)[:limit]]

    def count_pending(self) -> int:
        """How many photos are not taken in yet. Only their rows are read."""
        return int(self._db.execute("SELECT count(*) FROM photos WHERE state = 'pending'").fetchone()[0])

    def any_taken(self) -> bool:
        """Whether the state has a photo that was ever taken in."""
        return bool(
            self._db.execute("SELECT EXISTS (SELECT 1 FROM photos WHERE content_hash IS NOT NULL)").fetchone()[0]
        )

    def people_in(self, photo_ids: Iterable[PhotoId]) -> set[PersonId | None]:
        """The people with faces in these photos. None is among them if there is an unassigned face."""
        return {
            person
            for photo_id in photo_ids
            for (person,) in self._db.execute("SELECT person_id FROM faces WHERE photo_id = ?", (photo_id,))
        }

    # --- figures

    def count(self, root_id: RootId) -> int:
        """How many photos a root has, without tombstones."""
        row = self._db.execute("SELECT count(*) FROM photos WHERE root_id = ? AND state != 'missing'", (root_id,))
        return int(row.fetchone()[0])

    def count_all(self, root_id: RootId) -> int:
        """How many photos a root has, with tombstones."""
        row = self._db.execute("SELECT count(*) FROM photos WHERE root_id = ?", (root_id,)).fetchone()
        return int(row[0])

    def counts(self) -> Mapping[PhotoState, int]:
        counted = dict(self._db.execute("SELECT state, count(*) FROM photos GROUP BY state").fetchall())
        return {state: counted.get(state.value, 0) for state in PhotoState}

    def failures(self) -> list[tuple[bytes, str, float | None]]:
        """Absolute path, reason and time of the next attempt of every photo that could not be taken in."""
        return self._db.execute(
            "SELECT CAST(r.path || x'2f' || p.path AS BLOB), p.reason, p.retry_at FROM photos p JOIN roots r USING (root_id)"
            " WHERE p.state = 'failed' ORDER BY 1"
        ).fetchall()


def _known(row: Sequence[Any]) -> KnownPhoto:
    photo_id, state, absent, beside, *stat = row
    return KnownPhoto(photo_id, stat_of_row(*stat), PhotoState(state), bool(absent), beside)


RETRY_AFTER_S = (60.0, 300.0, 1800.0, 7200.0, 43_200.0)
"""Waits between attempts: a share may come back within a minute, a disk may be repaired within a day."""


def next_retry(attempts: int, now: float) -> float | None:
    """When to try again after so many attempts, seconds since 1970. None: the program does not try again by itself."""
    return now + RETRY_AFTER_S[attempts - 1] if attempts <= len(RETRY_AFTER_S) else None
