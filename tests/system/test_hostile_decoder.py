"""
`photos.decoding.sandbox`: what a decoder can do in hostile hands. Real processes, and the real kernel; where that has no
Landlock, with a filter of system calls alone.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bad_files import BAD_DECODER, crashing, samples

from facewatchd.domain import FileStat
from facewatchd.errors import PhotoError
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import DecodeLimits, IsolatedReader
from facewatchd.photos.decoding.landlock import landlock_version
from facewatchd.photos.decoding.sandbox import protection
from facewatchd.photos.decoding.system_calls import decoder_filter

# not by a path for all: the decoders of other tests would be hostile too
with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(str(BAD_DECODER))
    from hostile_acts import ACTS

LIMITS = DecodeLimits(max_megapixels=30, seconds=20, memory=400 << 20)
USUAL = (errno.EPERM, errno.EACCES)
# a descriptor that is open for reading only
REFUSALS = {"write the photo": (errno.EBADF,), "truncate the photo": (errno.EINVAL,), "map the photo": (errno.EACCES,)}
needs_filter = pytest.mark.skipif(
    decoder_filter(os.uname().machine, 1) is None, reason=f"no filter of system calls for {os.uname().machine}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the decoders are after: somebody else's file, an empty folder, and a socket that listens."""
    made = tmp_path_factory.mktemp("hostile")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(made / "socket"))
        listening.listen()
        yield made


def fill(folder: Path) -> None:
    """So that no act depends on the one before."""
    if (folder / "new").is_dir():
        (folder / "new").rmdir()
    (folder / "new").unlink(missing_ok=True)
    (folder / "victim").write_bytes(b"the only copy")
    (folder / "empty").mkdir(exist_ok=True)


@pytest.fixture(scope="module", params=["with Landlock", "without"])
def hostile(request: pytest.FixtureRequest, folder: Path) -> Iterator[IsolatedReader]:
    if request.param == "with Landlock" and not landlock_version():
        pytest.skip("this kernel has no Landlock")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BAD_DECODER))
        patch.setenv("HOSTILE_FOLDER", str(folder))
        patch.setenv("HOSTILE_PROCESS", str(os.getpid()))
        if request.param == "without":
            patch.setenv("DECODERS_WITHOUT_LANDLOCK", "1")
        decoders = Decoders()
        decoders.warm_up()
    reader = IsolatedReader(decoders)
    yield reader
    reader.close()
    decoders.stop()


def is_confined_by_landlock(request: pytest.FixtureRequest) -> bool:
    return "without" not in request.node.callspec.id


def state_of(folder: Path) -> object:
    """All that could be changed in a folder."""
    names = sorted(os.listdir(folder))
    found = [os.lstat(folder / name) for name in names]
    kept = [
        (each.st_mode, each.st_uid, each.st_size, each.st_mtime_ns, each.st_ctime_ns, each.st_nlink) for each in found
    ]
    return names, kept, (folder / "victim").read_bytes()


@needs_filter
@pytest.mark.parametrize("act", ACTS)
def test_it_can_do_nothing_to_anybody(
    hostile: IsolatedReader, folder: Path, tmp_path: Path, act: str, request: pytest.FixtureRequest
) -> None:
    """Not to files by their path, to the photo by its descriptor, to other processes, or by sockets and programs."""
    fill(folder)
    path = tmp_path / "photo.gif"
    path.write_bytes(crashing(f"try {act}"))
    before, photo = state_of(folder), os.lstat(path)
    limited = hostile.within(LIMITS)
    with pytest.raises(PhotoError) as caught:
        limited.read(os.fsencode(path), FileStat.of(photo))
    if act == "read" and not is_confined_by_landlock(request):
        # nothing but Landlock can tell one path from another; what is read leads nowhere
        assert "it was done" in str(caught.value)
    else:
        assert any(f"refused: {os.strerror(number)}" in str(caught.value) for number in REFUSALS.get(act, USUAL))
    assert state_of(folder) == before
    after = os.lstat(path)
    assert (after.st_ctime_ns, after.st_size, after.st_nlink) == (photo.st_ctime_ns, photo.st_size, 1)
    sound = tmp_path / "sound.jpg"
    sound.write_bytes(samples()["jpg"])
    assert limited.read(os.fsencode(sound), FileStat.of(os.lstat(sound))).decoded is not None


def test_it_may_start_threads(hostile: IsolatedReader, tmp_path: Path) -> None:
    """As the libraries for AVIF and HEIC do."""
    path = tmp_path / "photo.gif"
    path.write_bytes(crashing("thread"))
    assert hostile.within(LIMITS).read(os.fsencode(path), FileStat.of(os.lstat(path))).decoded is not None


def test_what_protects_is_said() -> None:
    """For `facewatchd doctor`."""
    said, is_all = protection()
    version = landlock_version()
    assert (f"Landlock (version {version})" in said) is bool(version)
    assert is_all is (bool(version) and decoder_filter(os.uname().machine, 1) is not None)


@pytest.mark.parametrize(
    ("machine", "header"),
    [
        ("x86_64", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        ("aarch64", "/usr/include/asm-generic/unistd.h"),
    ],
)
def test_the_numbers_are_those_of_the_kernel(machine: str, header: str) -> None:
    """Every system call in the list, on both processors."""
    from facewatchd.photos.decoding import system_calls  # noqa: PLC0415 - its tables

    if not os.path.exists(header):
        pytest.skip(f"{header} is not installed")
    numbers = dict(defined(Path(header)))
    for name, call in system_calls._FREE.items():
        number = getattr(call, machine)
        assert numbers.get(name, numbers.get({"newfstatat": "fstatat"}.get(name, ""))) == number, name


def defined(header: Path) -> Iterator[tuple[str, int]]:
    for line in header.read_text().splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "#define" and words[1].startswith("__NR") and words[2].isdigit():
            yield words[1].removeprefix("__NR3264_").removeprefix("__NR_"), int(words[2])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("unit", ["facewatchd.service", "facewatchd-user.service"])
def test_the_units_let_decoders_confine_themselves(unit: str) -> None:
    """Their own filter of system calls allows Landlock, and all that a decoder may still do."""
    from facewatchd.photos.decoding import system_calls  # noqa: PLC0415 - its tables

    allowed = set[str]()
    for line in (Path(__file__).parents[2] / "systemd" / unit).read_text().splitlines():
        if line.startswith("SystemCallFilter="):
            words = line.removeprefix("SystemCallFilter=")
            named = {call for word in words.removeprefix("~").split() for call in calls_of(word)}
            allowed = allowed - named if words.startswith("~") else allowed | named
    needed = {*system_calls._FREE, "landlock_create_ruleset", "landlock_restrict_self", "openat", "clone", "prctl"}
    assert needed - allowed == set()


def calls_of(word: str) -> set[str]:
    """The system calls that systemd means by a name, or the name of a group."""
    if not word.startswith("@"):
        return {word}
    done = subprocess.run(["systemd-analyze", "syscall-filter", word], check=True, capture_output=True, text=True)
    names = [line.strip() for line in done.stdout.splitlines()[1:] if not line.strip().startswith("#")]
    return {call for name in names for call in (calls_of(name) if name.startswith("@") else {name})}
