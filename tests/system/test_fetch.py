"""
Fetching a pack from a real server on this machine: what arrives, and that every failure leaves everything as before.
"""

from __future__ import annotations

import hashlib
import io
import os
import resource
import signal
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from facewatchd.errors import ModelError
from facewatchd.faces.fetch import Limits, fetch_pack
from facewatchd.faces.known import KnownFile, KnownPack
from facewatchd.faces.packs import resolve_auto

MODELS = {"det.onnx": b"a detector" * 50_000, "rec.onnx": b"a recogniser" * 50_000, "age.onnx": b"not needed, but kept"}

Answer = Callable[[BaseHTTPRequestHandler], None]


def zipped(members: dict[str, bytes]) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return memory.getvalue()


ARCHIVE = zipped({**MODELS, "README.txt": b"not a model"})


def pack_of(archive: bytes, url: str, size: int | None = None) -> KnownPack:
    def file(name: str) -> KnownFile:
        return KnownFile(name, hashlib.sha256(MODELS[name]).hexdigest())

    return KnownPack("mine", url, hashlib.sha256(archive).hexdigest(), size, file("det.onnx"), file("rec.onnx"))


def sends(data: bytes, claimed: int | None = None) -> Answer:
    """An answer; `claimed` is the length that it announces, where that is not the true one."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(data) if claimed is None else claimed))
        request.end_headers()
        request.wfile.write(data)

    return answer


@contextmanager
def served(answer: Answer) -> Iterator[str]:
    """A server on loopback that answers every request so. Yields the address of the archive."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # the client has had enough
                answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/mine.zip"
        finally:
            server.shutdown()
            thread.join()


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder: contents of files, None for folders."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "insightface"


def assert_refused(pack: KnownPack, root: Path, message: str, limits: Limits = Limits(silence_s=5)) -> str:  # noqa: B008 - frozen
    """The fetch fails with one line that says what to do, and nothing has changed."""
    above = root.parent
    before = tree(above)
    with pytest.raises(ModelError, match=message) as caught:
        fetch_pack(pack, root, limits=limits)
    said = str(caught.value)
    assert "\n" not in said
    assert "mine" in said
    assert any(advice in said for advice in ("`facewatchd models fetch mine`", "et models.pack to", "make room"))
    assert tree(above) == before
    return said


def test_every_model_of_the_archive_arrives_and_progress_is_told(root: Path) -> None:
    told: list[tuple[int, int | None]] = []
    with served(sends(ARCHIVE)) as url:
        directory = fetch_pack(pack_of(ARCHIVE, url), root, lambda done, total: told.append((done, total)))
    assert directory == root / "models" / "mine"
    assert tree(directory) == MODELS
    assert os.listdir(root / "models") == ["mine"]
    assert told[-1] == (len(ARCHIVE), len(ARCHIVE))
    assert told == sorted(told)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o777 & ~mask


def test_a_pack_that_is_there_is_not_fetched_again(root: Path) -> None:
    with served(sends(ARCHIVE)) as url:
        pack = pack_of(ARCHIVE, url)
        fetch_pack(pack, root)
    assert fetch_pack(pack, root) == root / "models" / "mine"  # the server is gone


def test_an_archive_with_a_folder_in_it_is_flattened(root: Path) -> None:
    nested = zipped({f"mine/{name}": data for name, data in MODELS.items()})
    with served(sends(nested)) as url:
        assert tree(fetch_pack(pack_of(nested, url), root)) == MODELS


def test_an_empty_folder_in_the_packs_place_is_filled(root: Path) -> None:
    (root / "models" / "mine").mkdir(parents=True)
    with served(sends(ARCHIVE)) as url:
        assert tree(fetch_pack(pack_of(ARCHIVE, url), root)) == MODELS


