"""
Downloading a pack, with pinned hashes and time limits. Either the whole pack comes into place, or nothing.

insightface's own download is not used: it checks no hash, has no time limit, unpacks in place, and takes any directory of the
right name for the pack, even an incomplete one (requirement R26).
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import logging
import os
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from facewatchd.errors import ModelError
from facewatchd.faces.known import KnownFile, KnownPack
from facewatchd.faces.sessions import first_line
from facewatchd.faces.unpack import unpack

log = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]
"""Called with the number of bytes that arrived and their total, None if the server does not say."""

_PIECE = 1 << 18
_TEMPORARY = ".facewatchd-fetch-"


@dataclass(frozen=True, slots=True)
class Limits:
    """
    When a download is stopped.

    Attributes:
        silence_s: Longest wait for the first answer of the server and for each further one, seconds.
        overall_s: Longest time for the whole download, seconds.
        archive_bytes: Largest archive.
        unpacked_bytes: Largest sum of the unpacked files.
    """

    silence_s: float = 10
    overall_s: float = 3600
    archive_bytes: int = 1 << 30
    unpacked_bytes: int = 2 << 30


DEFAULT_LIMITS = Limits()


def fetch_pack(
    pack: KnownPack, models_root: Path, progress: Progress | None = None, limits: Limits = DEFAULT_LIMITS
) -> Path:
    """
    Make sure that a pack is in its place: download it if it is not.

    Args:
        pack: Which, from where, and with which hashes.
        models_root: `models.root`; the pack comes to `models/NAME` below it.
        progress: Called with the progress of the download.
        limits: When to stop.

    Returns:
        The pack's directory.

    Raises:
        ModelError: The pack cannot be fetched. Everything is as before.
    """
    target = models_root / "models" / pack.name
    if is_complete(pack, models_root):
        return target
    with _folder(target.parent, pack):
        if _occupied(target):
            raise ModelError(
                f"The face models {pack.name} cannot be fetched",
                "Their folder holds something else, or is incomplete or damaged: move it away, then run "
                f"`facewatchd models fetch {pack.name}` again.",
                target,
            )
        with _workshop(target.parent, pack, limits) as workshop:
            archive = workshop / "archive.zip"
            _download(pack, archive, progress, limits)
            unpacked = workshop / pack.name
            unpack(pack, archive, unpacked, limits.unpacked_bytes)
            try:
                os.rename(unpacked, target)  # an empty directory is replaced; another one is not, and makes this fail
            except OSError:
                if not is_complete(pack, models_root):  # if it is, another process was faster
                    raise
    log.info("fetched the face models %s", pack.name)
    return target


def is_complete(pack: KnownPack, models_root: Path) -> bool:
    """Whether the pack's detector and recogniser are installed, with the right hashes."""
    directory = models_root / "models" / pack.name
    return all(_has(directory, file) for file in (pack.detection, pack.recognition))


def _has(directory: Path, wanted: KnownFile) -> bool:
    try:
        with (directory / wanted.name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == wanted.sha256
    except OSError:
        return False


def _occupied(place: Path) -> bool:
    """Whether something is there. An empty directory counts as nothing."""
    if os.path.isdir(place) and not os.path.islink(place):
        return bool(os.listdir(place))
    return os.path.lexists(place)


@contextlib.contextmanager
def _folder(directory: Path, pack: KnownPack) -> Iterator[None]:
    """The directory exists within this context. If the fetch fails and the directory was made for it, it is removed."""
    made = [each for each in (directory, *directory.parents) if not os.path.lexists(each)]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        for each in made:
            with contextlib.suppress(OSError):
                os.rmdir(each)
        if isinstance(error, OSError):
            raise _disk_error(pack, error, directory) from error
        raise


@contextlib.contextmanager
def _workshop(parent: Path, pack: KnownPack, limits: Limits) -> Iterator[Path]:
    """A directory beside the target, on the same disk, and gone afterwards."""
    for left in parent.glob(f"{_TEMPORARY}*"):
        # left by a process that was killed: the folder of a running one is not this old
        with contextlib.suppress(OSError):
            if time.time() - left.lstat().st_mtime > 2 * limits.overall_s:
                shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=f"{_TEMPORARY}{pack.name}-", dir=parent) as path:
        yield Path(path)


def _download(pack: KnownPack, into: Path, progress: Progress | None, limits: Limits) -> None:
    deadline = time.monotonic() + limits.overall_s
    digest = hashlib.sha256()
    done = 0
    with into.open("wb") as file, _opened(pack, limits) as response:
        total = pack.size or _length(response)
        while piece := _next_piece(pack, response):
            done += len(piece)
            if done > (pack.size or limits.archive_bytes):
                raise _network_error(pack, "the server sends more than the archive has")
            if time.monotonic() > deadline:
                raise _network_error(pack, f"it took longer than {limits.overall_s:g} s")
            digest.update(piece)
            file.write(piece)
            if progress is not None:
                progress(done, total)
    if total is not None and done < total:
        raise _network_error(pack, f"the connection ended after {done} of {total} bytes")
    if digest.hexdigest() != pack.sha256:
        raise ModelError(
            f"The face models {pack.name} cannot be fetched",
            f"{pack.url} sent another archive than the known one (its sha256 differs). It was deleted. Run `facewatchd "
            f"models fetch {pack.name}` from another network, or set models.pack to builtin.",
        )


def _opened(pack: KnownPack, limits: Limits) -> http.client.HTTPResponse:
    request = urllib.request.Request(pack.url, headers={"User-Agent": "facewatchd"})  # noqa: S310 - from our own table
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=limits.silence_s)  # noqa: S310
    except urllib.error.HTTPError as error:
        with error:
            raise _network_error(pack, f"the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _network_error(pack, _plain(error)) from error
    return response


def _next_piece(pack: KnownPack, response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read1(_PIECE)
    except (OSError, http.client.HTTPException) as error:
        raise _network_error(pack, _plain(error)) from error


def _length(response: http.client.HTTPResponse) -> int | None:
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _network_error(pack: KnownPack, why: str) -> ModelError:
    return ModelError(
        f"The face models {pack.name} cannot be downloaded",
        f"{pack.url}: {why}. Check the network and run `facewatchd models fetch {pack.name}`, or set models.pack to "
        "builtin.",
    )


def _disk_error(pack: KnownPack, error: OSError, path: Path) -> ModelError:
    # the archive, and what comes out of it
    room = f"about {3 * pack.size // 1_000_000} MB" if pack.size else "up to 1 GB"
    return ModelError(
        f"The face models {pack.name} cannot be stored",
        f"{error.strerror or error}. They need {room} while they are fetched; make room and check the rights, or set "
        "models.root to another folder.",
        path,
    )


def _plain(error: BaseException) -> str:
    """The reason why a connection failed, without the exceptions around it."""
    if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException):
        error = error.reason
    if isinstance(error, TimeoutError):
        return "the server does not answer"
    return (error.strerror if isinstance(error, OSError) else None) or first_line(error)
