"""
Commands that change the state: the running daemon is asked to carry them out; where none runs, they are carried out here,
with the state held meanwhile.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from facewatchd.config import Config
from facewatchd.daemon.process.start import run_with
from facewatchd.daemon.requests import regrouping_figures, undone_figures
from facewatchd.daemon.reread import Prepared
from facewatchd.errors import FacewatchError, InterruptedRunError, ModelError, TreeError, displayable
from facewatchd.faces.fetch import fetch_pack
from facewatchd.faces.known import KNOWN_PACKS
from facewatchd.faces.packs import PackReport, installed_packs, open_engine, verify_pack
from facewatchd.pipeline.corrections.commands import carry_out, folders_of
from facewatchd.pipeline.corrections.correct import retry as retry_all
from facewatchd.pipeline.corrections.correct import undo as undo_word
from facewatchd.pipeline.grouping.guarded import apply_guarded, objection
from facewatchd.pipeline.grouping.regroup import compute, decide, regroup_settings, take_snapshot
from facewatchd.pipeline.grouping.thresholds import thresholds_in_use
from facewatchd.pipeline.intake.folders import tell_other_people_folder
from facewatchd.pipeline.intake.roots import move_root as move_known_root
from facewatchd.pipeline.models import cache_dir, installed_choice, stored_model
from facewatchd.pipeline.tree.materialize import Materialized, TreeSettings, materialize
from facewatchd.processes.control import ask
from facewatchd.processes.isolate import run_isolated
from facewatchd.processes.lock import is_running, single_instance
from facewatchd.store import Store, StoredCalibration, StoredModel


@dataclass(frozen=True, slots=True)
class PackEntry:
    """A pack as `models list` shows it."""

    name: str
    installed: bool
    in_use: bool
    licence: str


@contextlib.contextmanager
def _held(config: Config) -> Iterator[Store]:
    """The state, held for this process and opened; one that is not there yet is not made by the way."""
    Store(config.state.dir, read_only=True).close()
    with single_instance(config.state.dir), Store(config.state.dir) as store:
        tell_other_people_folder(config, store.folders())
        yield store


def _catch_up(config: Config, store: Store) -> None:
    """What the user did to the tree while nothing ran comes before what is said now, and is what `undo` takes back."""
    # whoever brings the tree up to date afterwards hears of it
    with contextlib.suppress(TreeError):
        materialize(store, TreeSettings.of(config), set())


def command(config: Config, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """
    Carry out "tree" or one of `COMMANDS`, with the people tree brought up to date.

    Returns:
        `actions` and `gestures`, the numbers of changes; what `carry_out` says of the command; and `folders`, see
        `folders_of`.

    Raises:
        FacewatchError: It could not be done.
    """
    if is_running(config.state.dir):
        return ask(config.state.dir, name, arguments)
    with _held(config) as store:
        if name == "tree":
            said: Mapping[str, Any] = {}
            done = materialize(store, TreeSettings.of(config), anew=True)
        else:
            _catch_up(config, store)
            said, scope = carry_out(store, name, arguments, allow_same_photo=config.people.allow_same_photo)
            done = materialize(store, TreeSettings.of(config), scope)
        folders = folders_of(store, said)
    return {**said, "folders": folders, "actions": len(done.actions), "gestures": len(done.gestures)}


def retry(config: Config) -> int:
    """
    Have the photos that could not be taken in tried again: now where the daemon runs, else when it next does.

    Returns:
        How many.
    """
    if is_running(config.state.dir):
        return int(ask(config.state.dir, "retry", {})["photos"])
    with _held(config) as store:
        return retry_all(store)


def undo(config: Config, entry_id: int | None = None) -> Mapping[str, Any]:
    """
    Take back the user's last word, or the one of this number, and bring the people tree up to date.

    Returns:
        See `undone_figures`.

    Raises:
        FacewatchError: See `pipeline.corrections.correct.undo`.
    """
    if is_running(config.state.dir):
        return ask(config.state.dir, "undo", {"entry": entry_id})
    with _held(config) as store:
        _catch_up(config, store)
        undone = undo_word(store, entry_id)
        materialize(store, TreeSettings.of(config), undone.scope)
    return undone_figures(undone)


def move_root(config: Config, old: Path, new: Path) -> tuple[int, str]:
    """
    The photos of a folder are in another one now; see `pipeline.intake.roots.move_root`.

    Returns:
        How many photos, and what is left to be done, as a sentence; empty where nothing is.
    """
    before, after = (Path(os.path.abspath(path.expanduser())) for path in (old, new))
    with _held(config) as store:
        count = move_known_root(store, os.path.realpath(os.fsencode(before)), os.path.realpath(os.fsencode(after)))
        folders = store.folders()
        if before in folders.photos:
            photos = tuple(after if path == before else path for path in folders.photos)
            with store.transaction():
                store.set_folders(dataclasses.replace(folders, photos=photos))
    if before in config.photos:
        return (
            count,
            f"Where the configuration or --photos names {displayable(before)}, name {displayable(after)} instead.",
        )
    return count, ""


def plan_tree(config: Config) -> Materialized:
    """What `tree` would do."""
    with Store(config.state.dir, read_only=True) as store:
        return materialize(store, TreeSettings.of(config), dry_run=True)


def recluster(config: Config, *, dry_run: bool, force: bool) -> Mapping[str, Any]:
    """
    Group everything anew and bring the people tree up to date.

    Args:
        config: The configuration.
        dry_run: Only say what would come of it.
        force: Carry it out however much it moves.

    Returns:
        See `regrouping_figures`.
    """
    if dry_run:
        with Store(config.state.dir, read_only=True) as store:
            return _regroup(config, store, dry_run=True)
    if is_running(config.state.dir):
        return ask(config.state.dir, "recluster", {"force": force})
    with _held(config) as store:
        _catch_up(config, store)
        figures = _regroup(config, store, dry_run=False, force=force)
        materialize(store, TreeSettings.of(config))
    return figures


def use_calibration(config: Config, model_id: str, calibration: StoredCalibration | None) -> None:
    """Put thresholds into use for these models, from the next photo and the next reclustering on; None: the shipped."""
    if is_running(config.state.dir):
        given = dataclasses.asdict(calibration) if calibration is not None else None
        ask(config.state.dir, "calibrate", {"model": model_id, "calibration": given})
        return
    with _held(config) as store, store.transaction():
        store.set_calibration(model_id, calibration)


def _regroup(config: Config, store: Store, *, dry_run: bool, force: bool = False) -> Mapping[str, Any]:
    model = store.model()
    if model is None:
        raise FacewatchError("There is nothing to group yet", "Run 'facewatchd run' first.", config.state.dir)
    thresholds = thresholds_in_use(config, store, model)
    started = time.time()
    snapshot = take_snapshot(store, model.id, regroup_settings(config, thresholds), keep=not dry_run)
    regrouping = decide(store, snapshot, run_isolated("recluster", compute, snapshot), thresholds)
    most = config.recluster.max_moved
    if dry_run:
        held = objection(store, regrouping, most)
    else:
        held = apply_guarded(store, regrouping, started, time.time() - started, most, force=force)
    return regrouping_figures(regrouping, held)


# --- models


def _stored_model(config: Config) -> StoredModel | None:
    try:
        with Store(config.state.dir, read_only=True) as store:
            return store.model()
    except FacewatchError:
        return None


def list_packs(config: Config) -> list[PackEntry]:
    """The built-in models, the packs that are installed, and those that can be fetched."""
    installed = installed_packs(config.models.root)
    known = {pack.name: pack.licence for pack in KNOWN_PACKS}
    stored = _stored_model(config)
    used = installed_choice(config, stored.pack if stored else None)
    names = [*installed, *(name for name in known if name not in installed)]
    return [PackEntry(name, name in installed, name == used, known.get(name, "")) for name in names]


def verify_models(config: Config) -> list[PackReport]:
    """Try out every installed pack, and the one that is configured."""
    stored = _stored_model(config)
    used = installed_choice(config, stored.pack if stored else None)
    names = dict.fromkeys((*installed_packs(config.models.root), used))
    return [verify_pack(name, config.models.root, cache_dir(config)) for name in names]


def fetch_models(config: Config, pack: str, progress: Callable[[int, int | None], None]) -> Path:
    """
    Download a pack.

    Raises:
        ModelError: It is not known where from, or it cannot be had.
    """
    for known in KNOWN_PACKS:
        if known.name == pack:
            return fetch_pack(known, config.models.root, progress)
    names = " and ".join(known.name for known in KNOWN_PACKS)
    raise ModelError(
        f"There is no known place to download {pack} from",
        f"{names} can be downloaded; put other packs into {config.models.root / 'models'} yourself.",
    )


def is_to_fetch(config: Config, pack: str) -> bool:
    """Whether a pack is not installed, and is one that can be fetched."""
    return pack not in installed_packs(config.models.root) and any(known.name == pack for known in KNOWN_PACKS)


def use_models(config: Config, pack: str) -> None:
    """
    Embed every photo of the state with another pack. Faces are found again by place, so that people keep their names.
    Where it is broken off, the next run goes on with it.

    Raises:
        FacewatchError: The pack cannot be used, the state is in use, or not every photo was embedded.
    """
    with single_instance(config.state.dir), Store(config.state.dir) as store:
        engine = open_engine(pack, config.models.root, cache_dir(config), config.models.provider)
        with store.transaction():
            before = store.model()
            store.set_model(stored_model(engine.info))
            if before is not None and before.id != engine.info.id:
                store.photos.redo_all()
        roots = config.photos or tuple(Path(os.fsdecode(one.root.path)) for one in store.roots.figures() if one.watched)
        if roots:
            try:
                run_with(Prepared(config.model_copy(update={"photos": roots}), engine, ""), store, once=True)
            except InterruptedRunError:
                if not store.photos.count_pending():
                    raise
        if pending := store.photos.count_pending():
            raise FacewatchError(
                f"{pending} photos are not processed with {pack} yet",
                "'facewatchd run' goes on with them; photos in a folder that is offline wait until it is back.",
            )
