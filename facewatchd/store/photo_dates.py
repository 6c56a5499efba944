"""
The date findings of the photos in the index.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from facewatchd.core.dates.evidence import Standing, standing
from facewatchd.domain import DateFinding, DateSource, FileStat, PhotoId, Root, RootId, SeenFile
from facewatchd.store.date_rows import DATE_COLUMNS, DATE_MARKS, date_columns, date_finding
from facewatchd.store.stat_rows import STAT_COLUMNS, stat_numbers, stat_of_row

_PHOTOS_STAT = "p.size, p.mtime_ns, p.ctime_ns, p.inode, p.device"


@dataclass(frozen=True, slots=True)
class DatedPhoto:
    """A photo that was taken in, its place, and its date finding. `beside` is as in `KnownPhoto`."""

    photo_id: PhotoId
    root: Root
    seen: SeenFile
    date: DateFinding | None
    beside: bytes = b""

    @property
    def path(self) -> bytes:
        """Absolute."""
        return self.root.path + b"/" + self.seen.path


class PhotoDates:
    """The dates in rows of `photos`. A photo that is taken in brings its own, see `Photos.take`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    def counts(self) -> dict[str, int]:
        """
        How many photos are taken in and in place, by `core.dates.evidence.standing`: `right` if the photo or its sidecar has its
        date, `fixed` if we wrote one into or beside it, else `reported`.
        """
        rows = self._db.execute(
            "SELECT date_source, date_problem != '', w.photo_id IS NOT NULL, count(*) FROM photos p"
            " LEFT JOIN (SELECT DISTINCT photo_id FROM date_writes WHERE state = 'done') w USING (photo_id)"
            " WHERE p.state = 'done' AND p.absent_since IS NULL AND p.date_value IS NOT NULL GROUP BY 1, 2, 3"
        )
        counts = {one.value: 0 for one in Standing}
        for source, has_problem, written, count in rows:
            counts[standing(DateSource(source), has_problem=bool(has_problem), written=bool(written))] += count
        return counts

    def dated(self, after: PhotoId = 0, limit: int = -1) -> list[DatedPhoto]:
        """Photos that are taken in and in place, by their numbers, those after `after`."""
        return self._dated("p.photo_id > ? ORDER BY p.photo_id LIMIT ?", after, limit)

    def dated_photo(self, photo_id: PhotoId) -> DatedPhoto | None:
        """The same for one photo. None if it is not there."""
        found = self._dated("p.photo_id = ?", photo_id)
        return found[0] if found else None

    def dated_beginning(self, root_id: RootId, beginning: bytes) -> list[DatedPhoto]:
        """The same for the photos of one folder: their paths, relative to the root, begin with this."""
        return self._dated(
            # no name in UTF-8 has the byte ff
            "p.root_id = ? AND p.path >= ? AND p.path < ? AND instr(substr(p.path, ?), x'2f') = 0",
            root_id,
            beginning,
            beginning + b"\xff",
            len(beginning) + 1,
        )

    def dated_below(self, root_id: RootId, folder: bytes) -> list[DatedPhoto]:
        """The same for the photos in a folder and below it. The folder is relative to the root, and empty for the root."""
        if not folder:
            return self._dated("p.root_id = ? ORDER BY p.path", root_id)
        # "0" is the byte after "/"
        return self._dated(
            "p.root_id = ? AND p.path >= ? AND p.path < ? ORDER BY p.path", root_id, folder + b"/", folder + b"0"
        )

    def _dated(self, where: str, *arguments: int | bytes) -> list[DatedPhoto]:
        rows = self._db.execute(
            f"SELECT p.photo_id, p.root_id, r.path, p.path, p.beside, {_PHOTOS_STAT}, {DATE_COLUMNS}"
            " FROM photos p JOIN roots r USING (root_id)"
            f" WHERE p.state = 'done' AND p.absent_since IS NULL AND {where}",
            arguments,
        )
        return [
            DatedPhoto(
                photo_id,
                Root(root_id, root),
                SeenFile(root_id, path, stat_of_row(*row[:5])),
                date_finding(row[5:]),
                beside,
            )
            for photo_id, root_id, root, path, beside, *row in rows
        ]

    # --- dates that must be looked for again

    def due(self, roots: Collection[RootId], limit: int) -> list[DatedPhoto]:
        """Photos of these roots that must be dated again, as in `dated`."""
        marks = ",".join("?" * len(roots))
        return self._dated(f"p.date_due = 1 AND p.root_id IN ({marks}) ORDER BY p.photo_id LIMIT ?", *roots, limit)

    def all_due(self) -> set[PhotoId]:
        """Those that must be dated again, in any root."""
        return {photo for (photo,) in self._db.execute("SELECT photo_id FROM photos WHERE date_due = 1")}

    def count_due(self) -> int:
        """How many photos must be dated again, without those that are gone."""
        row = self._db.execute("SELECT count(*) FROM photos WHERE date_due = 1 AND state = 'done'").fetchone()
        return int(row[0])

    def findings(self, after: PhotoId, limit: int) -> list[tuple[PhotoId, bytes, DateFinding | None]]:
        """Number, path relative to the root, and finding of every photo that was ever taken in. Tombstones are among them."""
        rows = self._db.execute(
            f"SELECT photo_id, path, {DATE_COLUMNS} FROM photos WHERE photo_id > ? AND content_hash IS NOT NULL"
            " ORDER BY photo_id LIMIT ?",
            (after, limit),
        )
        return [(photo_id, path, date_finding(columns)) for photo_id, path, *columns in rows]

    def set_due(self, photo_ids: Iterable[PhotoId], *, due: bool = True) -> None:
        """These photos must be dated again, or were."""
        self._db.executemany(
            "UPDATE photos SET date_due = ? WHERE photo_id = ?", [(int(due), photo_id) for photo_id in photo_ids]
        )

    def due_by_clock(self, after: PhotoId, count: int, latest: datetime, latest_mtime_ns: int) -> PhotoId | None:
        """
        Mark photos to be dated again if the clock matters for their date: a later clock would have found another date, or the
        date is in the future now. If the time of the file is in the future too, this machine's clock is wrong, and the photo
        is not marked.

        Args:
            after: Only numbers behind this one.
            count: How many numbers to go through.
            latest: The latest date that is not in the future.
            latest_mtime_ns: The same in nanoseconds since 1970.

        Returns:
            Where to go on. None if this was the end.
        """
        self._db.execute(
            "UPDATE photos SET date_due = 1 WHERE photo_id > ?1 AND photo_id <= ?1 + ?2"
            " AND (date_hangs = 1 OR (date_value > ?3 AND mtime_ns <= ?4))",
            (after, count, latest.isoformat(), latest_mtime_ns),
        )
        (last,) = self._db.execute("SELECT coalesce(max(photo_id), 0) FROM photos").fetchone()
        return after + count if after + count < last else None

    # --- what was found

    def redate(self, photo_id: PhotoId, date: DateFinding | None) -> None:
        """Another date was found for a photo. Its file did not change."""
        self._db.execute(
            f"UPDATE photos SET ({DATE_COLUMNS}) = ({DATE_MARKS}) WHERE photo_id = ?", (*date_columns(date), photo_id)
        )

    def accompanied(self, photo_id: PhotoId, beside: bytes) -> None:
        """These sidecars are beside a photo now, and its date was found with them; see `KnownPhoto.beside`."""
        self._db.execute("UPDATE photos SET beside = ? WHERE photo_id = ?", (beside, photo_id))

    def rewritten(self, photo_id: PhotoId, stat: FileStat, content_hash: bytes) -> None:
        """The program wrote into the file of a photo: this is its stat now, and it is not taken in again."""
        self._db.execute(
            f"UPDATE photos SET ({STAT_COLUMNS}) = (?, ?, ?, ?, ?), content_hash = ? WHERE photo_id = ?",
            (*stat_numbers(stat), content_hash, photo_id),
        )
