"""The people tree, three-way: what we made is kept as wanted, what the user made stays, whatever happens in between."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from facewatchd.core.tree.entries import (
    MARKER,
    RESERVED,
    UNKNOWN,
    Action,
    Adopt,
    Forget,
    MakeFolder,
    Present,
    PresentEntry,
    PresentFolder,
    PutFile,
    PutLink,
    RemoveFile,
    RemoveFolder,
    RemoveLink,
    RenameFolder,
    WantedFile,
    WantedFolder,
    WantedLink,
    Written,
    WrittenFolder,
)
from facewatchd.core.tree.folder_names import fold, is_variant
from facewatchd.core.tree.gestures import Displaced, FoundFolder, LeftFolder, Renamed
from facewatchd.core.tree.owners import REVIEW, Owner, Review, Suggestion, Together, owner_of, owner_text
from facewatchd.core.tree.plan import plan
from facewatchd.core.tree.reading import read_gestures
from facewatchd.domain import PersonId, Pool

COVER = b"folder.jpg"

owners = st.one_of(
    st.integers(1, 10**17),
    st.sampled_from(Pool),
    st.builds(Review, st.integers(1, 99)),
    st.builds(Suggestion, st.integers(1, 99), st.integers(1, 99)),
    st.builds(Together, st.lists(st.integers(1, 99), min_size=2, max_size=4).map(tuple)),
)


@given(owners)
def test_an_owner_is_known_again_by_its_word(owner: Owner) -> None:
    """Markers and the manifest hold it."""
    assert owner_of(owner_text(owner)) == owner


@pytest.mark.parametrize(
    "text", ["", "x", "1 2", "review", "review x", "review 1 2", "together 1", "-1", "\u0661", "9" * 30]
)
def test_no_owner(text: str) -> None:
    """A marker that somebody edited says nothing."""
    assert owner_of(text) is None


# --- tables: one difference, one action ------------------------------------------------------------------------------


def wanted(*links: tuple[int, bytes], title: str = "Anna", person: Owner = 1, cover: str = "") -> WantedFolder:
    """A person's folder with links to photos of these numbers, under these names."""
    files = (WantedFile(COVER, cover),) if cover else ()
    return WantedFolder(person, title, tuple(WantedLink(photo, name, b"../%d" % photo) for photo, name in links), files)


def written(*links: tuple[int, bytes], name: bytes = b"Anna", person: Owner = 1) -> WrittenFolder:
    return WrittenFolder(person, name, tuple(Written(name, photo, b"../%d" % photo) for photo, name in links))


def link(target: bytes) -> PresentEntry:
    return PresentEntry(target=target)


def file(signature: bytes = b"theirs") -> PresentEntry:
    return PresentEntry(signature=signature)


def there(
    folders: Mapping[bytes, tuple[Owner | None, Mapping[bytes, PresentEntry]]],
    others: AbstractSet[bytes] = frozenset(),
) -> Present:
    """A tree with these folders (marker, entries) and other names at the top."""
    return Present(
        frozenset(folders) | others,
        {name: PresentFolder(marker, entries) for name, (marker, entries) in folders.items()},
    )


NOTHING = there({})
A = (7, b"a.jpg")
TARGET = b"../7"


