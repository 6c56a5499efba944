"""
Breaks the writing of dates off at every step: run as a program, it forks a child for each, which dies or is told that the
disk is full there, and then looks at what is left. Prints one JSON document: how many steps, and what was wrong.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

from date_corpus import VALID, app1, corpus, dated, jpeg
from helpers import Archive, open_archive
from plain import PlainReader

from facewatchd.core.dates.plan import Mode
from facewatchd.core.dates.rules import DateRules
from facewatchd.domain import PhotoState, TakenPhoto
from facewatchd.operations.dates import date_text
from facewatchd.photos.metadata.content_hash import content_hash
from facewatchd.photos.metadata.orientation import stored_orientation
from facewatchd.photos.writing.sidecars import new_sidecar
from facewatchd.pipeline.dates.fix import fix
from facewatchd.pipeline.dates.look import DateSettings, look
from facewatchd.pipeline.dates.orders import Item, Shift, give_batch, plan_shift, select
from facewatchd.pipeline.dates.recovery import recover
from facewatchd.pipeline.dates.redate import look_again
from facewatchd.pipeline.dates.undo import undo
from facewatchd.store import Store

NOW = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
NAME = b"IMG_20190817_123456"
CALLS = ("pwrite", "fsync", "replace", "link", "unlink", "fchmod", "fchown", "utime", "setxattr")
FAULTS = ("kill before", "kill after", "kill amid", "disk full", "disk fails")
XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""/></rdf:RDF></x:xmpmeta>"""


def settings(mode: Mode = Mode.INPLACE) -> DateSettings:
    return DateSettings(mode, DateRules(), ZoneInfo("UTC"), write_date_only=False, checker=PlainReader(10))


def put(archive: Archive, path: bytes, data: bytes) -> int:
    """A photo on disk and taken in."""
    seen = archive.write(path, data)
    taken = TakenPhoto(seen, content_hash(data, stored_orientation(data)), 48, 32, None, ())
    with archive.store.transaction():
        return archive.store.photos.take(taken, "model")


def add(archive: Archive, path: bytes, data: bytes, by: DateSettings | None = None) -> int:
    """A photo on disk, taken in and dated."""
    photo_id = put(archive, path, data)
    photo = archive.store.dates.dated_photo(photo_id)
    assert photo is not None
    looked = look(photo.path, photo.seen, by or settings(), NOW)
    with archive.store.transaction():
        archive.store.photos.look_again(photo.seen, looked.finding, looked.beside)
    return photo_id


def fix_all(store: Store, mode: Mode = Mode.INPLACE) -> list[str]:
    return [fix(store, settings(mode), photo, NOW).act.value for photo in store.dates.dated()]


def undo_all(store: Store) -> list[str]:
    return [undo(store, settings(), write, NOW).act.value for write in store.date_journal.done()]


def give_all(store: Store) -> list[str]:
    """The order of a user, or what is left of it."""
    selected = select(store, settings(), [root.path for root in store.roots.all().values()], frozenset())
    wanted = plan_shift(store, settings(), selected, "shift", Shift(timedelta(days=1)), NOW, lambda _done, _all: None)[
        0
    ]
    items = [
        Item(each.photo.path, date_text(each.photo.date), each.had, each.new)
        for each in wanted
        if each.photo.date is not None and each.new is not None and not each.is_done
    ]
    batch = give_batch(store, settings(), "shift", items, date_text, is_shift=True, ends=False)
    return [act for act, count in batch.counts.items() for _ in range(count)]


