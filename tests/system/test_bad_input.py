"""Files that no camera has written, in the album of a real daemon: each costs itself, and no more (R23)."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
from bad_files import BAD_DECODER, NONSENSE, bombs, crashing, mutations, saved
from PIL import Image
from running import Home, children, fresh, is_alive, wait_until

SOUND = 6
HARMFUL = {
    "segfault.gif": "crashed (segmentation fault)",
    "abort.gif": "crashed (it gave itself up)",
    "sleep.gif": "took longer than ingest.max_seconds allows",
    "gobble.gif": "There is not enough memory",
    "reach out.gif": "Operation not permitted",
}
REFUSED = {
    "bomb 400.png": "more than ingest.max_megapixels",
    "liar 4290.jpg": "more than ingest.max_megapixels",
}


def with_bad_decoder() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(BAD_DECODER), *sys.path])}


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Home:
    settings = {"ingest": {"max_seconds": 5, "max_memory": 500, "workers": 2}}
    return fresh(tmp_path_factory, tmp_path / "home", photos=SOUND, **settings)


def failures(home: Home) -> dict[str, str]:
    """Why photos could not be taken in, by their names."""
    return {Path(each["path"]).name: each["reason"] for each in home.status()["failures"]}


def test_each_bad_file_is_counted_with_its_reason_and_the_others_are_taken_in(home: Home) -> None:
    """Damaged, lying and harmful files of every format; the harmful are left alone, under another name too, until told."""
    damaged = dict(mutations(200, seed=7))
    liars = {name: data for name, data in bombs().items() if name != "bomb 225.png"}  # seconds of honest work
    for name, data in {**damaged, **liars, **{name: crashing(name[:-4]) for name in HARMFUL}}.items():
        (home.album / name).write_bytes(data)
    (home.album / "another name.gif").write_bytes(crashing("segfault"))
    total = SOUND + len(damaged) + len(liars) + len(HARMFUL) + 1
    with home.daemon(with_bad_decoder()) as daemon:
        daemon.wait_for("Everything there is was taken in", 120)
        status = home.status()
        assert status["photos"]["total"] == total
        assert status["photos"]["done"] + status["photos"]["failed"] == total
        assert status["quarantined"] == 3
        assert any("3 pictures ended the process" in reason for reason in status["blocked"])
        reasons = failures(home)
        for name, why in {**HARMFUL, **REFUSED, "another name.gif": HARMFUL["segfault.gif"]}.items():
            assert why in reasons[name]
        assert set(reasons) - set(damaged) == {*HARMFUL, *REFUSED, "another name.gif"}
        assert all(reason.endswith(".") for reason in reasons.values())
        assert daemon.log.count("segmentation fault); it is replaced") == 2
        daemon.stop()
    # a decoder that is mended, and the user's word
    assert home.run("retry").out == f"{len(reasons)} photos are tried again.\n"
    home.once()
    assert not {*HARMFUL, "another name.gif"} & set(failures(home))
    assert home.status()["quarantined"] == 0


def test_a_picture_that_was_harmful_is_left_alone_after_a_restart(home: Home) -> None:
    """Also in a file that has only just come."""
    (home.album / "1.gif").write_bytes(crashing("segfault"))
    with home.daemon(with_bad_decoder()) as daemon:
        daemon.wait_for("Everything there is was taken in", 60)
        daemon.stop()
    (home.album / "2.gif").write_bytes(crashing("segfault"))
    with home.daemon(with_bad_decoder()) as daemon:
        daemon.wait_for("Everything there is was taken in", 60)
        assert HARMFUL["segfault.gif"] in failures(home)["2.gif"]
        assert "is replaced" not in daemon.log
        daemon.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_daemon_whose_decoders_hang_ends_as_it_should(home: Home, number: signal.Signals) -> None:
    """At once when told to, or killed: no process is left; the photo is still to be taken in."""
    home.configure(ingest={"max_seconds": 60, "workers": 2})
    (home.album / "sleep.gif").write_bytes(crashing("sleep"))
    with home.daemon(with_bad_decoder()) as daemon:
        daemon.wait_for("Photos in", 60)
        wait_until(lambda: home.status()["photos"]["done"] == SOUND, 60)
        left = children(daemon.process.pid)
        assert len(left) == 3
        if number is signal.SIGTERM:
            daemon.stop()
            # a decoder that ends with the daemon is no news
            assert "The decoder" not in daemon.log
        else:
            daemon.kill()
    wait_until(lambda: not any(map(is_alive, left)), 5)
    assert home.status()["photos"]["pending"] == 1


# --- a program that fails with everything


def test_an_archive_is_not_blamed_for_decoders_that_all_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten in a row: the run ends with one sentence, nothing is left alone, and the next run takes everything in."""
    shutil.rmtree(home.album)
    home.album.mkdir()
    for number in range(14):
        (home.album / f"{number:02d}.gif").write_bytes(crashing("segfault", number))
    monkeypatch.setenv("PYTHONPATH", with_bad_decoder()["PYTHONPATH"])
    ended = home.run("run", "--once", code=1)
    (sentence,) = [line for line in ended.err.splitlines() if line.startswith("facewatchd:")]
    assert "The first 10 photos all ended their decoder" in sentence
    assert "It crashed (segmentation fault)." in sentence
    assert "facewatchd doctor" in sentence
    assert not any("WARNING" in line for line in ended.err.splitlines())
    status = home.status()
    assert (status["quarantined"], status["photos"]["failed"], status["photos"]["pending"]) == (0, 0, 14)
    assert any("all ended their decoder" in reason for reason in status["blocked"])
    monkeypatch.delenv("PYTHONPATH")
    home.once()
    assert home.status()["photos"]["done"] == 14
    assert not home.status()["blocked"]