@pytest.mark.parametrize("kind", ["nested", "half", "damaged", "file", "broken link"])
def test_anything_else_in_the_packs_place_is_left_alone(root: Path, kind: str) -> None:
    place = root / "models" / "mine"
    place.parent.mkdir(parents=True)
    if kind == "file":
        place.write_bytes(b"something")
    elif kind == "broken link":
        place.symlink_to("nowhere")
    else:
        folder = place / "mine" if kind == "nested" else place
        folder.mkdir(parents=True)
        (folder / "det.onnx").write_bytes(MODELS["det.onnx"])
        if kind != "half":
            (folder / "rec.onnx").write_bytes(MODELS["rec.onnx"] if kind == "nested" else b"damaged")
    with served(sends(ARCHIVE)) as url:
        said = assert_refused(
            pack_of(ARCHIVE, url), root, "move it away, then run `facewatchd models fetch mine` again"
        )
    assert str(place) in said


def test_no_server_at_all(root: Path) -> None:
    assert_refused(pack_of(ARCHIVE, "http://127.0.0.1:1/mine.zip"), root, "Connection refused. Check the network")


def test_an_address_that_is_none(root: Path) -> None:
    assert_refused(pack_of(ARCHIVE, "http://127.0.0.1:port/mine.zip"), root, "cannot be downloaded")


def test_not_found(root: Path) -> None:
    with served(lambda request: request.send_error(404)) as url:
        assert_refused(pack_of(ARCHIVE, url), root, "the server answers 404 Not Found")