@pytest.mark.parametrize(
    ("want", "manifest", "present", "expected"),
    [
        pytest.param([], [], NOTHING, [], id="nothing wanted, nothing there"),
        pytest.param(
            [wanted(A)],
            [],
            NOTHING,
            [MakeFolder(1, b"Anna"), PutLink(b"Anna", b"a.jpg", 7, TARGET)],
            id="a new person: the folder, then what is in it",
        ),
        pytest.param([wanted(A)], [written(A)], there({b"Anna": (1, {b"a.jpg": link(TARGET)})}), [], id="as wanted"),
        pytest.param(
            [wanted(A)],
            [WrittenFolder(1, b"Anna", (Written(b"a.jpg", 8, TARGET),))],
            there({b"Anna": (1, {b"a.jpg": link(TARGET)})}),
            [Adopt(b"Anna", b"a.jpg", 7, TARGET)],
            id="as wanted, but written down as another photo's",
        ),
        pytest.param(
            [wanted(A, (8, b"A.jpg"))],
            [written(A, (8, b"A.jpg"))],
            there({b"Anna": (1, {b"a.jpg": link(TARGET), b"A.jpg": link(b"../8")})}),
            [RemoveLink(b"Anna", b"A.jpg", b"../8"), PutLink(b"Anna", b"A (2).jpg", 8, b"../8")],
            id="as wanted, but two names are one on some file systems",
        ),
        pytest.param(
            [wanted(A)],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": link(TARGET), b"A.JPG": file()})}),
            [RemoveLink(b"Anna", b"a.jpg", TARGET), PutLink(b"Anna", b"a (2).jpg", 7, TARGET)],
            id="as wanted, but the user has put a file of that name in another case",
        ),
        pytest.param(
            [wanted(A)],
            [written()],
            there({b"Anna": (1, {})}),
            [PutLink(b"Anna", b"a.jpg", 7, TARGET)],
            id="a link is added",
        ),
        pytest.param(
            [wanted(A)],
            [WrittenFolder(1, b"Anna", (Written(b"a.jpg", 7, b"../old"),))],
            there({b"Anna": (1, {b"a.jpg": link(b"../old")})}),
            [PutLink(b"Anna", b"a.jpg", 7, TARGET, b"../old")],
            id="the photo was moved: the link is replaced in place",
        ),
        pytest.param(
            [wanted()],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": link(TARGET)})}),
            [RemoveLink(b"Anna", b"a.jpg", TARGET)],
            id="the photo is gone",
        ),
        pytest.param(
            [wanted((7, b"2019 a.jpg"))],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": link(TARGET)})}),
            [RemoveLink(b"Anna", b"a.jpg", TARGET), PutLink(b"Anna", b"2019 a.jpg", 7, TARGET)],
            id="the photo has a date now: another name",
        ),
        pytest.param(
            [wanted((8, b"a.jpg"))],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": link(TARGET)})}),
            [PutLink(b"Anna", b"a.jpg", 8, b"../8", TARGET)],
            id="another photo of the same name: replaced in place",
        ),
        pytest.param(
            [wanted(A, (8, b"a.jpg"))],
            [written()],
            there({b"Anna": (1, {})}),
            [PutLink(b"Anna", b"a.jpg", 7, TARGET), PutLink(b"Anna", b"a (2).jpg", 8, b"../8")],
            id="two photos of one name: the second gets a number",
        ),
        pytest.param(
            [wanted((8, b"a.jpg"))],
            [written((8, b"a (2).jpg"))],
            there({b"Anna": (1, {b"a (2).jpg": link(b"../8")})}),
            [],
            id="the number stays when the first is gone: names are stable",
        ),
        pytest.param(
            [wanted(title="Grandma")],
            [written()],
            there({b"Anna": (1, {})}),
            [RenameFolder(1, b"Anna", b"Grandma")],
            id="renamed by command",
        ),
        pytest.param(
            [wanted(A, title="Grandma")],
            [written()],
            there({b"Anna": (1, {})}),
            [RenameFolder(1, b"Anna", b"Grandma"), PutLink(b"Grandma", b"a.jpg", 7, TARGET)],
            id="renamed and filled: what follows uses the new name",
        ),
        pytest.param(
            [wanted(title="ANNA")],
            [written()],
            there({b"Anna": (1, {})}),
            [RenameFolder(1, b"Anna", b"ANNA")],
            id="renamed by command, only in case: its own name is not in the way",
        ),
        pytest.param(
            [wanted(title="ANNA")],
            [written()],
            there({b"Anna": (1, {})}, {b"ANNA"}),
            [RenameFolder(1, b"Anna", b"ANNA (2)")],
            id="... but the user's folder of that name is",
        ),
        pytest.param(
            [wanted()],
            [],
            there({}, {b"anna"}),
            [MakeFolder(1, b"Anna (2)")],
            id="the user's own file has the folder's name: ours gets a number",
        ),
        pytest.param(
            [wanted(title="_UNKNOWN"), wanted(title="_review", person=2)],
            [],
            NOTHING,
            [MakeFolder(1, b"_UNKNOWN (2)"), MakeFolder(2, b"_review (2)")],
            id="no person has a reserved name",
        ),
        pytest.param(
            [wanted(), wanted(person=2)],
            [],
            NOTHING,
            [MakeFolder(1, b"Anna"), MakeFolder(2, b"Anna (2)")],
            id="two people of one name",
        ),
        pytest.param(
            [wanted(A)],
            [written()],
            there({b"Anna": (1, {b"A.JPG": file()})}),
            [PutLink(b"Anna", b"a (2).jpg", 7, TARGET)],
            id="the user's own file in the way of a link",
        ),
        pytest.param(
            [wanted(A)],
            [written()],
            there({b"Anna": (1, {b"a.jpg": link(b"../theirs")})}),
            [PutLink(b"Anna", b"a (2).jpg", 7, TARGET)],
            id="the user's own link in the way",
        ),
        pytest.param(
            [wanted(A)],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": link(b"../theirs")})}),
            [Forget(b"Anna", b"a.jpg"), PutLink(b"Anna", b"a (2).jpg", 7, TARGET)],
            id="our link was changed by the user: theirs now",
        ),
        pytest.param(
            [wanted()],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": file()})}),
            [Forget(b"Anna", b"a.jpg")],
            id="our link was replaced by a file, and is wanted no longer",
        ),
        pytest.param(
            [],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": link(TARGET)})}),
            [RemoveLink(b"Anna", b"a.jpg", TARGET), RemoveFolder(1, b"Anna")],
            id="nobody's folder goes",
        ),
        pytest.param(
            [],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": link(TARGET), b"notes.txt": file()})}),
            [RemoveLink(b"Anna", b"a.jpg", TARGET), RemoveFolder(1, b"Anna")],
            id="nobody's folder with a file of the user's: that is not touched, and keeps the folder",
        ),
        pytest.param(
            [],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": link(b"../theirs")})}),
            [Forget(b"Anna", b"a.jpg"), RemoveFolder(1, b"Anna")],
            id="nobody's folder with our link changed by the user",
        ),
        pytest.param([], [written(A)], NOTHING, [RemoveFolder(1, b"Anna")], id="nobody's folder is gone already"),
        pytest.param(
            [],
            [written(A)],
            there({b"Anna": (2, {b"a.jpg": link(TARGET)})}),
            [RemoveFolder(1, b"Anna")],
            id="nobody's folder gave way to somebody else's: nothing is taken out of that",
        ),
        pytest.param(
            [wanted(A)],
            [written(A)],
            NOTHING,
            [MakeFolder(1, b"Anna"), PutLink(b"Anna", b"a.jpg", 7, TARGET)],
            id="the folder was deleted: made again",
        ),
        pytest.param(
            [wanted(A)],
            [written(A)],
            there({b"Anna": (1, {})}),
            [PutLink(b"Anna", b"a.jpg", 7, TARGET)],
            id="the manifest's entry is gone on disk: put again",
        ),
        pytest.param(
            [wanted()], [written(A)], there({b"Anna": (1, {})}), [Forget(b"Anna", b"a.jpg")], id="gone, and not wanted"
        ),
        pytest.param(
            [wanted(A)],
            [written()],
            there({b"Anna": (1, {b"a.jpg": link(TARGET)})}),
            [Adopt(b"Anna", b"a.jpg", 7, TARGET)],
            id="a crash came before the manifest was written",
        ),
        pytest.param(
            [wanted((8, b"a.jpg"), A)],
            [written(A)],
            there({b"Anna": (1, {b"a.jpg": link(TARGET), b"a (2).jpg": link(b"../8")})}),
            [Adopt(b"Anna", b"a (2).jpg", 8, b"../8")],
            id="... of the second photo of a name",
        ),
        pytest.param(
            [wanted(A)],
            [WrittenFolder(1, b"Anna", (Written(b"a.jpg", 7, b"../old"),))],
            there({b"Anna": (1, {b"a.jpg": link(TARGET)})}),
            [Forget(b"Anna", b"a.jpg"), Adopt(b"Anna", b"a.jpg", 7, TARGET)],
            id="... of a link's new target",
        ),
        pytest.param(
            [wanted(A)],
            [written((7, b"a (2).jpg"))],
            there({b"Anna": (1, {b"a.jpg": link(TARGET)})}),
            [Forget(b"Anna", b"a (2).jpg"), Adopt(b"Anna", b"a.jpg", 7, TARGET)],
            id="... of a link under another number than it had",
        ),
        pytest.param(
            [wanted(A)],
            [],
            there({b"Anna": (1, {b"a.jpg": link(TARGET)})}),
            [MakeFolder(1, b"Anna"), Adopt(b"Anna", b"a.jpg", 7, TARGET)],
            id="... of the folder itself: its marker says whose it is",
        ),
        pytest.param(
            [wanted()],
            [],
            there({b"Anna copy": (1, {})}),
            [MakeFolder(1, b"Anna")],
            id="a copy that the user made has another name",
        ),
        pytest.param(
            [wanted()],
            [],
            there({b"Anna": (1, {}), b"Anna (2)": (1, {})}),
            [MakeFolder(1, b"Anna (3)")],
            id="two folders with one marker say nothing",
        ),
        pytest.param(
            [wanted(A, title="Grandma")],
            [written(A, name=b"Person 1"), written((8, b"b.jpg"), name=b"Grandma", person=2)],
            there({b"Person 1": (1, {b"a.jpg": link(TARGET)}), b"Grandma": (2, {b"b.jpg": link(b"../8")})}),
            [
                RemoveLink(b"Grandma", b"b.jpg", b"../8"),
                RemoveFolder(2, b"Grandma"),
                RenameFolder(1, b"Person 1", b"Grandma"),
            ],
            id="merged into somebody unnamed, who takes the name: the folder that goes makes way",
        ),
        pytest.param(
            [wanted(title="Grandma")],
            [written(name=b"Grandma", person=2)],
            there({b"Grandma": (2, {b"a.jpg": file()})}),
            [RemoveFolder(2, b"Grandma"), MakeFolder(1, b"Grandma (2)")],
            id="... unless the user's file keeps it",
        ),
        pytest.param(
            [wanted(A)],
            [written(A), written(person=2)],
            there({b"Anna": (2, {b"b.jpg": link(b"../8")})}),
            [RemoveFolder(2, b"Anna"), MakeFolder(1, b"Anna (2)"), PutLink(b"Anna (2)", b"a.jpg", 7, TARGET)],
            id="somebody else's folder stands where ours was",
        ),
        pytest.param(
            [wanted(A, person=Pool.UNKNOWN, title="_unknown")],
            [],
            there({b"_unknown": (None, {b"notes.txt": file(), b"a.jpg": link(TARGET)})}),
            [MakeFolder(Pool.UNKNOWN, b"_unknown"), Adopt(b"_unknown", b"a.jpg", 7, TARGET)],
            id="the pool's name is fixed: a folder that stands there is used",
        ),
        pytest.param(
            [wanted(A, person=Pool.UNKNOWN, title="_unknown"), wanted((8, b"a.jpg"), title="_unknown")],
            [written((8, b"a.jpg"), name=b"_unknown")],
            there({b"_unknown": (1, {b"a.jpg": link(b"../8")})}),
            [
                RenameFolder(1, b"_unknown", b"_unknown (2)"),
                MakeFolder(Pool.UNKNOWN, b"_unknown"),
                PutLink(b"_unknown", b"a.jpg", 7, TARGET),
            ],
            id="a person called like the pool makes way for it",
        ),
    ],
)
def test_actions(
    want: list[WantedFolder], manifest: list[WrittenFolder], present: Present, expected: list[Action]
) -> None:
    """Every difference between what is wanted, written and there has its action, and nothing else is touched."""
    assert plan(want, manifest, present) == expected


