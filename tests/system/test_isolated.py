"""`photos.decoding.isolated`: photos read in processes of their own, with real processes, real decoders and real crashes (R23)."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from bad_files import BAD_DECODER, NONSENSE, crashing, samples, saved
from msgspec.structs import replace as replace_in
from PIL import Image
from plain import PlainReader
from running import children, environment, is_alive, wait_until

from facewatchd.core.dates.evidence import Embedded, Sidecar, Tags
from facewatchd.domain import FileStat
from facewatchd.errors import PhotoBusyError, PhotoCrashError, PhotoError, PhotoRoomError, PhotoTroubleError
from facewatchd.photos.decoding import isolated
from facewatchd.photos.decoding.channel import Asked, Compared, Done, Failed, Pixels, pack, unpack
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import DecodeLimits, IsolatedReader
from facewatchd.photos.decoding.read import PhotoRead
from facewatchd.photos.formats import PhotoKind

pytest_plugins = "decoder_fixtures"

CHILD = "facewatchd.photos.decoding.child"
LIMITS = DecodeLimits(max_megapixels=30, seconds=20, memory=400 << 20)


@pytest.fixture
def reader(decoders: Decoders) -> Iterator[IsolatedReader]:
    made = IsolatedReader(decoders)
    yield made
    made.close()


def write(folder: Path, name: str, data: bytes) -> bytes:
    (folder / name).write_bytes(data)
    return os.fsencode(folder / name)


def read(reader: IsolatedReader, path: bytes, limits: DecodeLimits = LIMITS, enough: int | None = None) -> PhotoRead:
    return reader.within(limits).read(path, FileStat.of(os.lstat(path)), enough=enough)


# --- sound photos


@pytest.mark.parametrize("ending", samples())
def test_a_photo_is_read_as_it_would_be_here(reader: IsolatedReader, tmp_path: Path, ending: str) -> None:
    """Every format: the same pixels, hash and tags."""
    path = write(tmp_path, f"photo.{ending}", samples()[ending])
    there, here = read(reader, path), PlainReader(30).read(path, FileStat.of(os.lstat(path)))
    assert there.decoded is not None
    assert here.decoded is not None
    np.testing.assert_array_equal(there.decoded.image, here.decoded.image)
    assert (there.decoded.kind, there.decoded.width) == (here.decoded.kind, here.decoded.width)
    assert replace(there, decoded=None) == replace(here, decoded=None)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation(reader: IsolatedReader, tmp_path: Path, orientation: int) -> None:
    """Turned on its way into the shared memory, whole and reduced; the size is the upright photo's."""
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (5, 9, 3), np.uint8)).resize((510, 250))
    exif = picture.getexif()
    exif[274] = orientation
    path = write(tmp_path, "photo.jpg", saved(picture, "JPEG", exif=exif))
    here = PlainReader(30).read(path, FileStat.of(os.lstat(path))).decoded
    assert here is not None
    for enough, reduction in ((None, 1), (256, 1), (255, 2), (60, 8)):
        there = read(reader, path, enough=enough).decoded
        assert there is not None
        assert there.reduction == reduction
        assert (there.width, there.height) == (here.width, here.height)
        wanted = cv2.resize(here.image, there.image.shape[1::-1], interpolation=cv2.INTER_AREA)
        difference = float(np.abs(there.image.astype(int) - wanted).mean())
        assert difference < 8


def test_a_known_picture_is_not_decoded(reader: IsolatedReader, tmp_path: Path) -> None:
    """The daemon is asked before the decoder begins."""
    path = write(tmp_path, "photo.jpg", samples()["jpg"])
    first = read(reader, path)
    again = reader.within(LIMITS).read(path, FileStat.of(os.lstat(path)), known={first.content_hash})
    assert again.decoded is None
    assert again == replace(first, decoded=None)


def test_trouble_with_a_photo_is_told_as_here(reader: IsolatedReader, tmp_path: Path) -> None:
    """The same errors in the same words; what may pass by itself is told from what does not."""
    path = write(tmp_path, "photo.jpg", samples()["jpg"][:500])
    stat = FileStat.of(os.lstat(path))
    for there in (reader.within(LIMITS), PlainReader(30)):
        with pytest.raises(PhotoError, match=r"photo.jpg\): This JPEG is damaged or incomplete") as caught:
            there.read(path, stat)
        assert type(caught.value) is PhotoError
        with pytest.raises(PhotoBusyError, match="It is being changed"):
            there.read(path, replace(stat, size=400))