def inject(number: int, fault: str) -> Callable[[], int]:
    """The `number`-th call of those that write meets a fault; returns what counts them."""
    count = 0

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **more: Any) -> Any:
            nonlocal count
            count += 1
            if count != number:
                return real(*arguments, **more)
            if fault == "kill before":
                die()
            if fault == "kill amid" and name == "pwrite":
                handle, content, at = arguments
                real(handle, content[: len(content) // 2], at)
                die()
            if fault in {"disk full", "disk fails"}:
                code = errno.ENOSPC if fault == "disk full" else errno.EIO
                raise OSError(code, os.strerror(code))
            real(*arguments, **more)
            die()

        return wrapped

    for name in CALLS:
        setattr(os, name, wrap(name, getattr(os, name)))
    return lambda: count


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def forked(work: Callable[[], None]) -> None:
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - a forked child must never return into the parent's code
            sys.stderr.write(f"{error!r}\n")
            os._exit(1)
        os._exit(0)
    os.waitpid(child, 0)


def files(archive: Archive) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((archive.folder / "Photos").iterdir())}


def break_off(base: Path, folder: Path, kind: str, step: int, fault: str, wanted: tuple[Any, Any]) -> tuple[bool, str]:
    """One trial: whether the step exists, and what is wrong afterwards."""
    shutil.copytree(base, folder)
    mode = Mode.SIDECAR if kind.startswith("sidecar") else Mode.INPLACE
    marker = folder / "reached"

    def work() -> None:
        with Store(folder / "state") as store:
            adopt(folder, store)
            calls = inject(step, fault)
            if kind.endswith("undone"):
                undo_all(store)
            elif kind.startswith("given"):
                give_all(store)
            else:
                fix_all(store, mode)
            if calls() < step:
                marker.touch()

    forked(work)
    if marker.exists():
        return False, ""
    archive = open_archive(folder)
    with archive.store as store:
        old, new = wanted
        is_given = kind.startswith("given")
        right = (old, new)
        if is_given:
            # a photo and its sidecar are written one after the other, and taken back in the other order, if that can be
            right += tuple(
                {**one, **{name: other[name] for name in other if name.endswith(".xmp")}}
                for one, other in ((old, new), (new, old))
            )
        content = {name: data for name, data in files(archive).items() if not name.startswith(".facewatchd-date-")}
        if fault != "kill amid" and content not in right:
            return True, "neither the old nor the new file right afterwards"
        recover(store)
        content = files(archive)
        if content not in right:
            return True, f"neither the old nor the new file after recovery: {sorted(content)}"
        if store.date_journal.under_way():
            return True, "the journal does not know"
        done = bool(store.date_journal.done())
        if done is not (content in right[1:]) and not kind.endswith("undone"):
            return True, "the journal says otherwise"
        if any(not _is_known(archive, photo.path) for photo in store.dates.dated()) and fault.startswith("kill"):
            # the scanner would take it in again, which does no harm, but only before the recovery
            return True, "the state does not know the file"
        if is_given and not kind.endswith("undone"):
            # the same command goes on; nothing is shifted twice, whatever was found out meanwhile
            for photo in store.dates.dated():
                look_again(store, settings(), photo, NOW)
            give_all(store)
        else:
            fix_all(store, mode)
        if files(archive) != new and not kind.endswith("undone"):
            return True, "it cannot be fixed afterwards"
        undo_all(store)
        if files(archive) != old:
            return True, "it cannot be undone afterwards"
    return True, ""


def adopt(folder: Path, store: Store) -> None:
    """A copied archive: its root and its files' inodes are others."""
    archive_root = os.path.realpath(os.fsencode(folder / "Photos"))
    store._db.execute("UPDATE roots SET path = ?", (archive_root,))
    for photo in store.dates.dated():
        found = os.lstat(archive_root + b"/" + photo.seen.path)
        store._db.execute(
            "UPDATE photos SET inode = ?, mtime_ns = ?, ctime_ns = ?, device = ? WHERE photo_id = ?",
            (found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_dev, photo.photo_id),
        )


def _is_known(archive: Archive, path: bytes) -> bool:
    seen = archive.seen(os.path.basename(path))
    known = archive.store.photos.find(seen.root_id, seen.path)
    return known is not None and known.state is PhotoState.DONE and known.is_up_to_date(seen.stat)


def prepare(folder: Path, kind: str) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """An archive of one photo, and what is in its folder before and after the date is written."""
    archive = open_archive(folder)
    with archive.store as store:
        name = {"patch": "Canon's MakerNote, little-endian", "exif": "JFIF only"}.get(
            kind.split(maxsplit=1)[0], "JFIF only"
        )
        if kind.startswith("given"):
            (folder / "Photos" / (NAME.decode() + ".jpg.xmp")).write_bytes(new_sidecar("2012-02-02T02:02:02"))
            add(archive, NAME + b".jpg", jpeg(app1(dated(VALID))))
            old = files(archive)
            assert give_all(store) == ["set"]
            new = files(archive)
            assert len({*old.values(), *new.values()}) == 4
            if not kind.endswith("undone"):
                undo_all(store)
                store._db.execute("DELETE FROM date_writes")
                store._db.execute("DELETE FROM date_orders")
            return old, new
        put(archive, NAME + b".jpg", corpus()[name].data)
        if kind.startswith("sidecar merged"):
            (folder / "Photos" / (NAME.decode() + ".jpg.xmp")).write_bytes(XMP)
        old = files(archive)
        done = fix_all(store, Mode.SIDECAR if kind.startswith("sidecar") else Mode.INPLACE)
        assert done == [kind.split(maxsplit=1)[0]], done
        new = files(archive)
        if not kind.endswith("undone"):
            undo_all(store)
            store._db.execute("DELETE FROM date_writes")
        assert old != new
    return old, new


def main() -> None:
    top = Path(sys.argv[1])
    steps, wrong = 0, []
    for kind in sys.argv[2:]:
        base = top / kind.replace(" ", "-")
        wanted = prepare(base, kind)
        for fault in FAULTS:
            step = 1
            while step < 50:
                folder = top / f"{kind}-{fault}-{step}".replace(" ", "-")
                reached, problem = break_off(base, folder, kind, step, fault, wanted)
                shutil.rmtree(folder)
                if not reached:
                    break
                if problem:
                    wrong.append(f"{kind}, {fault} at step {step}: {problem}")
                steps += 1
                step += 1
    print(json.dumps({"steps": steps, "wrong": wrong}))


if __name__ == "__main__":
    main()
