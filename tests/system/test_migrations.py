"""Older states are brought up to date after a copy was made, step by step, or not at all (R29)."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest
from helpers import without_roots_rights

from facewatchd.domain import Pool, ZoneSource
from facewatchd.errors import StoreError
from facewatchd.store import Store
from facewatchd.store.database import DATABASE, PAGE_BYTES, connect
from facewatchd.store.schema import MIGRATIONS

LATEST = len(MIGRATIONS)
NEXT = "CREATE TABLE later (number INTEGER NOT NULL) STRICT; INSERT INTO later VALUES (1)"
AFTER = "UPDATE later SET number = number + 1; ALTER TABLE people ADD COLUMN nickname TEXT NOT NULL DEFAULT ''"
BROKEN = "CREATE TABLE half (a); INSERT INTO half VALUES (1); INSERT INTO nowhere VALUES (1)"


def old_state(folder: Path, version: int = LATEST) -> None:
    """A state of this version with somebody in it, not closed properly: part of it is in the write-ahead log."""
    with contextlib.closing(connect(folder, migrations=MIGRATIONS[:version])) as db:
        db.execute("PRAGMA wal_autocheckpoint = 0")
        db.execute("INSERT INTO people (name) VALUES ('Ada')")


def read(path: Path, query: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def version_of(path: Path) -> object:
    return read(path, "PRAGMA user_version")[0][0]


def copies(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.bak"))


def test_a_new_state_has_the_latest_version_and_no_copy(tmp_path: Path) -> None:
    """There was nothing to copy."""
    Store(tmp_path).close()
    assert version_of(tmp_path / DATABASE) == LATEST
    assert copies(tmp_path) == []


@pytest.mark.parametrize("version", range(1, LATEST + 1))
def test_every_version_so_far_becomes_the_next(tmp_path: Path, version: int) -> None:
    """With all that was in it, and a copy of what it was."""
    old_state(tmp_path, version)
    connect(tmp_path, migrations=(*MIGRATIONS, NEXT, AFTER)).close()
    file = tmp_path / DATABASE
    assert version_of(file) == LATEST + 2
    assert read(file, "SELECT name, nickname FROM people") == [("Ada", "")]
    assert read(file, "SELECT number FROM later") == [(2,)]
    assert copies(tmp_path) == [f"{DATABASE}.v{version}.bak"]
    copy = tmp_path / copies(tmp_path)[0]
    assert version_of(copy) == version
    assert read(copy, "SELECT name FROM people") == [("Ada",)]
    assert read(copy, "PRAGMA integrity_check") == [("ok",)]


def test_a_migrated_state_is_left_alone(tmp_path: Path) -> None:
    """The next start neither copies nor changes anything."""
    old_state(tmp_path)
    connect(tmp_path, migrations=(*MIGRATIONS, NEXT)).close()
    (tmp_path / copies(tmp_path)[0]).unlink()
    connect(tmp_path, migrations=(*MIGRATIONS, NEXT)).close()
    assert copies(tmp_path) == []
    assert read(tmp_path / DATABASE, "SELECT number FROM later") == [(1,)]


def test_a_migration_that_fails_leaves_the_version_before(tmp_path: Path) -> None:
    """Nothing of its own remains, the steps before it do, and the next program goes on from there."""
    old_state(tmp_path)
    file = tmp_path / DATABASE
    with pytest.raises(StoreError, match="nowhere"):
        connect(tmp_path, migrations=(*MIGRATIONS, NEXT, BROKEN, AFTER))
    assert version_of(file) == LATEST + 1
    assert read(file, "SELECT name FROM sqlite_master WHERE name = 'half'") == []
    assert copies(tmp_path) == [f"{DATABASE}.v{LATEST}.bak"]
    connect(tmp_path, migrations=(*MIGRATIONS, NEXT, AFTER)).close()
    assert read(file, "SELECT number FROM later") == [(2,)]
    assert read(tmp_path / f"{DATABASE}.v{LATEST + 1}.bak", "SELECT number FROM later") == [(1,)]


def test_an_old_copy_is_written_over(tmp_path: Path) -> None:
    """By the latest state of that version, whatever it was."""
    old_state(tmp_path)
    (tmp_path / f"{DATABASE}.v{LATEST}.bak").touch()
    connect(tmp_path, migrations=(*MIGRATIONS, NEXT)).close()
    assert read(tmp_path / f"{DATABASE}.v{LATEST}.bak", "SELECT name FROM people") == [("Ada",)]


def test_without_a_copy_nothing_is_migrated(tmp_path: Path) -> None:
    """Where the copy cannot be written, as for a full disk."""
    old_state(tmp_path)
    (tmp_path / f"{DATABASE}.v{LATEST}.bak").mkdir()
    with pytest.raises(StoreError, match="cannot be opened"):
        connect(tmp_path, migrations=(*MIGRATIONS, NEXT))
    assert version_of(tmp_path / DATABASE) == LATEST


def test_a_newer_state_is_refused(tmp_path: Path) -> None:
    """With both versions and what to do; neither reading nor writing changes a byte."""
    connect(tmp_path, migrations=(*MIGRATIONS, NEXT)).close()
    before = (tmp_path / DATABASE).read_bytes()
    for read_only in (False, True):
        with pytest.raises(StoreError, match=f"version is {LATEST + 1}, .* up to {LATEST}. Update"):
            Store(tmp_path, read_only=read_only)
    assert (tmp_path / DATABASE).read_bytes() == before
    assert copies(tmp_path) == []


def test_an_older_state_is_not_only_read(tmp_path: Path) -> None:
    """A command that looks does not migrate: it says who does."""
    old_state(tmp_path)
    with pytest.raises(StoreError, match="facewatchd run"):
        connect(tmp_path, read_only=True, migrations=(*MIGRATIONS, NEXT))
    assert version_of(tmp_path / DATABASE) == LATEST


MIGRATE = """
import os, sys
from pathlib import Path
from facewatchd.store.database import connect
from facewatchd.store.schema import MIGRATIONS
step = "CREATE TABLE t%d AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < 1000) SELECT n FROM c"
connect(Path(sys.argv[1]), migrations=(*MIGRATIONS, *(step % number for number in range(4)))).close()
"""

KILLED = """
import os, signal, sys
left = int(sys.argv[2])
def hook(frame, event, function):
    global left
    if event in ("c_call", "c_return") and getattr(function, "__name__", "") in ("execute", "executescript", "backup", "connect"):
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
sys.setprofile(hook)
"""


def test_a_migration_can_be_killed_anywhere(tmp_path: Path) -> None:
    """Before and after every statement: the next start completes it, with all that was in the state."""
    rounds, returncode = 0, -9
    while returncode == -9:
        folder = tmp_path / str(rounds)
        old_state(folder)
        done = without_roots_rights(KILLED + MIGRATE, folder, str(rounds))
        returncode = done.returncode
        assert returncode in {-9, 0}, done.stderr
        connect(
            folder, migrations=(*MIGRATIONS, *(f"CREATE TABLE IF NOT EXISTS t{number} (n)" for number in range(4)))
        ).close()
        assert version_of(folder / DATABASE) == LATEST + 4
        assert read(folder / DATABASE, "SELECT name FROM people") == [("Ada",)]
        rounds += 6
    assert rounds > 10


def test_dates_found_by_older_versions_are_kept(tmp_path: Path) -> None:
    """They say nothing of where their zones came from, and of no sidecar: the next look at them does."""
    with contextlib.closing(connect(tmp_path, migrations=MIGRATIONS[:2])) as db:
        db.execute("INSERT INTO roots (path) VALUES (x'2f61')")
        db.execute(
            "INSERT INTO photos (root_id, path, size, mtime_ns, ctime_ns, inode, device, state, date_value,"
            " date_precision, date_source, date_confidence, date_zone, date_problem)"
            " VALUES (1, x'62', 1, 2, 3, 4, 5, 'done', '2019-08-17T12:34:56', 'second', 'takeout', 0.9, '+02:00', '')"
        )
    with Store(tmp_path) as store:
        (photo,) = store.dates.dated()
    assert photo.date is not None
    assert (photo.date.zone, photo.date.zone_source, photo.beside) == ("+02:00", ZoneSource.NONE, b"")


def test_the_manifest_knows_its_folders_by_their_owners(tmp_path: Path) -> None:
    """What was written into the tree by older versions is still known as ours."""
    with contextlib.closing(connect(tmp_path, migrations=MIGRATIONS[:2])) as db:
        db.execute("INSERT INTO people (person_id, name) VALUES (7, 'Ada')")
        db.execute("INSERT INTO tree_folders (folder_id, person_id, name) VALUES (1, 7, x'41'), (2, NULL, x'5f')")
        db.execute("INSERT INTO tree_entries VALUES (1, x'61', 3, x'2e', x''), (2, x'62', 4, x'2e', x'')")
    with Store(tmp_path) as store:
        assert [(folder.owner, len(folder.entries)) for folder in store.manifest.folders()] == [
            (7, 1),
            (Pool.UNKNOWN, 1),
        ]
        store.manifest.removed(7)
    assert read(tmp_path / DATABASE, "SELECT count(*) FROM tree_entries") == [(1,)]


@pytest.mark.parametrize("is_read", [False, True], ids=["alone", "read by somebody"])
def test_an_old_state_gets_larger_pages_where_it_can(tmp_path: Path, *, is_read: bool) -> None:
    """With the next migration; a state that a command reads at that moment stays as it is, and works."""
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE, isolation_level=None)) as db:
        db.execute("PRAGMA page_size = 4096")
        db.execute("PRAGMA journal_mode = WAL")
        for number, script in enumerate(MIGRATIONS[:-1], start=1):
            db.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")
        db.execute("INSERT INTO people (name) VALUES ('Ada')")
    with contextlib.closing(sqlite3.connect(tmp_path / DATABASE)) as reader:
        if is_read:
            reader.execute("SELECT name FROM people").fetchall()
        connect(tmp_path).close()
    file = tmp_path / DATABASE
    assert version_of(file) == LATEST
    assert read(file, "SELECT name FROM people") == [("Ada",)]
    assert read(file, "PRAGMA page_size") == [(4096 if is_read else PAGE_BYTES,)]
    assert read(file, "PRAGMA journal_mode") == [("wal",)]
    assert read(file, "PRAGMA integrity_check") == [("ok",)]
    assert copies(tmp_path) == [f"{DATABASE}.v{LATEST - 1}.bak"]


def test_an_embedding_of_512_numbers_takes_half_a_page_less(tmp_path: Path) -> None:
    """2.3 KB, of which 2 are the numbers; in pages of 4 KiB each took one."""
    Store(tmp_path).close()
    file, count = tmp_path / DATABASE, 2000
    empty = file.stat().st_size
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        rows = ((number, "model", bytes(2048)) for number in range(count))
        db.executemany("INSERT INTO embeddings (face_id, model_id, vector) VALUES (?, ?, ?)", rows)
    assert (file.stat().st_size - empty) / count < 2400


def test_a_new_state_has_large_pages(tmp_path: Path) -> None:
    Store(tmp_path).close()
    assert read(tmp_path / DATABASE, "PRAGMA page_size") == [(PAGE_BYTES,)]


def test_the_medoids_of_an_old_state_are_followed_by_no_trigger(tmp_path: Path) -> None:
    """Older versions wrote down every change of a medoid. The medoids stay, and that goes."""
    version = next(at for at, script in enumerate(MIGRATIONS) if "DROP TABLE gallery_changes" in script)
    with contextlib.closing(connect(tmp_path, migrations=MIGRATIONS[:version])) as db:
        db.execute("INSERT INTO roots (path) VALUES (x'2f61')")
        db.execute(
            "INSERT INTO photos (root_id, path, size, mtime_ns, ctime_ns, inode, device, state)"
            " VALUES (1, x'62', 1, 2, 3, 4, 5, 'done')"
        )
        db.execute("INSERT INTO people (name) VALUES ('Ada')")
        db.execute(
            "INSERT INTO faces (photo_id, x, y, w, h, landmarks, score, quality, sharpness, poor, person_id)"
            " VALUES (1, 0, 0, 1, 1, x'', 1, 1, 1, '', 1)"
        )
        db.execute("INSERT INTO medoids VALUES (1, 1)")
        assert db.execute("SELECT count(*) FROM gallery_changes").fetchone() == (1,)
    with Store(tmp_path) as store:
        assert store.medoids.of(1) == [1]
        store.medoids.replace(1, [])
        assert store.medoids.of(1) == []
    assert read(tmp_path / DATABASE, "SELECT name FROM sqlite_master WHERE name LIKE 'gallery%'") == []
