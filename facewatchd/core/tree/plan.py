"""
The people tree, three-way: what the state wants, what was written last (the manifest), what is there now.

The difference becomes a list of actions, complete before anything is touched (what the user did in the meantime is told
by `core.tree.gestures` before).
We own what the manifest names *and* what still is as we left it; everything else is the user's and stays (R32), even
in the way of a name that we wanted: then ours gets a number.
"""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace

from facewatchd.core.tree.entries import (
    MARKER,
    RESERVED,
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
    WantedFolder,
    WantedLink,
    Written,
    WrittenFolder,
)
from facewatchd.core.tree.face_pictures import name_pictures
from facewatchd.core.tree.folder_names import are_told_apart, beginning, fold, folder_name, is_variant, unique
from facewatchd.core.tree.litter import is_litter
from facewatchd.core.tree.owners import Owner
from facewatchd.domain import PhotoId, Pool


def plan(wanted: Sequence[WantedFolder], manifest: Sequence[WrittenFolder], present: Present) -> list[Action]:
    """
    What makes the tree as it is wanted.

    Args:
        wanted: The folders to have. Written folders of people who are not among them go.
        manifest: The folders written last; those outside the scope of this plan belong in `present.names` only.
        present: What is there now.

    Returns:
        Actions in the order to carry them out. Once they are, a second plan is empty.
    """
    actions: list[Action] = []
    ours = {folder.owner: folder for folder in manifest if _is_ours(folder, present)}
    kept = {folder.owner for folder in wanted}
    vacated = set()
    # from the bottom up: a folder that was moved into another that goes must not keep it
    for left in sorted(manifest, key=lambda left: -left.name.count(b"/")):
        if left.owner not in kept:
            actions += leave(left, present, left.owner)
            if left.owner in ours and _empties(left, present):
                vacated.add(left.name)

    standing = _standing(present, vacated, {folder.place for folder in wanted})
    taken = {place: set(names) for place, names in standing.items()}
    orphans = _orphans(ours.values(), present)
    # the names that folders which go elsewhere leave to others
    freed: dict[bytes, set[str]] = {}
    # people first: one whose folder has the name of a pool makes way for it; and of people those who go elsewhere
    going, staying = _by_going(wanted, ours)
    for folder in (*going, *sorted(staying, key=lambda folder: not isinstance(folder.owner, int))):
        place = folder.place
        names, counts = taken.setdefault(place, set()), standing.get(place, Counter())
        written = ours.get(folder.owner)
        at = written.name if written else _orphan(folder, orphans)
        is_in_place = at is not None and posixpath.dirname(at) == place
        own = {fold(posixpath.basename(at))} if at is not None and is_in_place else set()
        names -= {name for name in own if counts[name] == 1}
        name = _folder_name(folder, at if is_in_place else None, names, freed.setdefault(place, set()))
        freed[place].discard(fold(posixpath.basename(name)))
        if written is None:
            actions.append(MakeFolder(folder.owner, at or name))
        if at is not None and name != at:
            actions.append(RenameFolder(folder.owner, at, name))
            vacated.add(at)
            left_place = posixpath.dirname(at)
            standing.setdefault(left_place, Counter())[fold(posixpath.basename(at))] -= 1
            if standing[left_place][fold(posixpath.basename(at))] == 0:
                freed.setdefault(left_place, set()).add(fold(posixpath.basename(at)))
        names |= {fold(posixpath.basename(name))} | own
        there = present.folders.get(at) if at is not None else None
        if at is None and name not in vacated:
            there = present.folders.get(name)
        actions += _fill(folder, name, written.entries if written else (), there)
    return actions


def set_aside(
    wanted: Sequence[WantedFolder], written: Sequence[WrittenFolder], held: Collection[tuple[Owner, PhotoId]]
) -> tuple[list[WantedFolder], list[WrittenFolder]]:
    """The folders without the links that nothing is to be done about, for now."""
    owners = {owner for owner, _ in held}
    return (
        [
            replace(folder, links=tuple(link for link in folder.links if (folder.owner, link.photo_id) not in held))
            if folder.owner in owners
            else folder
            for folder in wanted
        ],
        [
            replace(folder, entries=tuple(e for e in folder.entries if (folder.owner, e.photo_id) not in held))
            if folder.owner in owners
            else folder
            for folder in written
        ],
    )


