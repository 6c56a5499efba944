"""`photos.decoding.reasons`: what is said of a photo that cannot be read is what happened to it, in every format."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from bad_files import samples
from PIL import Image
from raw_files import cr2, cr3, nef, orf, raf, rw2

from facewatchd.domain import FileStat
from facewatchd.errors import PhotoError, PhotoRoomError
from facewatchd.faces import sessions
from facewatchd.faces.packs import open_engine
from facewatchd.photos.decoding.decode import decode
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import DecodeLimits, IsolatedReader
from facewatchd.photos.decoding.reasons import is_cut_off
from facewatchd.photos.formats import kind_of

pytest_plugins = "decoder_fixtures"

RAWS: dict[str, Callable[[], bytes]] = {
    "cr2": cr2,
    "cr3": cr3,
    "nef": nef,
    "orf": orf,
    "rw2": rw2,
    "raf": lambda: raf(samples()["jpg"]),
}


@pytest.fixture
def reader(decoders: Decoders) -> Iterator[IsolatedReader]:
    made = IsolatedReader(decoders)
    yield made
    made.close()


def failed(data: bytes) -> PhotoError | None:
    """What comes of decoding it; None where it can be."""
    try:
        decode(data, b"/photo", 200)
    except PhotoError as error:
        return error
    return None


def reason(data: bytes) -> str:
    error = failed(data)
    assert type(error) is PhotoError
    return error.message


def is_plain(sentence: str) -> bool:
    """Whether nobody else is blamed, and no marks of Python's bytes are in it."""
    return not any(word in sentence for word in ("LibRaw", "camera is newer", "max_memory", "b'", "not supported"))


@pytest.mark.parametrize("ending", samples())
def test_a_photo_that_was_cut_off_is_incomplete(ending: str) -> None:
    """Wherever a copy was broken off; sound to the last byte, it is whole."""
    data = samples()[ending]
    kind = kind_of(data)
    assert kind is not None
    assert not is_cut_off(data, kind)
    for share in (0.3, 0.5, 0.8):
        said = reason(data[: int(len(data) * share)])
        assert "is damaged or incomplete" in said
        assert is_plain(said)


@pytest.mark.parametrize("ending", RAWS)
def test_a_raw_that_was_cut_off_is_not_blamed_on_its_camera(ending: str) -> None:
    """Every maker's; LibRaw itself says of most that it does not know the format."""
    data = RAWS[ending]()
    cut = 0
    for share in (0.5, 0.6, 0.8, 0.9):
        short = data[: int(len(data) * share)]
        kind = kind_of(short)
        assert kind is not None
        # some of these containers hold little more than tags: then nothing says that there was more
        if is_cut_off(short, kind):
            cut += 1
            said = reason(short)
            assert "is damaged or incomplete" in said
            assert is_plain(said)
    assert cut


def test_a_dng_whose_mosaic_was_cut_off() -> None:
    """As a copy of a RAW mostly is: all of the tags are there, and a part of the picture."""
    data = samples()["dng"]
    said = reason(data[:-2000])
    assert "it is shorter than its header says" in said
    assert is_plain(said)


def test_a_raw_that_is_whole_may_be_of_an_unknown_camera() -> None:
    """Which of the two it is cannot be told: both are, with the camera's name."""
    said = reason(cr2())
    assert "LibRaw does not recognise this camera RAW (Canon" in said
    assert "the file is damaged, or the camera is newer than LibRaw" in said


def test_a_heic_with_a_damaged_header_is_not_blamed_on_memory() -> None:
    """libheif calls it a failed allocation when a header claims what no picture has."""
    data = bytearray(samples()["heic"])
    at = data.index(b"iinf") + 8
    data[at : at + 2] = b"\xff\xff"
    said = reason(bytes(data))
    assert "its header asks for more than a picture can need" in said
    assert is_plain(said)