def test_a_daemon_that_is_gone_leaves_no_complaint() -> None:
    """It may end while it has a decoder buried: who would have said so has nobody to say it to, and ends as well."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pipe, its_pipe = socket.socketpair()
    with theirs, pipe, its_pipe:
        parent = subprocess.Popen(
            [sys.executable, "-P", "-m", CHILD, str(theirs.fileno())],
            pass_fds=(theirs.fileno(),),
            stderr=subprocess.PIPE,
        )
        theirs.close()
        with ours:
            socket.send_fds(ours, [b"start"], [its_pipe.fileno(), its_pipe.fileno()])
            number = int(ours.recv(64))
            ours.send(b"end %d" % number)
        _, said = parent.communicate(timeout=60)
    assert (parent.returncode, said) == (0, b"")
    assert not is_alive(number)


# --- photos that do harm


@pytest.mark.parametrize(
    ("way", "said", "slow"),
    [
        ("segfault", "crashed (segmentation fault)", False),
        ("abort", "crashed (it gave itself up)", False),
        ("leave", "ended with 3", False),
        ("spin", "took longer than ingest.max_seconds allows", True),
        ("sleep", "took longer than ingest.max_seconds allows", True),
    ],
)
def test_a_decoder_that_goes_wrong_costs_one_photo(
    reader: IsolatedReader, tmp_path: Path, way: str, said: str, slow: bool
) -> None:
    """The error says what happened and to which picture; the next photo is read by the next decoder."""
    path, sound = write(tmp_path, "bad.gif", crashing(way)), write(tmp_path, "good.gif", samples()["gif"])
    read(reader, sound)
    with pytest.raises(PhotoCrashError) as caught:
        read(reader, path, replace(LIMITS, seconds=0.5 if slow else 20))
    assert said in str(caught.value)
    assert caught.value.slow is slow
    assert caught.value.content_hash == PlainReader(30).read(path, FileStat.of(os.lstat(path))).content_hash
    assert read(reader, sound).decoded is not None


def test_a_decoder_gets_no_more_memory_than_it_may_have(reader: IsolatedReader, tmp_path: Path) -> None:
    """It is told so by the system, and goes on living; with more it succeeds."""
    with pytest.raises(PhotoRoomError, match=r"raise ingest\.max_memory"):
        read(reader, write(tmp_path, "gobble.gif", crashing("gobble")))
    large = write(tmp_path, "large.png", saved(Image.new("RGB", (6000, 5000)), "PNG"))
    with pytest.raises(PhotoRoomError):
        read(reader, large, replace(LIMITS, memory=10 << 20))
    assert read(reader, large).decoded is not None


@pytest.mark.parametrize("way", ["reach out", "run"])
def test_a_decoder_in_wrong_hands_reaches_nobody(reader: IsolatedReader, tmp_path: Path, way: str) -> None:
    """No network, no programs: the system refuses."""
    with pytest.raises(PhotoError, match="Operation not permitted"):
        read(reader, write(tmp_path, "bad.gif", crashing(way)))


@pytest.mark.parametrize("way", ["withhold", "lie", "ask on", "break off"])
def test_a_decoder_in_wrong_hands_holds_nobody_up(
    reader: IsolatedReader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Whatever it says or does not say: it costs one photo, and is replaced."""
    monkeypatch.setattr(isolated, "_GRACE_S", 0.5)
    path, sound = write(tmp_path, "bad.gif", crashing(way)), write(tmp_path, "good.gif", samples()["gif"])
    fresh = IsolatedReader(reader._decoders)
    with pytest.raises(PhotoCrashError):
        read(fresh, path, replace(LIMITS, seconds=0.5))
    assert read(fresh, sound).decoded is not None
    fresh.close()


@pytest.mark.parametrize("message", [os.system, Path("/"), {"content_hash": b""}, ValueError("x")])
def test_nothing_but_records_is_read_of_a_decoder(message: object) -> None:
    """A decoder in wrong hands may say anything."""
    with pytest.raises(ValueError, match="no such record"):
        unpack(pickle.dumps(message))
    with pytest.raises(ValueError, match="no such record"):
        unpack(pack(Asked(bytes(32)))[:-3])


