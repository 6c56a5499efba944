"""
Which models this run uses: what the configuration asks for, held against what the state was made with.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

from facewatchd.config import Config
from facewatchd.domain import FaceEngine, ModelInfo
from facewatchd.errors import ModelError
from facewatchd.faces.builtin import PACK as BUILTIN
from facewatchd.faces.known import BUFFALO_L
from facewatchd.faces.packs import Choice, installed_packs, open_engine, resolve_auto
from facewatchd.store import Store, StoredModel

log = logging.getLogger(__name__)

AUTO = "auto"
_TELL_EVERY_S = 10.0


class _Telling:
    """A download's progress as a line in the log now and then."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, done: int, total: int | None) -> None:
        if time.monotonic() - self._told >= _TELL_EVERY_S:
            self._told = time.monotonic()
            log.info("Downloading models: %.0f of %s MB", done / 1e6, "?" if total is None else f"{total / 1e6:.0f}")


def cache_dir(config: Config) -> Path:
    """Where converted models are kept."""
    return config.state.dir / "models"


def installed_choice(config: Config, state_pack: str | None) -> str:
    """The pack that is there to be used, for commands that must not download."""
    if config.models.pack != AUTO:
        return config.models.pack
    if state_pack is not None:
        return state_pack
    return BUFFALO_L.name if BUFFALO_L.name in installed_packs(config.models.root) else BUILTIN


def open_installed(config: Config, state_pack: str | None) -> FaceEngine:
    """
    The engine for a question about a photo; downloads nothing.

    Raises:
        ModelError: The models are missing or damaged.
    """
    pack = installed_choice(config, state_pack)
    return open_engine(pack, config.models.root, cache_dir(config), config.models.provider)


def engine_for(config: Config, store: Store) -> tuple[FaceEngine, str]:
    """
    The engine for a state, and why it is this one (empty where the user asked for it). A new state is marked with it.

    Raises:
        ModelError: The models are missing or damaged, or are not those that the state was made with.
    """
    stored = store.model()
    choice = Choice(config.models.pack, "")
    if choice.pack == AUTO:
        choice = resolve_auto(stored.pack if stored else None, config.models.root, progress=_Telling())
        log.info("Models: %s. %s", choice.pack, choice.reason)
    engine = open_engine(choice.pack, config.models.root, cache_dir(config), config.models.provider)
    refuse_others(stored, engine.info)
    with store.transaction():
        store.set_model(stored_model(engine.info))
    log.info("Licence of the models: %s", engine.info.licence)
    return engine, choice.reason


def stored_model(info: ModelInfo) -> StoredModel:
    return StoredModel(info.pack, info.id, info.dim, info.provider)


def refuse_others(stored: StoredModel | None, info: ModelInfo) -> None:
    """
    Embeddings of different models are never compared.

    Raises:
        ModelError: The state was made with other models than these.
    """
    if stored is not None and stored.id != info.id:
        raise ModelError(
            f"This state was made with other models ({stored.pack}, {stored.id[:12]})",
            f"Set models.pack to {stored.pack}, or run 'facewatchd models use {info.pack}' to process every photo "
            f"again with {info.pack} ({info.id[:12]}); people keep their names.",
        )
