"""
The face models.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from facewatchd.errors import FacewatchError, InterruptedRunError, ModelError
from facewatchd.faces.fetch import fetch_pack
from facewatchd.faces.known import KNOWN_PACKS
from facewatchd.faces.packs import installed_packs, open_engine, verify_pack
from facewatchd.operations.base import Nothing, Read, Record, Sole
from facewatchd.operations.context import Alone, Reading
from facewatchd.pipeline.models import cache_dir, installed_choice, stored_model


class PackEntry(Record):
    """
    A pack.

    Attributes:
        name: What `models.pack` calls it.
        installed: Whether it is there.
        in_use: Whether it is the one that the next run uses.
        licence: Empty where it is not known.
    """

    name: str
    installed: bool
    in_use: bool
    licence: str


class Packs(Record):
    """The packs that are installed, and those that can be downloaded."""

    packs: tuple[PackEntry, ...]


class PackReport(Record):
    """
    What came of trying a pack.

    Attributes:
        pack: Its name.
        id: Of its models; empty where they cannot be used.
        problem: Why it cannot be used, as a sentence; empty where it can be.
    """

    pack: str
    id: str
    problem: str


class PackReports(Record):
    """Every installed pack, and the one that is configured."""

    packs: tuple[PackReport, ...]


class FetchParameters(Record):
    """
    Attributes:
        pack: Its name.
        if_missing: Do nothing where it is installed, or where it is not known where from.
    """

    pack: str
    if_missing: bool = False


class Fetched(Record):
    """Where the pack is; empty where nothing was to be done."""

    folder: str


class UseParameters(Record):
    """
    Attributes:
        pack: Its name.
    """

    pack: str


def _list(reading: Reading, _: Nothing) -> Packs:
    root = reading.config.models.root
    installed = installed_packs(root)
    known = {pack.name: pack.licence for pack in KNOWN_PACKS}
    used = _choice(reading)
    names = [*installed, *(name for name in known if name not in installed)]
    return Packs(
        packs=tuple(
            PackEntry(name=name, installed=name in installed, in_use=name == used, licence=known.get(name, ""))
            for name in names
        )
    )


def _verify(reading: Reading, _: Nothing) -> PackReports:
    config = reading.config
    names = dict.fromkeys((*installed_packs(config.models.root), _choice(reading)))
    reports = [verify_pack(name, config.models.root, cache_dir(config)) for name in names]
    return PackReports(
        packs=tuple(
            PackReport(pack=report.pack, id=report.info.id if report.info else "", problem=report.problem)
            for report in reports
        )
    )


def _choice(reading: Reading) -> str:
    """The pack that the next run uses; a state that cannot be read has no say in it."""
    stored = None
    with contextlib.suppress(FacewatchError):
        stored = reading.store.model()
    return installed_choice(reading.config, stored.pack if stored else None)


def _fetch(reading: Reading, parameters: FetchParameters) -> Fetched:
    pack, root = parameters.pack, reading.config.models.root
    known = {each.name: each for each in KNOWN_PACKS}
    if parameters.if_missing and (pack in installed_packs(root) or pack not in known):
        return Fetched(folder="")
    if pack not in known:
        raise ModelError(
            f"There is no known place to download {pack} from",
            f"{' and '.join(known)} can be downloaded; put other packs into {root / 'models'} yourself.",
        )
    return Fetched(folder=str(fetch_pack(known[pack], root, reading.progress)))


def _use(alone: Alone, parameters: UseParameters) -> Nothing:
    """
    Embed every photo of the state with another pack. Faces are found again by place, so that people keep their names. Where it
    is broken off, the next run goes on with it.
    """
    config, store, pack = alone.config, alone.store, parameters.pack
    engine = open_engine(pack, config.models.root, cache_dir(config), config.models.provider)
    with store.transaction():
        before = store.model()
        store.set_model(stored_model(engine.info))
        if before is not None and before.id != engine.info.id:
            store.photos.redo_all()
    roots = config.photos or tuple(Path(os.fsdecode(one.root.path)) for one in store.roots.figures() if one.watched)
    if roots:
        try:
            alone.process_all(config.model_copy(update={"photos": roots}), engine, store)
        except InterruptedRunError:
            if not store.photos.count_pending():
                raise
    if pending := store.photos.count_pending():
        raise FacewatchError(
            f"{pending} photos are not processed with {pack} yet",
            "'facewatchd run' goes on with them; photos in a folder that is offline wait until it is back.",
        )
    return Nothing()


LIST = Read("models.list", Nothing, Packs, _list)
VERIFY = Read("models.verify", Nothing, PackReports, _verify)
FETCH = Read("models.fetch", FetchParameters, Fetched, _fetch)
USE = Sole("models.use", UseParameters, Nothing, _use, makes_state=True)
