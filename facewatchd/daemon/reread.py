"""
The configuration read again while the daemon runs (SIGHUP): what cannot be used is refused, and the old one kept; what can
be is prepared, and the daemon then begins anew with it, in the same process and with the state held all the time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from facewatchd.config import Config
from facewatchd.domain import FaceEngine
from facewatchd.errors import ConfigError, displayable
from facewatchd.pipeline.intake.folders import settle_folders, usable_folders
from facewatchd.pipeline.models import engine_for
from facewatchd.pipeline.tree.owner import refuse_other_owner
from facewatchd.store import Store
from facewatchd.watch.answering import Answers

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """
    What a run of the daemon needs besides its state.

    Attributes:
        config: Everything that can be set, with the folders that the state knows.
        engine: The face models.
        models_reason: Why these; empty where the user asked for them.
        answers: Tells whether the file systems of the folders answer.
    """

    config: Config
    engine: FaceEngine
    models_reason: str
    answers: Answers = field(default_factory=Answers)


def prepare(config: Config, store: Store, before: Prepared | None = None, answers: Answers | None = None) -> Prepared:
    """
    Settle with the state what the user wants.

    Args:
        config: As read.
        store: The state, held and opened.
        before: What has been in use; its models stay where the same are asked for.
        answers: See `Prepared`; None for those that have been in use, or new ones.

    Raises:
        FacewatchError: It cannot be used; nothing has changed.
    """
    if answers is None:
        answers = before.answers if before is not None else Answers()
    refuse_other_owner(config, store, answers)
    usable_folders(config, store, answers)  # who mistyped a folder is told before models are fetched
    if before is not None and before.config.models == config.models:
        engine, reason = before.engine, before.models_reason
    else:
        engine, reason = engine_for(config, store)
    config = settle_folders(config, store, answers)
    refuse_other_owner(config, store, answers)
    return Prepared(config, engine, reason, answers)


def read_again(read: Callable[[], Config], store: Store, before: Prepared) -> Prepared | None:
    """
    What the daemon has to begin anew with; None where nothing is otherwise.

    Args:
        read: Reads the configuration, with what the command line says.
        store: The state.
        before: What has been in use.

    Raises:
        FacewatchError: It cannot be used.
    """
    config = read()
    if config.state.dir != before.config.state.dir:
        raise ConfigError(
            "The state folder cannot be changed while the daemon runs",
            f"state.dir says {displayable(config.state.dir)}, and the state in use is "
            f"{displayable(before.config.state.dir)}; stop the daemon, and start it again.",
        )
    prepared = prepare(config, store, before)
    changes = differences(before.config, prepared.config)
    if not changes:
        log.info("The configuration was read again: nothing in it has changed")
        return None
    log.info("The configuration was read again: %s", "; ".join(changes))
    return prepared


def differences(before: BaseModel, now: BaseModel) -> list[str]:
    """What is otherwise in a configuration: "people.min_faces is 5 (was 3)"."""
    old, new = _flat(before.model_dump()), _flat(now.model_dump())
    return [
        f"{key} is {_shown(new.get(key))} (was {_shown(old.get(key))})"
        for key in dict.fromkeys((*old, *new))
        if old.get(key) != new.get(key)
    ]


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in section.items():
        found |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def _shown(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(_shown, value)) or "empty"
    return displayable(str(value))
