"""`facewatchd.demo`: the album is what it promises to be, and never gets in the way of other files."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from pathlib import Path

import cv2
import piexif
import pytest

from facewatchd import demo
from facewatchd.errors import FacewatchError


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The album, made once for all tests here; none of them changes it."""
    out = tmp_path_factory.mktemp("demo") / "new" / "photos"
    assert demo.make_demo_album(out) == demo.DemoAlbum(photos=60, people=8)
    return out


def photos_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".jpg")


def digest(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def date_of(photo: Path) -> bytes | None:
    taken: bytes | None = piexif.load(str(photo))["Exif"].get(piexif.ExifIFD.DateTimeOriginal)
    return taken


def test_all_photos_can_be_read(album: Path) -> None:
    """Sixty colour JPEGs, each large enough for the faces in it."""
    photos = photos_in(album)
    assert len(photos) == 60
    for photo in photos:
        image = cv2.imread(str(photo))
        assert image is not None
        assert max(image.shape) >= 480
    assert {path.name for path in album.rglob("*") if path.is_file()} - {path.name for path in photos} == {demo.MARKER}


def test_dates_of_every_kind(album: Path) -> None:
    """Good dates, dates only in the name, 1970, and none at all; by year, and what has no date unsorted."""
    kinds: Counter[str] = Counter()
    for photo in photos_in(album):
        taken = date_of(photo)
        year = photo.relative_to(album).parts[0]
        in_name = re.search(r"20\d\d-?\d\d-?\d\d", photo.name)
        if taken is not None and not taken.startswith(b"1970"):
            kinds["exif"] += 1
            assert taken[:4].decode() == year
        else:
            kinds[f"{'1970' if taken else 'no'} exif, {'name' if in_name else 'no name'}"] += 1
        if in_name:
            assert in_name[0][:4] == year
        elif taken is None:
            assert year == "Unsorted"
    assert kinds["exif"] >= 20
    for kind in ("no exif, name", "no exif, no name", "1970 exif, name", "1970 exif, no name"):
        assert kinds[kind] >= 4, kind


def test_some_are_stored_sideways(album: Path) -> None:
    """Two photos are to be turned by their EXIF orientation, as phones leave them."""
    turned = [p for p in photos_in(album) if piexif.load(str(p))["0th"].get(piexif.ImageIFD.Orientation, 1) == 6]
    assert len(turned) == 2


def test_everyone_is_in_several_photos() -> None:
    """Every person has a photo of their own at least five times, and the frame shows the whole face, large enough."""
    sources = {source: demo._load(source) for source in (*demo.FACES, *demo.NO_FACES)}
    seen: Counter[tuple[str, int]] = Counter()
    for shot in demo._shots(random.Random(demo.SEED), sources):
        for number, face in enumerate(demo.FACES.get(shot.source, ())):
            x, y = shot.affine @ (face.x + face.w / 2, face.y + face.h / 2, 1)
            if 0 < x < shot.size[0] and 0 < y < shot.size[1]:
                seen[shot.source[1], number] += 1
                assert abs(shot.affine[0, 0]) * face.w >= 60
    assert len(seen) == 8
    assert min(seen.values()) >= 5


def test_second_run_does_nothing(album: Path) -> None:
    """A complete album is left alone, even to its times."""
    before = {path: path.stat().st_mtime_ns for path in album.rglob("*")}
    assert demo.make_demo_album(album) == demo.DemoAlbum(photos=60, people=8)
    assert {path: path.stat().st_mtime_ns for path in album.rglob("*")} == before


def test_interrupted_run_is_finished(album: Path, tmp_path: Path) -> None:
    """A folder with the marker of an unfinished album is ours: it is completed, and no byte differs from any other."""
    (tmp_path / demo.MARKER).touch()
    (tmp_path / "2019").mkdir()
    demo.make_demo_album(tmp_path)
    assert digest(tmp_path) == digest(album)


def test_refuses_a_folder_of_others(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In a folder that holds other files nothing is written, and the message says what to do."""
    (tmp_path / "tax.txt").write_text("mine", "utf-8")
    assert demo.main([str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.err == (
        f"The demo album cannot be made ({tmp_path}): The folder holds other files; name one that is empty or new.\n"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["tax.txt"]


def test_file_in_the_way(tmp_path: Path) -> None:
    """A file where the folder should be is named."""
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(FacewatchError, match=r"cannot be made .*file\)"):
        demo.make_demo_album(path)


def test_package_without_its_photographs() -> None:
    """A package that does not carry the photograph is named."""
    with pytest.raises(FacewatchError, match=r"The package skimage has no data/nothing\.png; reinstall it"):
        demo._load(("skimage", "data/nothing.png"))
    with pytest.raises(FacewatchError, match="no_such_package"):
        demo._load(("no_such_package", "x.png"))


@pytest.mark.parametrize(("arguments", "code", "to"), [([], 2, 1), (["a", "b"], 2, 1), (["--help"], 0, 0)])
def test_usage(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
    to: int,
) -> None:
    """Without a folder, with too many, or when asked for, the usage is shown, and no album is made."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        demo.main(arguments)
    assert ended.value.code == code
    assert "python -m facewatchd.demo [-h] DIR" in capsys.readouterr()[to]
    assert list(tmp_path.iterdir()) == []