def narrowed(folder: PresentFolder, links: Sequence[WantedLink], written: Sequence[Written]) -> PresentFolder:
    """
    What of a folder matters to these links alone, so that a plan for one of very many need not go through all.

    Args:
        folder: All that is there.
        links: Those wanted.
        written: Those that are written down for the same photos.
    """
    names = {entry.name for entry in written}
    beginnings = {fold(beginning(link.name)) for link in links}
    # of few lengths, so that not every name is held against every link
    lengths = sorted({len(begins) for begins in beginnings})
    near = {
        name: entry
        for name, entry in folder.entries.items()
        if name in names or any(folded[:length] in beginnings for folded in (fold(name),) for length in lengths)
    }
    return PresentFolder(folder.marker, near)


def _standing(present: Present, vacated: AbstractSet[bytes], places: AbstractSet[bytes]) -> dict[bytes, Counter[str]]:
    """Per place how many names there are that a file system may take for one."""
    standing = {
        path: Counter(fold(name) for name in folder.entries if posixpath.join(path, name) not in vacated)
        for path, folder in present.folders.items()
        if path in RESERVED and path in places
    }
    standing[b""] = Counter(fold(name) for name in present.names - vacated)
    standing[b""].update(fold(name) for name in RESERVED)
    return standing


def _is_ours(written: WrittenFolder, present: Present) -> bool:
    """A written folder that still stands there as a real folder, and is not somebody else's by its marker."""
    there = present.folders.get(written.name)
    return there is not None and there.marker in {None, written.owner}


def _empties(folder: WrittenFolder, present: Present) -> bool:
    """Whether nothing is left in a folder once all that is ours is taken out, so that its name is free again."""
    entries = present.folders[folder.name].entries
    mine = {entry.name for entry in folder.entries if _unchanged(entry, entries.get(entry.name))}
    left = {name for name, entry in entries.items() if name not in mine and _is_left(name, entry)}
    parts = {posixpath.dirname(name) for name in mine | left}
    stays = any(entries[entry.name].only_name for entry in folder.entries if entry.name in mine)
    return not stays and mine == set(entries) - parts - left


def _is_left(name: bytes, entry: PresentEntry) -> bool:
    """Whether another program left it, and it goes with the folder."""
    is_file = entry.signature is not None and entry.target is None
    return (is_file or entry == PresentEntry()) and is_litter(posixpath.basename(name), is_folder=not is_file)


def _orphans(ours: Iterable[WrittenFolder], present: Present) -> dict[Owner, list[bytes]]:
    """Folders with an owner's marker that the manifest does not know: made just before a crash, or the user's copies."""
    known = {folder.name for folder in ours}
    found: dict[Owner, list[bytes]] = {}
    for name, folder in sorted(present.folders.items()):
        if folder.marker is not None and name not in known:
            found.setdefault(folder.marker, []).append(name)
    return found


def _orphan(folder: WantedFolder, orphans: Mapping[Owner, Sequence[bytes]]) -> bytes | None:
    """The folder of an owner that was made but not written down; a copy has another name, or there are two."""
    if isinstance(folder.owner, Pool):
        return None
    found = orphans.get(folder.owner, ())
    wanted = posixpath.join(folder.place, folder_name(folder.title))
    return found[0] if len(found) == 1 and is_variant(found[0], wanted) else None