PIXELS = Pixels((8, 8), PhotoKind.JPEG, 1, 1, (8, 8))
SOUND = Done(Tags(), None, None, PIXELS)


@pytest.mark.parametrize(
    "message",
    [
        Asked(bytes(31)),
        Done(Tags(make="x" * 5000), None, None, None),
        Done(Tags(problems=("x",) * 500), None, None, None),
        Done(Tags(), Sidecar(created="x" * 5000), None, None),
        Done(Tags(embedded=Embedded(iptc="x" * 5000)), None, None, None),
        Compared("x" * 5000),
        Done(Tags(), None, None, replace_in(PIXELS, orientation=9)),
        Done(Tags(), None, None, replace_in(PIXELS, reduction=0)),
        Done(Tags(), None, None, replace_in(PIXELS, shape=(-8, 8))),
        Done(Tags(), None, None, replace_in(PIXELS, size=(1 << 40, 8))),
        Failed(7, "", ""),
        Failed(0, "", "x" * 5000),
    ],
    ids=str,
)
def test_what_no_photo_has_is_not_believed(message: Asked | Compared | Done | Failed) -> None:
    """Lengths and ranges belong to the records."""
    assert unpack(pack(SOUND)) == SOUND
    with pytest.raises(ValueError, match="no such record"):
        unpack(pack(message))


def test_very_long_texts_cost_nothing(reader: IsolatedReader, tmp_path: Path) -> None:
    """A sidecar may hold a novel where its date should be; the photo is read, and the novel is no date."""
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" photoshop:DateCreated="{}"/>'
        "</rdf:RDF></x:xmpmeta>"
    )
    write(tmp_path, "photo.jpg.xmp", xmp.format("2019-08-17T12:00:00" + "x" * 500_000).encode())
    there = read(reader, write(tmp_path, "photo.jpg", samples()["jpg"]))
    assert there.decoded is not None
    assert there.sidecar is not None
    assert len(there.sidecar.created) <= 2048


def test_words_of_a_decoder_steer_no_terminal(reader: IsolatedReader, tmp_path: Path) -> None:
    """What it says is shown to the user: nothing but printable text."""
    with pytest.raises(PhotoError) as caught:
        read(reader, write(tmp_path, "bad.gif", crashing("shout")))
    assert str(caught.value).isprintable()
    assert "\\x1b[2J" in str(caught.value)


def test_an_answer_that_is_none_is_said_to_be(tmp_path: Path) -> None:
    """Not that memory is short, though the decoder is ended for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BAD_DECODER))
        patch.setenv(NONSENSE, "1")
        decoders = Decoders()
        reader = IsolatedReader(decoders)
        with pytest.raises(PhotoTroubleError, match="The decoder gave an answer that is none while it read the file"):
            read(reader, write(tmp_path, "good.jpg", samples()["jpg"]))
        reader.close()
        decoders.stop()


def test_a_decoder_that_cannot_be_started_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the program's trouble, and not for the photo to wait for."""
    monkeypatch.setattr(sys, "executable", "/bin/false")
    decoders = Decoders()
    reader = IsolatedReader(decoders)
    with pytest.raises(PhotoTroubleError, match=r"A process to decode it cannot be started .*'facewatchd doctor'"):
        read(reader, write(tmp_path, "good.jpg", samples()["jpg"]))
    reader.close()
    decoders.stop()


# --- memory


def test_the_memory_of_a_very_large_picture_is_given_back(reader: IsolatedReader, tmp_path: Path) -> None:
    """An ordinary one's is kept for the next."""
    large = write(tmp_path, "large.png", saved(Image.new("L", (5500, 5000)), "PNG"))
    assert read(reader, large).decoded is not None
    assert os.fstat(reader._file).st_blocks * 512 >= 5500 * 5000 * 3
    reader.tidy()
    assert os.fstat(reader._file).st_blocks * 512 <= 65 << 20