def test_a_few_photos_are_to_blame_where_another_can_be_decoded(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer than ten tell nothing by themselves: a picture of the program's own decides. `retry` lets go of them."""
    shutil.rmtree(home.album)
    home.album.mkdir()
    for number in range(3):
        (home.album / f"{number}.gif").write_bytes(crashing("segfault", number))
    monkeypatch.setenv("PYTHONPATH", with_bad_decoder()["PYTHONPATH"])
    home.once()
    assert home.status()["quarantined"] == 3
    monkeypatch.delenv("PYTHONPATH")
    assert home.run("retry").out == "3 photos are tried again.\n"
    home.once()
    assert (home.status()["quarantined"], home.status()["photos"]["done"]) == (0, 3)


def test_decoders_that_do_not_work_are_found_at_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first start on a new state, before any photo, and by `doctor`: one sentence, nothing is left alone."""
    for name, value in {**with_bad_decoder(), NONSENSE: "1"}.items():
        monkeypatch.setenv(name, value)
    ended = home.run("run", "--once", code=1)
    (sentence,) = [line for line in ended.err.splitlines() if line.startswith("facewatchd:")]
    assert "Photos cannot be decoded here: A small test JPEG could not be decoded" in sentence
    assert "gave an answer that is none" in sentence
    assert home.status()["quarantined"] == 0
    findings = home.run("doctor", "--json", code=1).json["findings"]
    (decoder,) = [each for each in findings if each["what"] == "decoder"]
    assert decoder["verdict"] == "problem"
    assert "gave an answer that is none" in decoder["found"]
    monkeypatch.delenv(NONSENSE)
    home.once()
    assert home.status()["photos"]["done"] == SOUND
    findings = home.run("doctor", "--json").json["findings"]
    assert {each["verdict"] for each in findings if each["what"] in {"decoder", "models at work"}} == {"ok"}


# --- dates of photos that end what decodes them


def undated(kind: str, way: str) -> bytes:
    """A sound WebP or TIFF with an empty capture date, at which a bad decoder goes wrong in this way."""
    picture = Image.new("RGB", (64, 48), (len(way) * 20 % 256, 120, 80))
    exif = picture.getexif()
    if kind == "TIFF":
        exif[270], exif[36867] = way, "0000:00:00 00:00:00"
        return saved(picture, kind, exif=exif)
    exif.get_ifd(34665)[36867] = "0000:00:00 00:00:00"
    return saved(picture, kind, exif=exif, xmp=way.encode())


def test_a_photo_that_ends_its_decoder_gets_no_date_and_the_daemon_lives(home: Home) -> None:
    """The result is checked in a decoder; the others get their dates."""
    names = {
        f"IMG_20190817_12345{number}.{ending}": (kind, way)
        for number, (ending, kind, way) in enumerate(
            (ending, kind, way)
            for ending, kind in (("webp", "WEBP"), ("tif", "TIFF"))
            for way in ("segfault", "nothing")
        )
    }
    before = {name: undated(kind, way) for name, (kind, way) in names.items()}
    for name, data in before.items():
        (home.album / name).write_bytes(data)
    home.configure(dates={"mode": "report"}, ingest={"workers": 2})
    home.once()
    home.configure(dates={"mode": "inplace"}, ingest={"workers": 2})
    everywhere = {**with_bad_decoder(), "DECODERS_ARE_BAD_EVERYWHERE": "1"}
    with home.daemon(everywhere) as daemon:
        daemon.wait_for("Everything there is was taken in", 60)
        home.run("dates", "fix")
        assert daemon.process.poll() is None
        refused = "The result would not be safe: the file cannot be checked: the decoder crashed (segmentation fault)"
        assert daemon.log.count(refused) == 2
        daemon.stop()
    for name, (_, way) in names.items():
        is_written = b"2019:08:17 12:34:5" in (home.album / name).read_bytes()
        assert is_written is (way == "nothing"), name
        assert ((home.album / name).read_bytes() == before[name]) is not is_written