def _by_going(
    wanted: Sequence[WantedFolder], ours: Mapping[Owner, WrittenFolder]
) -> tuple[list[WantedFolder], list[WantedFolder]]:
    """
    The folders of people that are going to have another place or name, and all others. Of the first, a folder comes after the
    one that stands where it goes.
    """
    going = {folder.owner: folder for folder in wanted if isinstance(folder.owner, int) and _goes(folder, ours)}
    at = {fold(ours[owner].name): owner for owner in going}
    order: dict[Owner, WantedFolder] = {}
    for owner in going:
        chain = dict.fromkeys([owner])
        while True:
            folder = going[next(reversed(chain))]
            before = at.get(fold(posixpath.join(folder.place, folder_name(folder.title))))
            # in a circle the last one gets a number
            if before is None or before in chain or before in order:
                break
            chain[before] = None
        order |= {one: going[one] for one in reversed(chain) if one not in order}
    return [*order.values()], [folder for folder in wanted if folder.owner not in order]


def _goes(folder: WantedFolder, ours: Mapping[Owner, WrittenFolder]) -> bool:
    """Whether a folder is going to have another place or name."""
    written = ours.get(folder.owner)
    if written is None:
        return False
    place, name = posixpath.split(written.name)
    return place != folder.place or not is_variant(name, folder_name(folder.title))


def _folder_name(folder: WantedFolder, at: bytes | None, taken: AbstractSet[str], freed: AbstractSet[str]) -> bytes:
    """The path of a folder; `at` is where it stands, if that is in the right place. A number goes with its reason."""
    if isinstance(folder.owner, Pool):
        return folder.title.encode()
    base = folder_name(folder.title)
    if at is not None:
        name = posixpath.basename(at)
        if is_variant(name, base) and fold(name) not in taken:
            is_free = fold(base) not in taken or fold(base) in freed
            return posixpath.join(folder.place, base) if name != base and is_free else at
    return posixpath.join(folder.place, base if fold(base) in freed else unique(base, taken))


def _fill(
    folder: WantedFolder, name: bytes, written: Sequence[Written], there: PresentFolder | None
) -> Iterable[Action]:
    """The actions inside one wanted folder, whose name is `name` by then."""
    entries = there.entries if there else {}
    if _is_filled(folder, written, entries):
        return
    ours = {entry.name: entry for entry in written if _unchanged(entry, entries.get(entry.name))}
    foreign = {fold(entry) for entry in entries if entry not in ours}
    files = {file.name for file in folder.files}
    wanted = [_in_the_open(link, entries) for link in folder.links]
    links = _named_links(wanted, written, ours, foreign | {fold(file) for file in files}, entries)
    pictures = name_pictures(
        folder.pictures,
        {link.photo_id: at for at, link in links.items()},
        ours.values(),
        {fold(name) for name in (*files, *links)},
        foreign,
    )
    files |= {picture.name for picture in pictures}
    for entry in written:
        if entry.name not in ours:
            if entry.name in entries or entry.name not in files | links.keys():
                yield Forget(name, entry.name)
        elif entry.name not in (files if entry.photo_id is None else links):
            yield _taken_out(name, entry, entries[entry.name])
    for file in (*folder.files, *pictures):
        mine = ours.get(file.name)
        if mine is not None and mine.photo_id is None:
            now = entries[file.name].signature
            if mine.content != file.version.encode() or mine.signature != now:
                yield PutFile(folder.owner, name, file.name, file.version, now)
        elif there and file.name == MARKER in entries and there.marker is not None and there.marker == folder.owner:
            # whoever touched it last (a restored backup, a crash), it says what ours says
            yield PutFile(folder.owner, name, file.name, file.version, entries[MARKER].signature)
        elif fold(file.name) not in foreign:
            yield PutFile(folder.owner, name, file.name, file.version)
    recorded = {entry.name: entry for entry in written}
    for at, link in links.items():
        present = entries.get(at)
        known = recorded.get(at)
        if present is not None and present.target == link.target:
            if known is None or known.content != link.target or known.photo_id != link.photo_id:
                yield Adopt(name, at, link.photo_id, link.target, present.signature or b"")
        else:
            yield PutLink(name, at, link.photo_id, link.target, present.target if present else None)