OLD_COVER = Written(COVER, None, b"old", b"sig")


@pytest.mark.parametrize(
    ("want", "entries", "present", "expected"),
    [
        pytest.param(
            wanted(cover="new"), (), {}, [PutFile(1, b"Anna", COVER, "new")], id="a cover for a folder that has none"
        ),
        pytest.param(wanted(cover="old"), (OLD_COVER,), {COVER: file(b"sig")}, [], id="as wanted"),
        pytest.param(
            wanted(cover="new"),
            (OLD_COVER,),
            {COVER: file(b"sig")},
            [PutFile(1, b"Anna", COVER, "new", b"sig")],
            id="another cover: ours is replaced",
        ),
        pytest.param(
            wanted(cover="new"),
            (OLD_COVER,),
            {COVER: file(b"theirs")},
            [Forget(b"Anna", COVER)],
            id="the user put their own cover: left alone",
        ),
        pytest.param(wanted(cover="new"), (), {COVER: file(b"theirs")}, [], id="... and from then on"),
        pytest.param(wanted(cover="new"), (), {b"FOLDER.jpg": file(b"theirs")}, [], id="... in another case, too"),
        pytest.param(
            wanted(), (OLD_COVER,), {COVER: file(b"sig")}, [RemoveFile(b"Anna", COVER, b"sig")], id="no cover any more"
        ),
        pytest.param(
            wanted(cover="old"), (OLD_COVER,), {}, [PutFile(1, b"Anna", COVER, "old")], id="deleted: put again"
        ),
        pytest.param(wanted(), (OLD_COVER,), {}, [Forget(b"Anna", COVER)], id="deleted, and not wanted"),
        pytest.param(
            wanted((7, b"Folder.jpg"), cover="new"),
            (),
            {},
            [PutFile(1, b"Anna", COVER, "new"), PutLink(b"Anna", b"Folder (2).jpg", 7, TARGET)],
            id="a photo called like the cover gets a number",
        ),
        pytest.param(
            wanted((7, COVER), cover="new"),
            (Written(COVER, 7, TARGET),),
            {COVER: link(TARGET)},
            [
                RemoveLink(b"Anna", COVER, TARGET),
                PutFile(1, b"Anna", COVER, "new"),
                PutLink(b"Anna", b"folder (2).jpg", 7, TARGET),
            ],
            id="a link makes way for the cover",
        ),
        pytest.param(
            wanted((7, COVER)),
            (OLD_COVER,),
            {COVER: file(b"sig")},
            [RemoveFile(b"Anna", COVER, b"sig"), PutLink(b"Anna", COVER, 7, TARGET)],
            id="the cover makes way for a link",
        ),
    ],
)
def test_covers(
    want: WantedFolder, entries: tuple[Written, ...], present: Mapping[bytes, PresentEntry], expected: list[Action]
) -> None:
    """Our small files follow what is wanted, as long as they are as we left them."""
    assert plan([want], [WrittenFolder(1, b"Anna", entries)], there({b"Anna": (1, present)})) == expected


