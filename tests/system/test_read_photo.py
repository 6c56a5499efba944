"""
Reading a photo from disk: once, only the file that was seen, and with a clear word where that cannot be.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import numpy as np
import piexif
import pytest
from PIL import Image as PillowImage
from plain import read_photo

from facewatchd.core.dates.evidence import date_of
from facewatchd.domain import DateSource, FileStat
from facewatchd.errors import PhotoBusyError, PhotoError
from facewatchd.photos.decoding import read
from facewatchd.photos.decoding.read import read_settled
from facewatchd.photos.metadata.content_hash import content_hash

NOW = 1_767_225_600.0
CAP = 250.0


def _jpeg(seed: int = 0, stamp: str = "2019:08:17 12:34:56") -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (32, 48, 3), np.uint8)
    target = io.BytesIO()
    exif: bytes = piexif.dump({"Exif": {piexif.ExifIFD.DateTimeOriginal: stamp}})
    PillowImage.fromarray(noise).save(target, "JPEG", exif=exif)
    return target.getvalue()


def _seen(path: Path) -> FileStat:
    return FileStat.of(os.lstat(path))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "IMG_1.jpg"
    path.write_bytes(_jpeg())
    return path


def test_a_photo_is_read_with_all_that_speaks_of_its_date(photo: Path) -> None:
    """Pixels, fingerprint, tags, sidecar and Takeout in one go."""
    (photo.parent / "IMG_1.jpg.xmp").write_bytes(
        b'<a xmlns:e="http://ns.adobe.com/exif/1.0/" e:DateTimeOriginal="1987-06-05"/>'
    )
    (photo.parent / "IMG_1.jpg.json").write_bytes(b'{"title":"IMG_1.jpg","photoTakenTime":{"timestamp":"1566045296"}}')
    found = read_photo(os.fsencode(photo), _seen(photo), CAP)
    assert found.decoded is not None
    assert found.decoded.image.shape == (32, 48, 3)
    assert found.content_hash == content_hash(_jpeg())
    assert found.tags.original == "2019:08:17 12:34:56"
    assert found.sidecar is not None
    assert found.sidecar.original == "1987-06-05"
    assert found.takeout is not None
    assert found.takeout.taken == 1566045296
    finding = date_of(found.evidence(b"2019/IMG_1.jpg"), NOW, None)
    assert (finding.source, str(finding.value)) == (DateSource.XMP, "1987-06-05 00:00:00")


def test_a_retagged_photo_has_the_same_fingerprint(photo: Path) -> None:
    """And its new date."""
    before = read_photo(os.fsencode(photo), _seen(photo), CAP)
    photo.write_bytes(_jpeg(stamp="1987:06:05 04:03:02"))
    after = read_photo(os.fsencode(photo), _seen(photo), CAP)
    assert after.content_hash == before.content_hash
    assert after.tags.original == "1987:06:05 04:03:02"


def test_a_name_that_is_no_text_is_read(tmp_path: Path) -> None:
    """Paths are bytes (R9)."""
    path = os.fsencode(tmp_path) + b"/caf\xe9\n.jpg"
    with open(path, "wb") as file:
        file.write(_jpeg())
    read_photo(path, FileStat.of(os.lstat(path)), CAP)
    with open(path, "wb") as file:
        file.write(b"no photo")
    with pytest.raises(PhotoError) as caught:
        read_photo(path, FileStat.of(os.lstat(path)), CAP)
    assert caught.value.path == path
    str(caught.value).encode("utf-8")


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(_jpeg(1))
    os.replace(other, path)


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _rewrite(path: Path) -> None:
    """Same length, same inode; only the mtime tells."""
    before = path.stat()
    path.write_bytes(path.read_bytes())
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def _truncate(path: Path) -> None:
    os.truncate(path, 600)


def _swap_for_a_link(path: Path) -> None:
    moved = path.with_name("moved.jpg")
    os.replace(path, moved)
    path.symlink_to(moved)


CHANGES: list[Callable[[Path], None]] = [_replace, _append, _rewrite, _truncate, Path.unlink, _swap_for_a_link]
NAMES = ["replaced", "appended", "rewritten", "truncated", "deleted", "swapped for a link"]


@contextmanager
def _during_the_first_read(act: Callable[[], None]) -> Iterator[None]:
    """Acts once, right behind the first `os.read` of `read.py`: between a real first and a real second read."""
    done: list[bool] = []

    def watch(frame: FrameType, event: str, arg: object) -> None:
        if event == "c_return" and arg is os.read and frame.f_code.co_filename == read.__file__ and not done:
            done.append(True)
            act()

    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(None)
    assert done


@pytest.mark.parametrize("change", CHANGES[:4], ids=NAMES[:4])
def test_a_photo_that_changed_since_it_was_seen_is_left_for_later(photo: Path, change: Callable[[Path], None]) -> None:
    """What the watcher waited for to settle is not what lies there now."""
    seen = _seen(photo)
    change(photo)
    with pytest.raises(PhotoBusyError, match="being changed"):
        read_photo(os.fsencode(photo), seen, CAP)


@pytest.mark.parametrize("change", CHANGES, ids=NAMES)
def test_a_photo_that_changes_while_it_is_read_is_left_for_later(photo: Path, change: Callable[[Path], None]) -> None:
    """Half of the old and half of the new file is neither."""
    seen = _seen(photo)
    with _during_the_first_read(lambda: change(photo)), pytest.raises(PhotoBusyError):
        read_settled(os.fsencode(photo), seen)


def test_new_rights_or_another_name_are_no_change(photo: Path) -> None:
    """They change the inode's own time only."""
    seen = _seen(photo)
    photo.chmod(0o600)
    os.link(photo, photo.with_name("second.jpg"))
    read_photo(os.fsencode(photo), seen, CAP)


