"""What other programs leave in folders, by name (`core.tree.litter`)."""

from __future__ import annotations

import pytest

from facewatchd.core.tree.litter import is_kept_by_others, is_litter, is_others_business, litter_in


@pytest.mark.parametrize(
    "name",
    [b".DS_Store", b"._IMG_1.jpg", b"Thumbs.db", b"THUMBS.DB", b"Desktop.ini", b"a.jpg.trashinfo", b"Icon\r"],
)
def test_files_that_keep_no_folder(name: bytes) -> None:
    """In whatever case."""
    assert is_litter(name, is_folder=False)


@pytest.mark.parametrize(
    "name", [b"a.jpg", b"notes.txt", b".hidden", b".nomedia", b".stignore", b"Picasa.ini", b"my desktop.ini", b"Thumbs"]
)
def test_files_of_the_users(name: bytes) -> None:
    """What somebody wrote, or set, is theirs."""
    assert not is_litter(name, is_folder=False)


@pytest.mark.parametrize(
    ("folder", "goes", "stays"),
    [
        (b"@eaDir", b"SYNOPHOTO_THUMB_XL.jpg", b"diary.txt"),
        (b".thumbnails", b"0123.png", b"IMG_1.CR2"),
        (b".Trash-1000", b"a.jpg.trashinfo", b"a.jpg"),
        (b".stfolder", b"syncthing-folder-1a2b.txt", b"a.jpg"),
    ],
)
def test_folders_of_other_programs(folder: bytes, goes: bytes, stays: bytes) -> None:
    """Thumbnails come again; what is in a bin is a file of the user's."""
    files = litter_in(folder)
    assert files is not None
    assert files.fullmatch(goes)
    assert not files.fullmatch(stays)
    assert is_litter(folder, is_folder=True)
    assert is_kept_by_others(folder)


def test_what_is_in_them_is_no_news() -> None:
    """At any depth."""
    assert is_others_business(b"Anna/@eaDir/IMG_1.jpg/SYNOPHOTO_THUMB_M.jpg")
    assert is_others_business(b"#recycle/Anna/IMG_1.jpg")
    assert is_others_business(b"Anna/.DS_Store")
    assert not is_others_business(b"Anna/2019/IMG_1.jpg")