def test_while_nothing_is_to_be_read_nothing_is_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """No process and no memory, until the next photo comes; and no word about it in the log."""
    caplog.set_level("INFO")
    path = write(tmp_path, "photo.jpg", samples()["jpg"])
    decoders = Decoders()
    first, second = IsolatedReader(decoders), IsolatedReader(decoders)
    for each in (first, second):
        read(each, path)
    process = decoders._process
    assert process is not None
    first.rest()
    assert len(children(process.pid)) == 1
    assert read(second, path).decoded is not None
    second.rest()
    assert not is_alive(process.pid)
    for each in (first, second):
        assert os.fstat(each._file).st_blocks == 0
        assert read(each, path).decoded is not None
        each.close()
    decoders.stop()
    assert caplog.records == []


def test_dev_shm_is_not_needed(tmp_path: Path) -> None:
    """Where it is full or cannot be written, photos are read all the same."""
    path = write(tmp_path, "photo.jpg", samples()["jpg"])
    code = (
        "import os, sys; from facewatchd.domain import FileStat; from facewatchd.photos.decoding.isolated import *\n"
        "decoders = Decoders(); path = os.fsencode(sys.argv[1])\n"
        "read = IsolatedReader(decoders).within(DecodeLimits(30, 20, 400 << 20)).read(path, FileStat.of(os.lstat(path)))\n"
        "print(read.decoded.width); decoders.stop()"
    )
    script = 'mount -t tmpfs -o ro,size=4k none /dev/shm && exec "$0" -c "$1" "$2"'
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, sys.executable, code, os.fsdecode(path)],
        check=False,
        capture_output=True,
        text=True,
        env=environment(),
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"needs user namespaces: {done.stderr.strip()}")
    assert (done.stdout, done.stderr) == ("96\n", "")


# --- processes


def test_a_decoder_that_dies_idle_is_nobodys_fault(reader: IsolatedReader, tmp_path: Path) -> None:
    """Nor is it the end if the process that starts them dies."""
    path = write(tmp_path, "photo.jpg", samples()["jpg"])
    read(reader, path)
    os.kill(reader._number, 9)
    wait_until(lambda: not is_alive(reader._number), 5)
    assert read(reader, path).decoded is not None
    process = reader._decoders._process
    assert process is not None
    decoder = reader._number
    os.kill(process.pid, 9)
    wait_until(lambda: not is_alive(decoder), 5)
    assert read(reader, path).decoded is not None


def test_nothing_is_left_of_a_daemon_that_was_killed(tmp_path: Path) -> None:
    """Even where a decoder hangs; nothing is left in the folder for temporary files either."""
    path = write(tmp_path, "bad.gif", crashing("sleep"))
    (tmp_path / "tmp").mkdir()
    code = (
        "import os, sys; from facewatchd.domain import FileStat; from facewatchd.photos.decoding.isolated import *\n"
        "path = os.fsencode(sys.argv[1]); print('reading', flush=True)\n"
        "IsolatedReader(Decoders()).within(DecodeLimits(30, 60, 400 << 20)).read(path, FileStat.of(os.lstat(path)))"
    )
    env = environment({"PYTHONPATH": os.pathsep.join([str(BAD_DECODER), *sys.path]), "TMPDIR": str(tmp_path / "tmp")})
    with subprocess.Popen([sys.executable, "-c", code, os.fsdecode(path)], env=env, stdout=subprocess.PIPE) as daemon:
        assert daemon.stdout is not None
        daemon.stdout.readline()
        wait_until(lambda: len(children(daemon.pid)) == 2, 20)
        left = children(daemon.pid)
        daemon.kill()
    wait_until(lambda: not any(map(is_alive, left)), 5)
    assert list((tmp_path / "tmp").iterdir()) == []


def test_stopping_does_not_wait_for_a_decoder(tmp_path: Path) -> None:
    """One that hangs is ended; whoever waits for it hears that it may be tried again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BAD_DECODER))
        decoders = Decoders()
        reader = IsolatedReader(decoders)
        read(reader, write(tmp_path, "good.jpg", samples()["jpg"]))
        number = reader._number
        started = time.monotonic()
        decoders.stop()
        assert not is_alive(number)
        assert time.monotonic() - started < 5
    with pytest.raises(PhotoBusyError, match="it is tried again"):
        read(reader, write(tmp_path, "bad.gif", crashing("sleep")))