def test_a_photo_that_is_gone_may_come_back(photo: Path) -> None:
    """Itself, or its folder."""
    seen = _seen(photo)
    with pytest.raises(PhotoBusyError, match="gone"):
        read_photo(os.fsencode(photo / "below.jpg"), seen, CAP)
    photo.unlink()
    with pytest.raises(PhotoBusyError, match="gone"):
        read_photo(os.fsencode(photo), seen, CAP)


def test_links_are_not_followed(photo: Path) -> None:
    """A link may lead out of the root, or to a device."""
    link = photo.with_name("link.jpg")
    link.symlink_to(photo)
    with pytest.raises(PhotoError, match="symbolic link") as caught:
        read_photo(os.fsencode(link), _seen(photo), CAP)
    assert not isinstance(caught.value, PhotoBusyError)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["a pipe", "a folder"])
def test_nothing_but_a_regular_file_is_read(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A pipe without a writer would wait for ever."""
    path = tmp_path / "a.jpg"
    make(path)
    with pytest.raises(PhotoError, match="no regular file"):
        read_photo(os.fsencode(path), _seen(path), CAP)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_forbidden_photo_says_what_to_do(photo: Path) -> None:
    """Waiting does not help."""
    photo.chmod(0)
    with pytest.raises(PhotoError, match="Permission is denied") as caught:
        read_photo(os.fsencode(photo), _seen(photo), CAP)
    assert not isinstance(caught.value, PhotoBusyError)


ERRORS = {
    errno.EACCES: (PhotoError, "Permission is denied"),
    errno.EPERM: (PhotoError, "Permission is denied"),
    errno.ELOOP: (PhotoError, "symbolic link"),
    errno.ENOENT: (PhotoBusyError, "gone"),
    errno.ESTALE: (PhotoBusyError, "gone"),
    errno.EIO: (PhotoBusyError, "check the disk"),
    errno.EMFILE: (PhotoBusyError, "tried again"),
    errno.ETIMEDOUT: (PhotoBusyError, "network"),
}


@pytest.mark.parametrize(("number", "wanted"), ERRORS.items(), ids=[errno.errorcode[number] for number in ERRORS])
def test_every_failure_of_the_disk_has_its_sentence(number: int, wanted: tuple[type[PhotoError], str]) -> None:
    """What may pass is tried again; what stays is said."""
    error = read._converted(OSError(number, os.strerror(number)), b"/a.jpg")
    assert type(error) is wanted[0]
    assert wanted[1] in error.message


def test_an_empty_file_and_a_giant_of_something_else_are_refused_by_their_beginning(tmp_path: Path) -> None:
    """A sparse film of 100 GB called .jpg costs 512 bytes of reading."""
    empty, giant, photo_like = tmp_path / "empty.jpg", tmp_path / "giant.jpg", tmp_path / "large.jpg"
    empty.write_bytes(b"")
    giant.write_bytes(b"\0\0\0\x18ftypmp42")
    photo_like.write_bytes(_jpeg())
    os.truncate(giant, 100 << 30)
    os.truncate(photo_like, 100 << 30)
    for path, words in ((empty, "empty"), (giant, "none of JPEG"), (photo_like, "GB")):
        with pytest.raises(PhotoError, match=words):
            read_photo(os.fsencode(path), _seen(path), CAP)


def test_no_handle_is_left_open(photo: Path) -> None:
    """Neither after success nor after any failure."""
    seen = _seen(photo)
    before = len(os.listdir("/proc/self/fd"))
    read_photo(os.fsencode(photo), seen, CAP)
    with pytest.raises(PhotoError):
        read_photo(os.fsencode(photo), seen, 0.0001)
    _append(photo)
    with pytest.raises(PhotoBusyError):
        read_photo(os.fsencode(photo), seen, CAP)
    assert len(os.listdir("/proc/self/fd")) == before