def test_a_marker_with_new_times_is_still_ours() -> None:
    """After a crash or a restored backup the marker is written down again, so that the folder can go one day."""
    want = WantedFolder(1, "Anna", (), (WantedFile(MARKER, "state"),))
    present = there({b"Anna": (1, {MARKER: file(b"restored")})})
    assert plan([want], [written()], present) == [PutFile(1, b"Anna", MARKER, "state", b"restored")]


def test_an_unwritten_folder_that_was_not_looked_into() -> None:
    """In a plan for few people only the markers of others are read: the folder is written down, the next plan sees more."""
    want = WantedFolder(1, "Anna", (), (WantedFile(MARKER, "state"),))
    assert plan([want], [], there({b"Anna": (1, {})})) == [MakeFolder(1, b"Anna"), PutFile(1, b"Anna", MARKER, "state")]


def test_somebody_elses_marker_is_left_alone() -> None:
    """A file in the marker's place that says something else is the user's."""
    want = WantedFolder(1, "Anna", (), (WantedFile(MARKER, "state"),))
    present = there({b"Anna": (None, {MARKER: file(b"theirs")})})
    assert plan([want], [written()], present) == []


def gestures(manifest: Sequence[WrittenFolder], present: Present) -> list[Renamed | Displaced]:
    """The folders that were renamed or are elsewhere, of all that the user did."""
    left = [LeftFolder(folder.owner, folder.name, frozenset()) for folder in manifest]
    found = [FoundFolder(name, folder.marker, frozenset()) for name, folder in present.folders.items()]
    return [each for each in read_gestures(left, found, (), 1.0).gestures if isinstance(each, Renamed | Displaced)]


