"""
What the commands of `dates` do: ask the running daemon, batch by batch, or do it here with the state held meanwhile.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from facewatchd.config import Config
from facewatchd.core.dates.words import SOURCE_WORDS, ZONE_WORDS
from facewatchd.domain import DateSource, ZoneSource
from facewatchd.errors import displayable
from facewatchd.pipeline.dates.batches import Batch, fix_batch, undo_batch
from facewatchd.pipeline.dates.look import DateSettings
from facewatchd.pipeline.dates.report import STATES, report
from facewatchd.pipeline.tree.materialize import TreeSettings, materialize
from facewatchd.processes.control import ask
from facewatchd.processes.lock import is_running, single_instance
from facewatchd.store import Store

_BATCHES = {"dates-fix": fix_batch, "dates-undo": undo_batch}
_MOST_LINES = 20
_WHY_NOT = "'facewatchd dates report' says of each why not."
_FIGURES = ("photos", "right", "fixed", "wrong", "missing")
_WRITTEN = ("patch", "exif", "sidecar")


def dates_report(config: Config) -> dict[str, Any]:
    """See `pipeline.dates.report.report`."""
    with Store(config.state.dir, read_only=True) as store:
        return report(store, DateSettings.of(config), time.time())


def fix(config: Config, photos: Sequence[Path], tell: Callable[[str], None]) -> dict[str, Any]:
    """Put dates right: of these photos, or of all."""
    return _all_batches(config, "dates-fix", photos, tell)


def undo(config: Config, photos: Sequence[Path], tell: Callable[[str], None]) -> dict[str, Any]:
    """Take back what was written: of these photos, or of all."""
    return _all_batches(config, "dates-undo", photos, tell)


def _all_batches(config: Config, command: str, photos: Sequence[Path], tell: Callable[[str], None]) -> dict[str, Any]:
    """
    Args:
        config: The configuration.
        command: As the daemon knows it.
        photos: Which; all where there are none.
        tell: Is given a line for each photo that was written, as it is.

    Returns:
        `counts` of photos by what was done, and `troubles`, path and reason of some of those that could not be.
    """
    counts: Counter[str] = Counter()
    troubles: list[Sequence[str]] = []
    named: list[dict[str, Any]] = [{"photo": os.path.realpath(photo)} for photo in photos]
    for first in named or [{"after": 0}]:
        arguments = first
        while True:
            document = _batch(config, command, arguments)
            counts.update(document["counts"])
            troubles += document["troubles"]
            for line in document["said"]:
                tell(line)
            if document["next"] is None:
                break
            arguments = {"after": document["next"]}
    return {"counts": dict(counts), "troubles": troubles}


def _batch(config: Config, command: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    if is_running(config.state.dir):
        return ask(config.state.dir, command, arguments)
    Store(config.state.dir, read_only=True).close()  # one that is not there yet is not made by the way
    with single_instance(config.state.dir), Store(config.state.dir) as store:
        batch: Batch = _BATCHES[command](store, DateSettings.of(config), arguments)
        if batch.scope:
            materialize(store, TreeSettings.of(config), batch.scope)
    return batch.document()


# --- what is printed


def show_report(document: Mapping[str, Any], *, everything: bool) -> None:
    """`dates report`: the sums, then root by root the folders with something to tell, or all of them."""
    console = Console(highlight=False)
    console.print(_sentence(document), soft_wrap=True)
    if not document["known"]:
        console.print("The configuration has changed: this is what the next run of the daemon finds.", soft_wrap=True)
    shown = [folder for folder in document["folders"] if everything or folder["changes"]]
    for root in document["roots"]:
        folders = [folder for folder in shown if folder["root"] == root]
        if not folders:
            continue
        console.print(f"\n{escape(displayable(root))}", soft_wrap=True)
        table = Table("folder", *_FIGURES, "from", "to", box=None, pad_edge=False)
        for folder in folders:
            figures = (str(folder[key]) for key in _FIGURES)
            name = escape(displayable(_below(folder["folder"], root) or "."))
            table.add_row(name, *figures, folder["from"] or "", folder["to"] or "")
        console.print(table)
        changes = [change for folder in folders for change in folder["changes"]]
        for line in _changes(changes, root):
            console.print(escape(line), soft_wrap=True)
    if left := len(document["folders"]) - len(shown):
        which = "1 folder has" if left == 1 else f"{left} folders have"
        console.print(f"\n{which} nothing to tell; --all shows {'it' if left == 1 else 'them'}, too.", soft_wrap=True)


def _below(path: str, root: str) -> str:
    """A path relative to a root."""
    return path[len(root) :].lstrip("/") if path == root or path.startswith(root.rstrip("/") + "/") else path


def show_plan(document: Mapping[str, Any], photos: Sequence[Path]) -> None:
    """`dates fix --dry-run`, of these photos or of all."""
    named = {os.path.realpath(photo) for photo in photos}
    console = Console(highlight=False)
    changes = [
        change
        for folder in document["folders"]
        for change in folder["changes"]
        if change["action"] not in {"report", "nothing"} and (not named or change["photo"] in named)
    ]
    for line in _changes(changes):
        console.print(escape(line), soft_wrap=True)
    console.print(_plan_sentence(document, changes, named), soft_wrap=True)


def _plan_sentence(document: Mapping[str, Any], changes: Sequence[Mapping[str, Any]], named: Collection[str]) -> str:
    """How many dates are wrong, how many would be written, and where to see the rest."""
    wrong = [
        change
        for folder in document["folders"]
        for change in folder["changes"]
        if change["state"] != "right" and (not named or change["photo"] in named)
    ]
    if not wrong and not changes:
        return "Every date is right: there is nothing to write."
    are = f"{_dates(len(wrong))} {'is' if len(wrong) == 1 else 'are'} wrong or missing"
    if document["mode"] in {"report", "off"}:
        return f"{are}, 0 would be written, as dates.mode is {document['mode']}."
    if not changes:
        return f"Nothing certain enough to write: {are}, 0 would be written. {_WHY_NOT}"
    rest = f" {_WHY_NOT}" if any(change["action"] == "report" for change in wrong) else ""
    return f"{are}, {_dates(len(changes))} would be written.{rest}"


def _dates(count: int) -> str:
    return f"{count} {'date' if count == 1 else 'dates'}"


def show_done(document: Mapping[str, Any]) -> None:
    """`dates fix` and `dates undo`."""
    console = Console(highlight=False)
    counts = document["counts"]
    words = {
        "patch": "written into the photo's date fields",
        "exif": "written into a new Exif block",
        "sidecar": "written beside the photo",
        "undone": "taken back",
        "kept": "not taken back",
    }
    for key, word in words.items():
        if counts.get(key):
            console.print(f"{_dates(counts[key])} {word}", soft_wrap=True)
    has_written = any(counts.get(key) for key in _WRITTEN)
    if left := counts.get("report", 0):
        begin = "" if has_written else "Nothing certain enough to write: "
        console.print(
            f"{begin}{_dates(left)} {'is' if left == 1 else 'are'} not right, and left alone. {_WHY_NOT}",
            soft_wrap=True,
        )
    if has_written:
        console.print("To take back what was written: facewatchd dates undo", soft_wrap=True)
    if not any(counts.get(key) for key in ("report", *words)):
        console.print("There is nothing to do.")
    if counts.get("kept"):
        for path, why in document["troubles"][:_MOST_LINES]:
            console.print(escape(f"  {path}: {why}"), soft_wrap=True)


def _changes(changes: Sequence[Mapping[str, Any]], root: str = "") -> Iterator[str]:
    """A photo's path, relative to the root, and below it what it has, what was found and what is done."""
    for change in changes:
        yield displayable(_below(change["photo"], root) if root else change["photo"])
        if "date" in change:
            found = f"{change['date']} ({SOURCE_WORDS[DateSource(change['source'])]}{_zone(change)})"
            if between := change["between"]:
                found += f", by its neighbours {between['earliest']} to {between['latest']}"
            yield f"    {change['action']}: {found}: {change['why']}"
        else:
            yield f"    {change['action']}: {change['why']}"


def _zone(change: Mapping[str, Any]) -> str:
    """Where the zone came from, as far as any is known."""
    return f"; zone {change['zone']} {ZONE_WORDS[ZoneSource(change['zone_source'])]}" if change["zone"] else ""


def _sentence(document: Mapping[str, Any]) -> str:
    figures = ", ".join(f"{document[key]} {key}" for key in STATES)
    actions = ", ".join(f"{count} {act}" for act, count in document["actions"].items() if count)
    photos = f"{document['photos']} {'photo' if document['photos'] == 1 else 'photos'}"
    return f"{photos}: {figures}. dates.mode is {document['mode']}: {actions or 'nothing to do'}."