def test_a_heic_that_does_need_more_memory_says_so(reader: IsolatedReader, tmp_path: Path) -> None:
    """Whatever its decoder says then."""
    large = io.BytesIO()
    picture = pillow_heif.from_pillow(Image.new("RGB", (9000, 7000), (9, 90, 200)))
    picture.save(large, quality=30, enc_params={"preset": "ultrafast"})
    path = os.fsencode(tmp_path / "large.heic")
    Path(os.fsdecode(path)).write_bytes(large.getvalue())
    stat = FileStat.of(os.lstat(path))
    with pytest.raises(PhotoRoomError, match=r"raise ingest\.max_memory"):
        reader.within(DecodeLimits(200, 60, 1 << 20)).read(path, stat)
    assert reader.within(DecodeLimits(200, 60, 1000 << 20)).read(path, stat).decoded is not None


def test_a_tiff_that_claims_gigabytes_is_damaged(reader: IsolatedReader, tmp_path: Path) -> None:
    """One picture of 96 x 96 pixels, by its header, of which a part is said to have 4 GB."""
    data = bytearray(samples()["tif"])
    kind = kind_of(bytes(data))
    assert kind is not None
    # StripByteCounts (279), one LONG
    at = data.index(b"\x17\x01\x04\x00")
    data[at + 8 : at + 12] = b"\xf0\xff\xff\xff"
    path = os.fsencode(tmp_path / "claims.tif")
    Path(os.fsdecode(path)).write_bytes(data)
    with pytest.raises(PhotoError) as caught:
        reader.within(DecodeLimits(200, 60, 400 << 20)).read(path, FileStat.of(os.lstat(path)))
    assert type(caught.value) is PhotoError
    assert "is damaged or incomplete" in caught.value.message


@pytest.mark.parametrize("ending", samples())
def test_no_damage_is_taken_for_something_else(ending: str) -> None:
    """Bits flipped anywhere: the file is damaged, or read, or no photo any more; never is memory short."""
    sound = samples()[ending]
    rng = np.random.default_rng(len(sound))
    for _ in range(60):
        data = bytearray(sound)
        for at in rng.integers(0, min(len(data), int(rng.choice([64, 512, len(data)]))), 4).tolist():
            data[at] ^= 1 << int(rng.integers(8))
        error = failed(bytes(data))
        if error is not None:
            assert type(error) is PhotoError, error
            assert "max_memory" not in error.message
            assert "b'" not in error.message


def test_what_no_reader_knows_is_said_to_be_that() -> None:
    """A BMP of a kind that Pillow does not read may be sound."""
    data = bytearray(samples()["bmp"])
    data[30] = 5  # a PNG in it, as printers get it
    assert "it is damaged, or of a kind that is not supported" in reason(bytes(data))


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"", "is empty"), (bytes(5000), "nothing in the file but zeros"), (b"text" * 99, "or its beginning is damaged")],
)
def test_what_is_no_photo(data: bytes, said: str) -> None:
    assert said in reason(data)


# --- what is no news


@pytest.mark.parametrize("has_gpu", [False, True])
def test_that_there_is_no_gpu_is_no_news(
    model_cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, has_gpu: bool
) -> None:
    """Advice to use one is for machines that have one; `doctor` says what there is."""
    monkeypatch.setattr(sessions, "has_nvidia_gpu", lambda: has_gpu)
    with caplog.at_level("INFO"):
        engine = open_engine("builtin", Path("/nonexistent"), model_cache, "auto")
    if engine.info.provider != sessions.CPU:
        pytest.skip("needs a machine without CUDA: it comes up here")
    said = [record.message for record in caplog.records]
    assert any("There is an NVIDIA GPU, but" in line and "make gpu" in line for line in said) is has_gpu
    assert any("GPU" in line or "CUDA" in line for line in said) is has_gpu


def test_a_gpu_is_found_by_what_the_system_says(tmp_path: Path) -> None:
    """By PCI's numbers, as a service may see no device files."""

    def device(name: str, vendor: str, kind: str) -> None:
        folder = tmp_path / "sys/bus/pci/devices" / name
        folder.mkdir(parents=True)
        (folder / "vendor").write_text(f"{vendor}\n")
        (folder / "class").write_text(f"{kind}\n")

    assert not sessions.has_nvidia_gpu(tmp_path)
    device("0000:00:02.0", "0x8086", "0x030000")
    device("0000:01:00.1", "0x10de", "0x040300")  # its sound
    assert not sessions.has_nvidia_gpu(tmp_path)
    device("0000:01:00.0", "0x10de", "0x030200")
    assert sessions.has_nvidia_gpu(tmp_path)