@pytest.mark.parametrize(
    ("manifest", "present", "expected"),
    [
        pytest.param([written()], there({b"Anna": (1, {})}), [], id="nothing"),
        pytest.param(
            [written()], there({b"Grandma": (1, {})}), [Renamed(1, b"Anna", b"Grandma")], id="a folder was renamed"
        ),
        pytest.param(
            [written(), written(name=b"Bob", person=2)],
            there({b"Grandma": (1, {}), b"Grandpa": (2, {})}),
            [Renamed(1, b"Anna", b"Grandma"), Renamed(2, b"Bob", b"Grandpa")],
            id="two at once",
        ),
        pytest.param(
            [written(name=b"Bob", person=2), written()],
            there({b"Anna": (2, {}), b"Bob": (1, {})}),
            [Renamed(1, b"Anna", b"Bob"), Renamed(2, b"Bob", b"Anna")],
            id="two swapped their names",
        ),
        pytest.param(
            [written(), written(name=b"Bob", person=2)],
            there({b"Bob": (1, {}), b"Carl": (2, {})}),
            [Renamed(1, b"Anna", b"Bob"), Renamed(2, b"Bob", b"Carl")],
            id="one took the name that another gave up",
        ),
        pytest.param(
            [written()], there({b"Anna": (1, {}), b"Anna copy": (1, {})}), [], id="a copy beside the original"
        ),
        pytest.param(
            [written()],
            there({b"x": (1, {}), b"y": (1, {})}),
            [Renamed(1, b"Anna", b"x")],
            id="two copies without the original: the first is it",
        ),
        pytest.param([written()], there({b"ANNA": (1, {})}), [Renamed(1, b"Anna", b"ANNA")], id="only in case"),
        pytest.param([written()], NOTHING, [], id="deleted is not renamed"),
        pytest.param(
            [written(), written(name=b"Bob", person=2)],
            there({b"Anna": (2, {})}),
            [Renamed(2, b"Bob", b"Anna")],
            id="deleted, and another took the name",
        ),
        pytest.param([written()], there({b"Anna": (None, {})}), [], id="the marker was deleted"),
        pytest.param([written()], there({}, {b"Anna"}), [], id="a file stands in its place"),
        pytest.param(
            [written(name=UNKNOWN, person=Pool.UNKNOWN)], there({b"Pool": (None, {})}), [], id="a pool has no name"
        ),
        pytest.param([], there({b"Anna": (1, {})}), [], id="a marker that the manifest does not know"),
    ],
)
def test_gestures(manifest: list[WrittenFolder], present: Present, expected: list[Renamed]) -> None:
    """A folder that carries its marker under another name was renamed by the user; nothing else is."""
    assert gestures(manifest, present) == expected


# --- the whole life of a tree ----------------------------------------------------------------------------------------


@dataclass(eq=False)
class Thing:
    """A link (`target`), or a file (`signature`; a marker says whose it is)."""

    target: bytes | None = None
    signature: bytes | None = None
    marker: Owner | None = None


@dataclass(eq=False)
class Folder:
    """A folder on the model's disk; keeps its identity when it is renamed."""

    things: dict[bytes, Thing] = field(default_factory=dict)

    @property
    def marker(self) -> Owner | None:
        return self.things[MARKER].marker if MARKER in self.things else None


@dataclass
class Row:
    """A folder in the model's manifest."""

    name: bytes
    entries: dict[bytes, Written] = field(default_factory=dict)