def _is_filled(folder: WantedFolder, written: Sequence[Written], entries: Mapping[bytes, PresentEntry]) -> bool:
    """
    Whether wanted, written and present are the same, and so nothing is to be done. That is so for nearly all folders,
    and their links need not be gone through one by one.
    """
    wanted = {link.name: link.target for link in folder.links}
    if wanted != {entry.name: entry.content for entry in written if entry.photo_id is not None}:
        return False
    if wanted != {name: entry.target for name, entry in entries.items() if entry.target is not None}:
        return False
    photos = {link.name: link.photo_id for link in folder.links}
    if photos != {entry.name: entry.photo_id for entry in written if entry.photo_id is not None}:
        return False
    files = [entry for entry in written if entry.photo_id is None]
    pictures = name_pictures(folder.pictures, {link.photo_id: link.name for link in folder.links}, files, ())
    wanted_files = {file.name: file.version.encode() for file in (*folder.files, *pictures)}
    if wanted_files != {file.name: file.content for file in files}:
        return False
    if any(file.name not in entries or entries[file.name].signature != file.signature for file in files):
        return False
    # names that stand in each other's way, and photos that are wanted twice, are for those who look closely
    return len({*photos.values()}) == len(folder.links) and are_told_apart(entries)


def _in_the_open(link: WantedLink, entries: Mapping[bytes, PresentEntry]) -> WantedLink:
    """A link for a part of the folder goes into the folder itself where something of the user's has the part's name."""
    if b"/" not in link.name or entries.get(posixpath.dirname(link.name), PresentEntry()) == PresentEntry():
        return link
    return link._replace(name=posixpath.basename(link.name), target=link.target.removeprefix(b"../"))


def _named_links(
    links: Sequence[WantedLink],
    written: Sequence[Written],
    ours: Mapping[bytes, Written],
    foreign: AbstractSet[str],
    entries: Mapping[bytes, PresentEntry],
) -> dict[bytes, WantedLink]:
    """
    Give every link its name: the one that it had, if that still fits, else the next free one. Names that the user gave come
    first: another link makes room.
    """
    had = {entry.photo_id: entry.name for entry in written if entry.photo_id is not None}
    # links that are not written down but as wanted: made by us just before a crash
    strays: dict[bytes, list[bytes]] = {}
    for name, entry in sorted(entries.items()):
        if entry.target is not None and name not in ours:
            strays.setdefault(entry.target, []).append(name)
    named: dict[bytes, WantedLink] = {}
    taken = set(foreign)
    later = []
    for link in sorted(links, key=lambda link: (not link.is_given, link.photo_id)):
        own = had.get(link.photo_id)
        strayed = strays.get(link.target)
        made = next((at for at in strayed if is_variant(at, link.name)), None) if strayed else None
        if own is not None and is_variant(own, link.name) and fold(own) not in taken and (own in ours or made is None):
            named[own] = link
            taken.add(fold(own))
        else:
            later.append((link, made))
    for link, made in later:
        name = made if made is not None and made not in named else unique(link.name, taken)
        named[name] = link
        taken.add(fold(name))
    return named


def _unchanged(entry: Written, there: PresentEntry | None) -> bool:
    if there is None:
        return False
    if there.signature is not None and there.signature == entry.intended:
        return True
    return there.signature == entry.signature if entry.photo_id is None else there.target == entry.content


def _taken_out(folder: bytes, entry: Written, there: PresentEntry) -> Action:
    """How something of ours goes. A hard link that is all that is left of a photo is the user's from now on."""
    if entry.photo_id is None:
        return RemoveFile(folder, entry.name, there.signature or b"")
    if there.only_name:
        return Forget(folder, entry.name)
    return RemoveLink(folder, entry.name, there.target or b"")


def leave(folder: WrittenFolder, present: Present, owner: Owner | None) -> Iterable[Action]:
    """
    Take out of a folder what is ours, and the folder if nothing else is in it; the owner, if any, has no folder by that.
    """
    if _is_ours(folder, present):
        there = present.folders[folder.name].entries
        for entry in folder.entries:
            if _unchanged(entry, there.get(entry.name)):
                yield _taken_out(folder.name, entry, there[entry.name])
            else:
                yield Forget(folder.name, entry.name)
    yield RemoveFolder(owner, folder.name)
