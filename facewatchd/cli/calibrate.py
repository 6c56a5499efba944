"""
`calibrate`: thresholds from the user's own people, what to expect of them, and putting them into use.
"""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import click

from facewatchd.cli.command import configured, print_json
from facewatchd.config import Config
from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from facewatchd.store import StoredModel

_RATES = {
    "strangers": "strangers taken for a known person",
    "mixed_up": "known people taken for another one",
    "missed": "known people not recognised",
    "wrong_links": "pairs of faces of two people in one group",
    "missed_links": "pairs of faces of one person in two groups",
}


@click.command()
@click.option("--apply", "is_applied", is_flag=True, help="Put the calibrated thresholds into use.")
@click.option("--reset", "is_reset", is_flag=True, help="Go back to the thresholds that come with the models.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@configured
def calibrate(config: Config, *, is_applied: bool, is_reset: bool, as_json: bool) -> None:
    """Choose thresholds that fit your own people, from the faces that you confirmed, and say what errors to expect."""
    if is_applied and is_reset:
        raise click.UsageError("Use --apply or --reset, not both.")
    document = _reset(config) if is_reset else _calibrate(config, is_applied=is_applied)
    if as_json:
        print_json(document)
    elif is_reset:
        click.echo("The thresholds that come with the models are in use again.")
    else:
        _show(document)


def _calibrate(config: Config, *, is_applied: bool) -> dict[str, Any]:
    """The document of `calibrate --json`."""
    from facewatchd import offline  # noqa: PLC0415
    from facewatchd.pipeline.grouping.calibration import calibration_of  # noqa: PLC0415
    from facewatchd.store import Store, StoredCalibration  # noqa: PLC0415

    with Store(config.state.dir, read_only=True) as store:
        model = _model(store.model())
        found = calibration_of(config, store, model)
    if is_applied:
        chosen = found.calibrated
        offline.use_calibration(
            config,
            model.id,
            StoredCalibration(time.time(), chosen.assign, chosen.link, found.people, found.known),
        )
    overridden = {
        "assign.threshold": config.assign.threshold is not None,
        "recluster.threshold": config.recluster.threshold is not None,
    }
    return {
        "people": found.people,
        "faces": found.faces,
        "known": found.known,
        "weight": round(found.weight, 3),
        "present": _rounded(found.present),
        "calibrated": _rounded(found.calibrated),
        "rates": {"present": _rounded(found.present_rates), "calibrated": _rounded(found.calibrated_rates)},
        "overridden": [key for key, is_set in overridden.items() if is_set],
        "applied": is_applied,
    }


def _reset(config: Config) -> dict[str, Any]:
    from facewatchd import offline  # noqa: PLC0415
    from facewatchd.store import Store  # noqa: PLC0415

    with Store(config.state.dir, read_only=True) as store:
        model = _model(store.model())
    offline.use_calibration(config, model.id, None)
    return {"reset": True}


def _model(model: StoredModel | None) -> StoredModel:
    if model is None:
        raise FacewatchError("There is nothing to calibrate", "Run 'facewatchd run' first: no photo was taken in yet.")
    return model


def _rounded(record: Any) -> dict[str, float]:
    return {key: round(value, 4) for key, value in dataclasses.asdict(record).items()}


def _show(document: dict[str, Any]) -> None:
    """The same for people."""
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    for column in ("present", "calibrated"):
        table.add_column(column, justify="right")
    for key, words in (
        ("assign", "similarity from which a new face is assigned"),
        ("link", "similarity from which faces are grouped"),
    ):
        table.add_row(words, *(f"{document[which][key]:.4f}" for which in ("present", "calibrated")))
    for key, words in _RATES.items():
        table.add_row(words, *(f"{document['rates'][which][key]:.1%}" for which in ("present", "calibrated")))
    console = Console(highlight=False)
    console.print(
        f"From {document['faces']} confirmed faces of {document['people']} people; {document['known']} people are known",
        soft_wrap=True,
    )
    console.print(table)
    for key in document["overridden"]:
        console.print(f"{key} is set in the configuration, and stays as it is there.", soft_wrap=True)
    console.print(
        "The calibrated thresholds are in use now. 'facewatchd recluster' groups all faces with them; 'facewatchd "
        "calibrate --reset' goes back to the usual ones."
        if document["applied"]
        else "Nothing was changed: 'facewatchd calibrate --apply' puts the calibrated thresholds into use.",
        soft_wrap=True,
    )
