"""
What the daemon does, live, on the last line of a terminal; the log goes on above it.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, Iterator

from rich.console import Console, ConsoleRenderable
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from facewatchd.daemon.intake.progress import Figures, duration, shares_said

_PER_SECOND = 4


class Display:
    """
    Shows the latest figures. They may be set from any thread.

    Args:
        console: Where.
    """

    def __init__(self, console: Console) -> None:
        self._figures = Figures("starting")
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=_PER_SECOND,
            transient=True,
            redirect_stdout=False,
        )

    def show(self, figures: Figures) -> None:
        is_news = figures.doing != self._figures.doing
        self._figures = figures
        if is_news:
            self._live.refresh()

    @contextlib.contextmanager
    def shown(self) -> Iterator[None]:
        """While this lasts it is on the terminal, and the log is written above it."""
        handlers = [handler for handler in logging.getLogger().handlers if isinstance(handler, logging.StreamHandler)]
        before = [handler.stream for handler in handlers]
        with self._live:
            # rich has put itself in the place of stderr, which a handler asks for only once
            for handler in handlers:
                handler.setStream(sys.stderr)
            try:
                yield
            finally:
                for handler, stream in zip(handlers, before, strict=True):
                    handler.setStream(stream)

    def _render(self) -> ConsoleRenderable:
        return picture(self._figures)


def picture(figures: Figures) -> ConsoleRenderable:
    """The figures as they are shown."""
    if not figures.to_go:
        return Text(figures.doing, style="dim", no_wrap=True, overflow="ellipsis")
    total = figures.done + figures.to_go
    table = Table.grid(padding=(0, 2))
    cells: list[ConsoleRenderable | str] = [
        escape(figures.doing),
        f"{figures.done} of {total} photos",
        ProgressBar(total=total, completed=figures.done, width=24),
        f"{figures.faces} faces",
        f"{figures.rate:.1f} a second" if figures.rate else "",
        f"{duration(figures.seconds_left)} left" if figures.seconds_left is not None else "",
    ]
    table.add_row(*cells)
    outer = Table.grid()
    outer.add_row(table)
    if figures.shares:
        outer.add_row(Text(f"time goes into {shares_said(figures.shares)}", style="dim", no_wrap=True))
    for slow in figures.slow:
        outer.add_row(
            Text(f"slow: {slow.path} ({duration(slow.seconds)})", style="dim", no_wrap=True, overflow="ellipsis")
        )
    return outer


def on_terminal(use: Callable[[Callable[[Figures], None]], None]) -> contextlib.AbstractContextManager[None]:
    """
    A display, if a line of the terminal that stderr is can be written anew.

    Args:
        use: Called with what shows figures, where there is a display.
    """
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal or console.is_dumb_terminal:
        return contextlib.nullcontext()
    display = Display(console)
    use(display.show)
    return display.shown()