def test_something_that_does_not_speak_http(root: Path) -> None:
    def greets(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(b"SSH-2.0-hello\r\n\r\n")

    with served(greets) as url:
        assert_refused(pack_of(ARCHIVE, url), root, "cannot be downloaded")


@pytest.mark.parametrize("pinned", [True, False], ids=["size known", "size announced"])
def test_a_connection_that_ends_early(root: Path, pinned: bool) -> None:
    with served(sends(ARCHIVE[:-9000], claimed=len(ARCHIVE))) as url:
        pack = pack_of(ARCHIVE, url, len(ARCHIVE) if pinned else None)
        assert_refused(pack, root, f"the connection ended after {len(ARCHIVE) - 9000} of {len(ARCHIVE)} bytes")


def test_more_than_the_archive_has(root: Path) -> None:
    with served(sends(ARCHIVE + b"more")) as url:
        assert_refused(pack_of(ARCHIVE, url, len(ARCHIVE)), root, "sends more than the archive has")
        limits = Limits(archive_bytes=100_000)
        assert_refused(pack_of(ARCHIVE, url), root, "sends more than the archive has", limits)


def test_another_archive(root: Path) -> None:
    other = bytearray(ARCHIVE)
    other[1000] ^= 1
    with served(sends(bytes(other))) as url:
        assert_refused(pack_of(ARCHIVE, url), root, "its sha256 differs")


def test_a_server_that_falls_silent(root: Path) -> None:
    done = threading.Event()

    def stalls(request: BaseHTTPRequestHandler) -> None:
        sends(ARCHIVE[:1000], claimed=len(ARCHIVE))(request)
        done.wait(20)

    with served(stalls) as url:
        assert_refused(pack_of(ARCHIVE, url), root, "the server does not answer", Limits(silence_s=0.2))
        done.set()


def test_a_server_that_dawdles(root: Path) -> None:
    """Never silent for long, never done: the overall limit ends it."""
    done = threading.Event()

    def drips(request: BaseHTTPRequestHandler) -> None:
        sends(b"", claimed=len(ARCHIVE))(request)
        for at in range(2000):
            request.wfile.write(ARCHIVE[at : at + 1])
            if done.wait(0.01):
                return

    with served(drips) as url:
        assert_refused(pack_of(ARCHIVE, url), root, "it took longer than 0.1 s", Limits(silence_s=5, overall_s=0.1))
        done.set()


def linked() -> bytes:
    """A symbolic link as a member."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        member = zipfile.ZipInfo("det.onnx")
        member.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(member, "/etc/passwd")
    return memory.getvalue()


def locked() -> bytes:
    """The first member claims to be encrypted."""
    data = bytearray(zipped(MODELS))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def rotten() -> bytes:
    """A member whose checksum does not fit."""
    data = bytearray(zipped(MODELS))
    data[500] ^= 1
    return bytes(data)


@pytest.mark.parametrize(
    ("archive", "message"),
    [
        (b"this is no zip file", "File is not a zip file"),
        (ARCHIVE[: len(ARCHIVE) // 2], "File is not a zip file"),
        (rotten(), "Bad CRC-32"),
        (locked(), "encrypted"),
        (linked(), "unexpected member: 'det.onnx'"),
        (zipped({}), "there is no model in it"),
        (zipped({"README.txt": b"hello", "folder/": b""}), "there is no model in it"),
        (zipped({"det.onnx": MODELS["det.onnx"]}), "rec.onnx is not in it"),
        (zipped({**MODELS, "rec.onnx": b"another"}), "rec.onnx has another sha256"),
        (zipped({**MODELS, "old/rec.onnx": b"another"}), "it has rec.onnx twice"),
        (zipped({**MODELS, "../../evil.onnx": b"!"}), "unexpected member: '../../evil.onnx'"),
        (zipped({**MODELS, "/tmp/evil.onnx": b"!"}), "unexpected member: '/tmp/evil.onnx'"),
        (zipped({**MODELS, "..\\evil.onnx": b"!"}), "unexpected member"),
        (zipped({**MODELS, **{f"{at}.txt": b"" for at in range(200)}}), "larger than any pack"),
    ],
    ids=[
        *("no zip", "cut", "rotten", "locked", "link", "empty", "no models", "incomplete", "other file", "twice"),
        *("traversal", "absolute", "backslash", "many"),
    ],
)
def test_an_archive_that_cannot_be_used(root: Path, archive: bytes, message: str) -> None:
    """Even with the right hash: the table could be wrong."""
    with served(sends(archive)) as url:
        assert_refused(pack_of(archive, url), root, message)


def test_an_archive_that_unpacks_to_more_than_any_pack(root: Path) -> None:
    with served(sends(ARCHIVE)) as url:
        assert_refused(pack_of(ARCHIVE, url), root, "larger than any pack", Limits(unpacked_bytes=1000))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """No file may grow beyond this, as on a full disk; the signal that comes with it is ignored, as Python does."""
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_is_too_small(root: Path) -> None:
    with served(sends(ARCHIVE)) as url, largest_file(300_000):
        assert_refused(pack_of(ARCHIVE, url), root, "cannot be stored .*File too large.* make room")


def test_a_root_that_cannot_be_made(root: Path) -> None:
    root.write_text("a file")
    assert_refused(
        pack_of(ARCHIVE, "http://127.0.0.1:1/"), root, "cannot be stored .*set models.root to another folder"
    )


def test_what_a_killed_process_left_is_swept_away_when_it_is_old(root: Path) -> None:
    old, young = (root / "models" / f".facewatchd-fetch-mine-{age}" for age in ("old", "young"))
    for left in (old, young):
        left.mkdir(parents=True)
        (left / "archive.zip").write_bytes(b"half")
    os.utime(old, (0, 0))
    with served(sends(ARCHIVE)) as url:
        fetch_pack(pack_of(ARCHIVE, url), root)
    assert sorted(os.listdir(root / "models")) == [young.name, "mine"]


def test_two_at_once_both_succeed(root: Path) -> None:
    """The one that comes second finds the pack in its place."""
    both = threading.Barrier(2)

    def waits(request: BaseHTTPRequestHandler) -> None:
        both.wait(10)
        sends(ARCHIVE)(request)

    with served(waits) as url:
        pack = pack_of(ARCHIVE, url)
        found: list[Path] = []
        threads = [threading.Thread(target=lambda: found.append(fetch_pack(pack, root))) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [root / "models" / "mine"] * 2
    assert os.listdir(root / "models") == ["mine"]


def test_auto_downloads_where_nothing_is_installed(root: Path) -> None:
    with served(sends(ARCHIVE)) as url:
        choice = resolve_auto(None, root, pack_of(ARCHIVE, url))
    assert (choice.pack, choice.reason) == ("mine", "mine was downloaded.")
