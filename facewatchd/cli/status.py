"""
`status` for people: the first line says whether all is well, a few more what there is, what waits, and what to do.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import click
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from facewatchd.cli.command import wait_for_reader
from facewatchd.cli.times import local_time
from facewatchd.daemon.intake.progress import duration, shares_said
from facewatchd.errors import FacewatchError
from facewatchd.operations.status import Status, Thresholds
from facewatchd.operations.vitals import Progress

_LOOK_EVERY_S = 2.0
_MOST_FAILURES = 20
_MOST_WAITING = 10


def short(status: Status, now: float) -> list[str]:
    """The few lines that `status` prints; the first is `first_line`."""
    lines = [first_line(status, now)]
    needs, progress = status.needs_you, status.progress
    if needs and status.answers and progress:
        lines.append(f"Now: {doing(progress)}.")
    photos, faces, people = status.photos, status.faces, status.people
    taken = f", {photos.done:,} of them taken in," if photos.done < photos.total else ""
    named = f", {people.named:,} of them named" if people.total else ""
    lines.append(
        f"{_count(photos.total, 'photo', 'photos')}{taken} with {_count(faces['total'], 'face', 'faces')} of "
        f"{_count(people.total, 'person', 'people')}{named}."
    )
    if last := status.last_recluster:
        coming = status.next_recluster
        after = f", next time {local_time(coming, now)}" if coming else ""
        lines.append(f"Last grouped {local_time(last.at, now)}{after}.")
    told = needs[:1] if status.answers else []
    others = [sentence for sentence in status.blocked if sentence not in told]
    lines += [f"- {sentence}" for sentence in others[:_MOST_WAITING]]
    if len(others) > _MOST_WAITING:
        lines.append(f"- ... and {len(others) - _MOST_WAITING} more.")
    return [*lines, "'facewatchd status -v' says more."]


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def first_line(status: Status, now: float) -> str:
    """Well or not, and what it does or why not."""
    if not status.running:
        return f"Not running{_since(status, now)}. Start it by 'facewatchd run', or by its service."
    if not status.answers:
        return (
            "Not well: facewatchd holds the state and does not answer. It is starting, stopping, or very busy; ask again "
            "in a moment."
        )
    needs = status.needs_you
    if needs:
        more = f" ({len(needs) - 1} more)" if len(needs) > 1 else ""
        return f"Not well: {needs[0]}{more}"
    progress = status.progress
    return f"Well: {doing(progress)}." if progress else "Well."


def _since(status: Status, now: float) -> str:
    if status.ended_at:
        return f" since {local_time(status.ended_at, now)}"
    if status.last_sign_at:
        return f"; the last sign of it is of {local_time(status.last_sign_at, now)}"
    return ""


def doing(progress: Progress) -> str:
    """What is being done, and how long it takes still."""
    if not progress.to_go:
        return progress.doing
    left = progress.seconds_left
    how_long = "how long it takes is not known yet" if left is None else f"about {duration(left)} left"
    return f"{progress.doing}; {progress.done:,} done, {progress.to_go:,} to go, {how_long}"


# --- all of it


def full(status: Status, now: float, width: int) -> list[str]:
    """The lines of `status -v`: the first line, and all figures in a table."""
    table = Table("", "", box=None, pad_edge=False, show_header=False)
    table.columns[1].overflow = "fold"
    for name, text in _rows(status, now):
        table.add_row(name, escape(text))
    page = io.StringIO()
    console = Console(file=page, width=width, highlight=False)
    console.print(table)
    return [first_line(status, now), *(line.rstrip() for line in page.getvalue().splitlines())]


def _rows(status: Status, now: float) -> list[tuple[str, str]]:
    photos, faces, people = status.photos, status.faces, status.people
    model, last = status.model, status.last_recluster
    rows = [("version", status.version), ("daemon", "running" if status.running else "not running")]
    if progress := status.progress:
        rows.append(("doing", _progress(progress)))
    if model:
        rows.append(("models", f"{model.pack} on {model.provider}. {model.reason}".strip()))
    if status.thresholds:
        rows.append(("thresholds", _thresholds(status.thresholds, now)))
    rows += [("photos in", f"{root.path} ({root.mode}, {root.health})") for root in status.roots]
    rows.append(("photos", _figures(dict(photos))))
    if status.stacked:
        rows.append(("", f"{status.stacked} are shown as another: a RAW or HEIC beside its JPEG"))
    rows.append(("faces", _figures(faces)))
    rows.append(("people", f"{people.total}, {people.named} of them named"))
    rows.append(("dates", _figures(status.dates)))
    if last:
        at = local_time(last.at, now)
        rows.append(("last grouped", f"{at}: {last.faces} faces, {last.people} people, {last.seconds} s"))
    if status.next_recluster:
        rows.append(("next grouped", local_time(status.next_recluster, now)))
    rows += [("waits", sentence) for sentence in status.blocked]
    for failure in status.failures[:_MOST_FAILURES]:
        again = f" (tried again {local_time(failure.retry_at, now)})" if failure.retry_at else ""
        rows.append(("failed", f"{failure.path}: {failure.reason}{again}"))
    if len(status.failures) > _MOST_FAILURES:
        rows.append(("", f"... and {len(status.failures) - _MOST_FAILURES} more: see 'facewatchd status --json'"))
    return rows


def _figures(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {key}" for key, count in counts.items())


def _progress(progress: Progress) -> str:
    if not progress.to_go:
        return progress.doing
    parts = [f"{progress.doing}: {progress.done} with {progress.faces} faces done, {progress.to_go} to go"]
    if progress.seconds_left is not None:
        left = duration(progress.seconds_left)
        parts.append(f"{progress.photos_per_second:.1f} a second, about {left} left")
    if progress.time:
        parts.append(f"time goes into {shares_said(progress.time.items())}")
    parts += [f"slow: {slow.path} ({slow.seconds:.0f} s)" for slow in progress.slow]
    return "; ".join(parts)


def _thresholds(thresholds: Thresholds, now: float) -> str:
    each = (("assign", thresholds.assign), ("margin", thresholds.margin), ("link", thresholds.link))
    parts = [f"{name} {threshold.value:.4g} ({threshold.origin})" for name, threshold in each]
    calibrated = thresholds.calibrated
    by = f"; calibrated on {calibrated.people} people, {local_time(calibrated.at, now)}" if calibrated else ""
    return ", ".join(parts) + by


# --- shown


def show(status: Status, *, verbose: bool) -> None:
    """`status`."""
    click.echo("\n".join(_lines(status, verbose=verbose)))


def _lines(status: Status, *, verbose: bool) -> Sequence[str]:
    now = time.time()
    return full(status, now, Console().width) if verbose else short(status, now)


def watch(ask: Callable[[], Status], *, verbose: bool) -> None:
    """
    `status --watch`: how things are until Ctrl-C, on a terminal in the same place, else a block whenever they change.

    Args:
        ask: Says how things are; `FacewatchError` where that cannot be told now.
        verbose: Whether all of it.
    """
    text = "\n".join(_lines(ask(), verbose=verbose))

    def look() -> str:
        try:
            return "\n".join(_lines(ask(), verbose=verbose))
        except FacewatchError as error:  # it was there a moment ago
            return f"Not well: {error}"

    try:
        if sys.stdout.isatty():
            _redraw(text, look)
        else:
            _print_changes(text, look)
    except KeyboardInterrupt:
        pass  # it is how a watch ends


def _redraw(text: str, look: Callable[[], str]) -> None:
    with Live(Text(text), console=Console(highlight=False), auto_refresh=False) as live:
        while True:
            time.sleep(_LOOK_EVERY_S)
            live.update(Text(look()), refresh=True)


def _print_changes(text: str, look: Callable[[], str]) -> None:
    click.echo(text)
    while True:
        wait_for_reader(_LOOK_EVERY_S)
        if (now := look()) != text:
            text = now
            click.echo(f"\n{text}")