class Model:
    """
    A people directory and its manifest. Deeds and lines are those of `people.tree` and `pipeline.tree.materialize`: what
    stands in the way of an action makes it do nothing.
    """

    def __init__(self) -> None:
        self.disk: dict[bytes, Folder | Thing] = {}
        self.manifest: dict[Owner, Row] = {}
        self._serial = itertools.count(1)

    def folder(self, name: bytes) -> Folder | None:
        found = self.disk.get(name)
        return found if isinstance(found, Folder) else None

    def look(self) -> Present:
        into = {row.name for row in self.manifest.values()} | RESERVED
        return Present(
            frozenset(name for name in self.disk if b"/" not in name),
            {
                name: PresentFolder(
                    folder.marker,
                    {at: PresentEntry(thing.target, thing.signature) for at, thing in folder.things.items()}
                    | {inner.rpartition(b"/")[2]: PresentEntry() for inner in self.inside(name)}
                    | {at.split(b"/")[0]: PresentEntry() for at in folder.things if b"/" in at},
                )
                for name, folder in self.disk.items()
                if isinstance(folder, Folder) and (folder.marker is not None or name in into)
            },
        )

    def inside(self, name: bytes) -> list[bytes]:
        """The folders in a folder."""
        return [inner for inner in self.disk if inner.startswith(name + b"/")]

    def rows(self) -> list[WrittenFolder]:
        return [WrittenFolder(who, row.name, tuple(row.entries.values())) for who, row in self.manifest.items()]

    def do(self, action: Action) -> bytes | None:
        """Returns the signature of a file written, empty for other deeds, None where nothing was done."""
        match action:
            case MakeFolder(_, name):
                if b"/" in name:
                    assert isinstance(self.disk.setdefault(REVIEW, Folder()), Folder)
                assert isinstance(self.disk.setdefault(name, Folder()), Folder)
                return b""
            case RenameFolder(_, name, to):
                if to in self.disk:
                    return None
                self.disk[to] = self.disk.pop(name)
                return b""
            case RemoveFolder(_, name):
                found = self.folder(name)
                if found is not None and not found.things:
                    del self.disk[name]
                    place = self.folder(REVIEW)
                    if b"/" in name and place is not None and not place.things and not self.inside(REVIEW):
                        del self.disk[REVIEW]
                return b""
            case Adopt() | Forget():
                return b""
        inside = self.folder(action.folder)
        if inside is None:
            return None
        now = inside.things.get(action.name)
        if action.name.split(b"/")[0] in inside.things and b"/" in action.name:
            return None
        match action:
            case PutLink(_, name, _, target, instead_of):
                if now is not None if instead_of is None else now is None or now.target != instead_of:
                    return None
                inside.things[name] = Thing(target=target)
            case RemoveLink(_, name, target):
                if now is not None and now.target == target:
                    del inside.things[name]
            case PutFile(owner, _, name, _, instead_of):
                if (now.signature if now else None) != instead_of:
                    return None
                signature = b"ours %d" % next(self._serial)
                inside.things[name] = Thing(signature=signature, marker=owner if name == MARKER else None)
                return signature
            case RemoveFile(_, name, signature):
                if now is not None and now.signature == signature:
                    del inside.things[name]
        return b""

    def write_down(self, action: Action, signature: bytes) -> None:
        match action:
            case MakeFolder(who, name):
                self.manifest.pop(who, None)
                self.manifest[who] = Row(name)
            case RenameFolder(who, _, to):
                if who in self.manifest:
                    self.manifest[who].name = to
            case RemoveFolder(who, _):
                assert who is not None
                self.manifest.pop(who, None)
            case PutLink(folder, name, photo_id, target) | Adopt(folder, name, photo_id, target):
                self._put(folder, Written(name, photo_id, target))
            case PutFile(_, folder, name, version):
                self._put(folder, Written(name, None, version.encode(), signature))
            case RemoveLink(folder, name) | RemoveFile(folder, name) | Forget(folder, name):
                for row in self.manifest.values():
                    if row.name == folder:
                        row.entries.pop(name, None)
                        break

    def _put(self, folder: bytes, entry: Written) -> None:
        for row in self.manifest.values():
            if row.name == folder:
                row.entries[entry.name] = entry


TITLES = ["Anna", "anna", "ANNA", "Bob", "Bob (2)", "_unknown", "J. Smith", "Stra\u00dfe", "STRASSE"]
TOP_NAMES = [title.encode() for title in TITLES if title != "_unknown"] + [b"Anna (2)", b"_unknown (2)"]
LINK_NAMES = [b"a.jpg", b"A.jpg", b"a (2).jpg", b"b.jpg", b"folder.jpg", b"Folder.jpg", b"2019/a.jpg", b"2019/A.jpg"]
OWN_NAMES = [
    b"2019",
    b"2019/a.jpg",
    b"2019/notes.txt",
    b"a.jpg",
    b"A.JPG",
    b"a (2).jpg",
    b"a (3).jpg",
    b"folder.jpg",
    b"notes.txt",
]

names_of_links = st.sampled_from(LINK_NAMES)
who_is_it = st.integers(0, 20)
photo_numbers = st.integers(1, 4)


