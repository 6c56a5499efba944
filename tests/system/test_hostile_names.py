"""
Ten thousand hostile names, given by command and by renaming folders on disk: nothing is made outside the tree, and every
folder has a name that any system takes (R33, R34).
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import unicodedata
from pathlib import Path

import pytest
from helpers import Archive, listing, unit
from plain import materialize
from running import fresh, photos_in, prepared, retake, run

from facewatchd.core.tree.entries import (
    MARKER,
    RESERVED,
    LinkMode,
    MakeFolder,
    PutFile,
    PutLink,
    RemoveLink,
    copy_of,
    hard_link,
)
from facewatchd.core.tree.folder_names import MAX_NAME_BYTES, fold, folder_name, link_name
from facewatchd.corrections.apply import apply
from facewatchd.corrections.records import Rename
from facewatchd.domain import PersonId
from facewatchd.errors import FacewatchError
from facewatchd.people.markers import marker_text
from facewatchd.people.photo_files import PhotoFiles
from facewatchd.people.tree import Done, PeopleTree
from facewatchd.pipeline.tree.materialize import Materialized

pytest_plugins = "archive_fixtures"

PEOPLE, ROUNDS = 250, 40
SEED = 34

_PIECES = (
    *("..", ".", "/", "\\", "~", "//", "/../", "\0", "\n", "\r", "\t", "\x1b[2J", "\x7f", "\u202e", "\u2066", "\u200b"),
    *("\ufeff", "\u00ad", "\u2028", "\u200d", "\U000e0041", "\udcff", "\ud800", "e\u0301", "\u00e9", "\u212b", "\u1e9e"),
    *("\u0130", "\ufb01", "\uac00", "\u1100\u1161", "\U0001f469\u200d\U0001f467", " ", "  ", "\u00a0", "\u3000", ":", "*"),
    *("?", '"', "<", ">", "|", "$(id)", "`id`", ";", "&", "%s", "{date}", "-rf", "CON", "nul", "aux.txt", "a" * 90),
    *("\u20ac" * 60, "_unknown", "_review", "_ignored", "_together", "index.html", ".facewatchd", ".nomedia", "Ada", "ADA"),
    *("ada", "Person 7", "(2)", " (2)", ".jpg", "folder.jpg", ".facewatchd-tmp", "etc", "passwd", "home", "x", "", "#", "+"),
)  # fmt: skip


def hostile(rng: random.Random) -> str:
    return "".join(rng.choice(_PIECES) for _ in range(rng.choice((1, 1, 2, 3, 4, 9))))


def is_legal(name: bytes) -> bool:
    """Legal and visible on every system that a people tree may be looked at."""
    text = name.decode("utf-8")  # raises where it is none
    hidden = {"Cc", "Cf", "Zl", "Zp", "Cs"}
    return (
        0 < len(name) <= MAX_NAME_BYTES
        and not text.startswith((".", " "))
        and not text.endswith((".", " "))
        and "/" not in text
        and not any(unicodedata.category(c) in hidden and c not in "\u200c\u200d" for c in text)
        and unicodedata.is_normalized("NFC", text)
    )


def test_ten_thousand_names_make_legal_folders_and_links() -> None:
    """... by the rule alone; a link may be hidden, as its photo is, and keep bytes that are no UTF-8."""
    rng = random.Random(SEED)
    for _ in range(PEOPLE * ROUNDS):
        name = hostile(rng)
        folder = folder_name(name)
        assert is_legal(folder), name
        assert folder_name(folder.decode()) == folder, name
        photo = name.encode("utf-8", "surrogatepass").replace(b"/", b"").replace(b"\0", b"")[:255] or b"x"
        link = link_name(rng.choice(("", "2019-08-17")), photo)
        assert 0 < len(link) <= MAX_NAME_BYTES
        assert b"/" not in link
        assert b"\0" not in link
        assert link not in {b".", b".."}


def around(archive: Archive) -> dict[bytes, bytes]:
    """Everything that is neither in the tree nor the state."""
    return {
        path: entry.content
        for path, entry in listing(archive.folder).items()
        if not path.startswith((b"People/", b"state/"))
    }


def rename_on_disk(tree: bytes, folder: bytes, name: str) -> None:
    """What a user can do with a file manager, if the file system lets them."""
    to = name.encode("utf-8", "surrogatepass").replace(b"/", b"").replace(b"\0", b"")[:255]
    if to and to not in {b".", b".."} and not os.path.lexists(os.path.join(tree, to)):
        with contextlib.suppress(OSError):
            os.rename(os.path.join(tree, folder), os.path.join(tree, to))


def build(archive: Archive) -> Materialized:
    """Without covers, which have nothing to do with names."""
    return materialize(archive.store, archive.tree, cut=lambda owner, face: None)


def give(archive: Archive, person: PersonId, name: str) -> bool:
    """By command; what that refuses, straight into the state, as an older version may have. Returns whether it did."""
    try:
        apply(archive.store, Rename(person, name))
    except FacewatchError:
        archive.store.people.rename(person, name.encode("utf-8", "replace").decode())
        return True
    return False


def test_ten_thousand_names_never_leave_the_tree(archive: Archive) -> None:
    """Through the state and the real tree, half by command and half by renaming the folder."""
    store = archive.store
    with store.transaction():
        people = [store.people.add("") for _ in range(PEOPLE)]
        for at in range(PEOPLE):
            pair = (people[at], people[(at + 1) % PEOPLE])
            archive.add(b"%d.jpg" % at, [(person, unit(place)) for place, person in enumerate(pair)])
    build(archive)
    rng = random.Random(SEED)
    before = around(archive)
    refused = 0
    for number in range(ROUNDS):
        if number % 2:
            for folder in store.manifest.names().values():
                if not folder.startswith(b"_"):
                    rename_on_disk(archive.tree.path, folder, hostile(rng))
        else:
            with store.transaction():
                for person in people:
                    refused += give(archive, person, hostile(rng))
        build(archive)
        assert around(archive) == before
        folders = [
            name for name in os.listdir(archive.tree.path) if os.path.isdir(os.path.join(archive.tree.path, name))
        ]
        ours = {name for name in folders if os.path.exists(os.path.join(archive.tree.path, name, MARKER))}
        # one that the user gives a hidden name is hidden
        ours = {name for name in ours if not name.startswith(b".")}
        assert all(map(is_legal, ours))
        assert len({fold(name) for name in folders}) == len(folders)
        assert not ours & RESERVED
    assert 0 < refused < PEOPLE * ROUNDS / 2
    done = build(archive)
    assert (done.gestures, [action for action in done.actions if not isinstance(action, PutFile)]) == ((), [])
    shown = {summary.person.person_id for summary in store.people.summaries() if summary.faces}
    assert len(ours) >= len(shown - store.people.hidden())


# --- folders that are not what they were -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", list(LinkMode))
@pytest.mark.parametrize("when", ["planned", "staged"])
def test_a_folder_swapped_for_a_link_is_not_written_through(tmp_path: Path, mode: LinkMode, when: str) -> None:
    """Between plan and deed, and between making a file and putting it in place: nothing appears behind the link."""
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"a photo")
    found = photo.stat()
    target = {
        LinkMode.RELATIVE: b"../../photo.jpg",
        LinkMode.ABSOLUTE: os.fsencode(photo),
        LinkMode.HARDLINK: hard_link(found.st_ino),
        LinkMode.COPY: copy_of(1, found.st_size, found.st_mtime_ns),
    }[mode]
    top, elsewhere = tmp_path / "People", tmp_path / "elsewhere"
    elsewhere.mkdir()
    files = PhotoFiles(lambda _: os.fsencode(photo), is_photo=lambda inode: inode == found.st_ino)

    def swap() -> None:
        if not elsewhere.joinpath("was").exists():
            (top / "Ada").rename(elsewhere / "was")
            (top / "Ada").symlink_to(elsewhere / "was")

    def write_down(done: list[Done], intended: list[Done]) -> None:
        if when == "staged" and intended:
            swap()

    with PeopleTree(os.fsencode(top), "s", lambda action: b"file", files) as tree:
        tree.carry_out([MakeFolder(1, b"Ada"), PutFile(1, b"Ada", MARKER, "s")], lambda done, intended: None)
        (top / "Ada" / ".facewatchd").write_bytes(marker_text(1, "s"))
        if when == "planned":
            swap()
        before = listing(elsewhere)
        tree.carry_out(
            [
                PutLink(b"Ada", b"a.jpg", 1, target),
                PutFile(1, b"Ada", b"folder.jpg", "1"),
                RemoveLink(b"Ada", b"b.jpg", target),
            ],
            write_down,
        )
    names = {os.path.basename(path) for path in listing(elsewhere)} - {os.path.basename(path) for path in before}
    if when == "planned":
        assert names == set()
    else:
        # what was whole under another name before the swap went with the folder, and nothing got its own name
        assert b"folder.jpg" not in names
        assert mode is not LinkMode.COPY or b"a.jpg" not in names
    assert photo.read_bytes() == b"a photo"


def test_no_command_shows_a_path_as_bytes(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever photos, folders and people are called: lines stay lines, and no `b'...'` is for people."""
    home = fresh(tmp_path_factory, tmp_path / "home", people={"min_faces": 2}, dates={"timezone": "UTC"})
    # two pictures that differ, as copies of one make nobody, and one that is cut off
    model = photos_in(prepared(tmp_path_factory).album)[0]
    faces = [retake(model)[:2000], retake(model), retake(model, 0.9)]
    folder = os.fsencode(home.album) + b"/caf\xe9 \xff\n2001-05-06"
    os.mkdir(folder)
    names = [b"IMG_20190817_12345%d \xe9\x1b[2J\n.jpg" % number for number in range(3)]
    for name, face in zip(names, faces, strict=True):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(face)
    with open(os.path.join(folder, b"no picture\xff.jpg"), "wb") as file:
        file.write(b"\xff\xd8\xff\xe0 none")
    os.symlink("/nowhere", os.path.join(folder, b"link\xff.jpg"))
    photo, other = (os.fsdecode(os.path.join(folder, name)) for name in names[1:])
    nowhere = os.fsdecode(os.fsencode(home.album) + b"/nowhere\xff\n.jpg")
    commands = [
        (0, ("run", "--once")),
        (0, ("status", "-v")),
        (0, ("dates", "report", "--all")),
        (0, ("dates", "fix", "--dry-run")),
        (0, ("dates", "undo", photo)),
        (0, ("dates", "fix", photo)),
        (1, ("dates", "fix", nowhere)),
        (0, ("roots", "list")),
        (1, ("roots", "move", nowhere, str(home.album))),
        (0, ("people", "list")),
        (1, ("people", "rename", "1", "caf\udce9")),
        (0, ("people", "show", "1")),
        (0, ("undo", "--list")),
        (0, ("verify", photo, other)),
        (1, ("identify", nowhere)),
        (0, ("tree",)),
    ]
    for code, command in commands:
        done = run(home.command(*command), code=code, timeout=120)
        said = done.out + done.err
        assert not re.search(r"(?<!\w)b['\"]", said), (command, said)
        assert "\x1b[2J" not in said, command
        if code:
            assert len(done.err.splitlines()) == 1, command