class TreeMachine(RuleBasedStateMachine):
    """People and photos come, go and change names; the user interferes; deeds fail; the power goes."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.titles: dict[PersonId, str] = {}
        self.links: dict[Owner, dict[int, tuple[bytes, bytes]]] = {Pool.UNKNOWN: {}}
        self.covers: dict[PersonId, str] = {}
        self.theirs: list[tuple[Folder, bytes, Thing]] = []
        self.theirs_at_top: dict[bytes, Folder | Thing] = {}
        self.next_person = itertools.count(1)
        self.serial = itertools.count(1)

    # what the state wants

    def wanted(self) -> list[WantedFolder]:
        folders = []
        for who, links in self.links.items():
            wanted_links = tuple(
                WantedLink(photo, name, b"../" + target if b"/" in name else target)
                for photo, (name, target) in links.items()
            )
            if isinstance(who, Review):
                if wanted_links and who.person_id in self.titles:
                    title = f"{self.titles[who.person_id]}?"
                    folders.append(WantedFolder(who, title, wanted_links, (WantedFile(MARKER, "state"),)))
            elif isinstance(who, int):
                cover = (WantedFile(COVER, self.covers[who]),) if who in self.covers else ()
                marker = WantedFile(MARKER, "state")
                folders.append(WantedFolder(who, self.titles[who], wanted_links, (marker, *cover)))
            elif wanted_links:
                folders.append(WantedFolder(Pool.UNKNOWN, UNKNOWN.decode(), wanted_links))
        return folders

    def someone(self, number: int) -> Owner:
        everyone = list(self.links)
        return everyone[number % len(everyone)]

    @rule(title=st.sampled_from(TITLES))
    def a_person_is_found(self, title: str) -> None:
        who = next(self.next_person)
        self.titles[who] = title
        self.links[who] = {}
        self.links[Review(who)] = {}

    @rule(number=who_is_it)
    def a_person_goes(self, number: int) -> None:
        who = self.someone(number)
        if isinstance(who, int):
            del self.titles[who], self.links[who], self.links[Review(who)]
            self.covers.pop(who, None)

    @rule(number=who_is_it, title=st.sampled_from(TITLES))
    def a_person_is_renamed_by_command(self, number: int, title: str) -> None:
        who = self.someone(number)
        if isinstance(who, int):
            self.titles[who] = title

    @rule(number=who_is_it, other=who_is_it)
    def a_person_is_merged_into_another(self, number: int, other: int) -> None:
        who, into = self.someone(number), self.someone(other)
        if isinstance(who, int) and isinstance(into, int) and who != into:
            self.titles[into] = self.titles.pop(who)
            self.links[into] |= self.links.pop(who)
            self.links[Review(into)] |= self.links.pop(Review(who))
            self.covers.pop(who, None)

    @rule(number=who_is_it, photo=photo_numbers, name=names_of_links)
    def a_photo_is_added_or_dated_anew(self, number: int, photo: int, name: bytes) -> None:
        links = self.links[self.someone(number)]
        links[photo] = (name, links[photo][1] if photo in links else b"../%d" % photo)

    @rule(number=who_is_it, photo=photo_numbers)
    def a_photo_is_moved(self, number: int, photo: int) -> None:
        links = self.links[self.someone(number)]
        if photo in links:
            links[photo] = (links[photo][0], b"../%d moved %d" % (photo, next(self.serial)))

    @rule(number=who_is_it, photo=photo_numbers)
    def a_photo_is_gone(self, number: int, photo: int) -> None:
        self.links[self.someone(number)].pop(photo, None)

    @rule(number=who_is_it, has=st.booleans())
    def a_cover_changes(self, number: int, has: bool) -> None:
        who = self.someone(number)
        if isinstance(who, int):
            self.covers.pop(who, None)
            if has:
                self.covers[who] = str(next(self.serial))

    # what the user does

    def folders(self) -> list[Folder]:
        return [folder for folder in self.model.disk.values() if isinstance(folder, Folder)]

    def a_thing_of_theirs(self, as_link: bool) -> Thing:
        text = b"theirs %d" % next(self.serial)
        return Thing(target=text) if as_link else Thing(signature=text)

    @precondition(lambda self: self.folders())
    @rule(number=who_is_it, name=st.sampled_from(OWN_NAMES), as_link=st.booleans())
    def the_user_puts_something_into_a_folder(self, number: int, name: bytes, as_link: bool) -> None:
        """... in place of a thing of ours, too."""
        folders = self.folders()
        folder = folders[number % len(folders)]
        parts = {at.split(b"/")[0] for at in folder.things if b"/" in at}
        is_possible = name not in parts and (b"/" not in name or name.split(b"/")[0] not in folder.things)
        if is_possible and not any(owner is folder and name == own for owner, own, _ in self.theirs):
            thing = self.a_thing_of_theirs(as_link)
            folder.things[name] = thing
            self.theirs.append((folder, name, thing))

    @rule(name=st.sampled_from(TOP_NAMES), as_folder=st.booleans())
    def the_user_puts_something_at_the_top(self, name: bytes, as_folder: bool) -> None:
        if name not in self.model.disk and name not in {row.name for row in self.model.manifest.values()}:
            thing = Folder() if as_folder else self.a_thing_of_theirs(as_link=False)
            self.model.disk[name] = self.theirs_at_top[name] = thing

    @precondition(lambda self: self.theirs)
    @rule(number=who_is_it)
    def the_user_deletes_something_of_theirs(self, number: int) -> None:
        folder, name, _ = self.theirs.pop(number % len(self.theirs))
        del folder.things[name]

    @precondition(lambda self: self.theirs_at_top)
    @rule(number=who_is_it)
    def the_user_deletes_something_at_the_top(self, number: int) -> None:
        name = list(self.theirs_at_top)[number % len(self.theirs_at_top)]
        gone = self.theirs_at_top.pop(name)
        del self.model.disk[name]
        self.theirs = [their for their in self.theirs if their[0] is not gone]

    def ours(self) -> list[Row]:
        """Rows of the manifest whose folder stands and has its marker."""
        rows = [row for who, row in self.model.manifest.items() if isinstance(who, int)]
        return [row for row in rows if (folder := self.model.folder(row.name)) and folder.marker is not None]

    @precondition(lambda self: self.ours())
    @rule(number=who_is_it, which=who_is_it)
    def the_user_deletes_a_link(self, number: int, which: int) -> None:
        row = self.ours()[number % len(self.ours())]
        links = [name for name, entry in row.entries.items() if entry.photo_id is not None]
        folder = self.model.folder(row.name)
        assert folder is not None
        name = links[which % len(links)] if links else b""
        if name in folder.things and not any(own == name and owner is folder for owner, own, _ in self.theirs):
            del folder.things[name]

    @precondition(lambda self: self.ours())
    @rule(number=who_is_it, to=st.sampled_from([*TOP_NAMES, b"_unknown"]))
    def the_user_renames_a_folder(self, number: int, to: bytes) -> None:
        row = self.ours()[number % len(self.ours())]
        if to not in self.model.disk:
            self.model.disk[to] = self.model.disk.pop(row.name)

    def asked(self) -> list[Row]:
        """Rows of the manifest whose folder asks something and stands there."""
        rows = [row for who, row in self.model.manifest.items() if isinstance(who, Review)]
        return [row for row in rows if (folder := self.model.folder(row.name)) and folder.marker is not None]

    @precondition(lambda self: self.asked())
    @rule(number=who_is_it, to=st.sampled_from([b"Anna", b"Anna?", b"ANNA?", b"later"]))
    def the_user_renames_a_question(self, number: int, to: bytes) -> None:
        row = self.asked()[number % len(self.asked())]
        if REVIEW + b"/" + to not in self.model.disk:
            self.model.disk[REVIEW + b"/" + to] = self.model.disk.pop(row.name)

    @precondition(lambda self: self.asked())
    @rule(number=who_is_it)
    def the_user_deletes_a_question(self, number: int) -> None:
        row = self.asked()[number % len(self.asked())]
        folder = self.model.disk.pop(row.name)
        self.theirs = [their for their in self.theirs if their[0] is not folder]

    @precondition(lambda self: self.ours())
    @rule(number=who_is_it)
    def the_user_deletes_a_folder(self, number: int) -> None:
        row = self.ours()[number % len(self.ours())]
        folder = self.model.disk.pop(row.name)
        self.theirs = [their for their in self.theirs if their[0] is not folder]

    # what we do

    def obey(self) -> None:
        for gesture in gestures(self.model.rows(), self.model.look()):
            if isinstance(gesture, Displaced):
                self.model.manifest[gesture.owner].name = gesture.path
                continue
            if gesture.person_id in self.titles:
                self.titles[gesture.person_id] = gesture.to.decode()
            self.model.manifest[gesture.person_id].name = gesture.to

    def carry_out(self, actions: Sequence[Action], failing: AbstractSet[int] = frozenset()) -> None:
        for at, action in enumerate(actions):
            fails = at in failing and isinstance(action, RenameFolder | PutLink | PutFile)
            if fails and not (isinstance(action, PutFile) and action.name == MARKER):
                continue
            signature = self.model.do(action)
            if signature is not None:
                self.model.write_down(action, signature)

    @rule(failing=st.sets(st.integers(0, 10), min_size=1))
    def some_actions_fail(self, failing: set[int]) -> None:
        self.obey()
        self.carry_out(plan(self.wanted(), self.model.rows(), self.model.look()), failing)
        self.nothing_of_theirs_changed()

    @rule(deeds=st.integers(2, 20), lost=st.integers(1, 20))
    def the_power_goes(self, deeds: int, lost: int) -> None:
        """The last deeds are done and not written down (they are written in one transaction); then we start again."""
        self.obey()
        actions = plan(self.wanted(), self.model.rows(), self.model.look())[:deeds]
        if actions and isinstance(actions[-1], MakeFolder):
            actions.pop()  # an empty folder without a marker is nobody's, and stays
        lines = []
        for action in actions:
            signature = self.model.do(action)
            if signature is not None:
                lines.append((action, signature))
        for action, signature in lines[: max(0, len(lines) - lost)]:
            self.model.write_down(action, signature)
        self.everything_is_done()

    @rule()
    def everything_is_done(self) -> None:
        self.obey()
        self.carry_out(plan(self.wanted(), self.model.rows(), self.model.look()))
        assert plan(self.wanted(), self.model.rows(), self.model.look()) == []
        assert gestures(self.model.rows(), self.model.look()) == []
        self.nothing_of_theirs_changed()
        self.every_wanted_link_is_there_once()
        self.nothing_of_ours_collides()

    def nothing_of_theirs_changed(self) -> None:
        for folder, name, thing in self.theirs:
            assert folder.things.get(name) is thing
            assert any(found is folder for found in self.model.disk.values())
        for name, found in self.theirs_at_top.items():
            assert self.model.disk.get(name) is found

    def every_wanted_link_is_there_once(self) -> None:
        count = 0
        for want in self.wanted():
            folder = self.model.folder(self.model.manifest[want.owner].name)
            assert folder is not None
            assert folder.marker == (want.owner if want.owner is not Pool.UNKNOWN else None)
            for wanted_link in want.links:
                name, target = wanted_link.name, wanted_link.target
                if b"/" in name and name.split(b"/")[0] in folder.things:
                    # something of theirs has the part's name
                    name, target = name.split(b"/")[1], target.removeprefix(b"../")
                found = [at for at, thing in folder.things.items() if thing.target == target]
                assert len(found) == 1
                assert is_variant(found[0], name)
                count += 1
        targets = [thing.target for folder in self.folders() for thing in folder.things.values()]
        assert count == sum(target is not None and target.startswith(b"../") for target in targets)

    def nothing_of_ours_collides(self) -> None:
        at_top = Counter(fold(name) for name in self.model.disk)
        for row in self.model.manifest.values():
            assert at_top[fold(row.name)] == 1
            folder = self.model.folder(row.name)
            assert folder is not None
            inside = Counter(fold(name) for name in folder.things)
            assert all(inside[fold(name)] == 1 for name in row.entries)


TestTree = TreeMachine.TestCase
TestTree.settings = settings(max_examples=250, stateful_step_count=40)
