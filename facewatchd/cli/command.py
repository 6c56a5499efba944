"""
What every command of the command line has in common: the configuration that it is given, how it ends where it cannot do
what it should, and how JSON is printed.
"""

from __future__ import annotations

import functools
import json
import os
import select
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from facewatchd.config import Config, find_config, load_config
from facewatchd.errors import FacewatchError, displayable, remedy
from facewatchd.kept_signal import KeptSignal
from facewatchd.libraries import load_error
from facewatchd.log import set_up_logging

if TYPE_CHECKING:
    from facewatchd.operations.base import Record


class FileName(click.ParamType[Path]):
    """A file or folder. Click's own looks whether it can be read, and so waits for a share that does not answer."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:  # noqa: ARG002
        return Path(os.fsdecode(value))


FILE = FileName()


class FaceNumber(click.ParamType[int]):
    """A face's id."""

    name = "face"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        text = str(value)
        # what SQLite can count to
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:20]) < 2**63):
            told = f"'{displayable(text)}' is no face; give its number, as 'facewatchd people show' lists it"
            self.fail(told, param, ctx)
        return int(text)


FACE = FaceNumber()


def configured(command: Callable[..., None]) -> Callable[..., None]:
    """
    Give a command --config and --state, and the configuration made of them as its first argument. It goes on for long, and its
    log says how.
    """

    @click.option("--config", "config_file", type=FILE, metavar="FILE", help="Configuration file.")
    @click.option("--state", "state_dir", type=FILE, metavar="DIR", help="State folder (state.dir).")
    @functools.wraps(command)
    def wrapper(*args: Any, config_file: Path | None, state_dir: Path | None, **kwargs: Any) -> None:
        overrides: dict[str, Any] = {}
        if state_dir is not None:
            overrides["state"] = {"dir": state_dir}
        if kwargs.get("photos"):
            overrides["photos"] = kwargs["photos"]
        if kwargs.get("people") is not None:
            overrides["people"] = {"dir": kwargs["people"]}
        kwargs.pop("photos", None)
        kwargs.pop("people", None)

        from facewatchd.operations.paths import resolver  # noqa: PLC0415 - not at the top, as below

        real_path = resolver()

        def read() -> Config:
            return load_config(find_config(config_file, os.environ), overrides, real_path)

        # who goes on for long may have to read it again
        click.get_current_context().obj = read
        config = read()
        set_up_logging(config.log.level)
        command(config, *args, **kwargs)

    return wrapper


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command --config and --state, and a client for them as its first argument. It answers, and its log says little."""

    @functools.wraps(command)
    def wrapper(config: Config, *args: Any, **kwargs: Any) -> None:
        # not at the top: it takes the state with it, which --help can do without
        from facewatchd.operations.client import Client  # noqa: PLC0415

        if config.log.level == "info":
            # the answer is not to drown in the log
            set_up_logging("warning")
        command(Client(config), *args, **kwargs)

    return configured(wrapper)


def end_when_told(code: int = 0) -> None:
    """
    Until the daemon's loop handles signals itself, there is nothing to finish first. A request to read the configuration again
    is kept for it.

    Args:
        code: To end with: not 0 where something was to be done once.
    """
    KeptSignal.keep(signal.SIGHUP)

    def end(_number: int, _frame: object) -> None:
        # not sys.exit: a library's callback that the signal happens to interrupt would swallow the exception
        os._exit(code)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


class UsageLine(click.UsageError):
    """What was typed wrong, in one line."""

    def show(self, file: IO[Any] | None = None) -> None:
        words = " ".join(self.format_message().split())
        path = self.ctx.command_path if self.ctx is not None else "facewatchd"
        click.echo(
            f"facewatchd: {words.rstrip('.?')}{words[-1:] if words[-1:] == '?' else '.'} See '{path} --help'.",
            file,
            err=True,
        )


def _let_go_of_closed_pipes() -> None:
    """What could not be printed is kept back, and would be tried once more, with a complaint, when the interpreter ends."""
    for stream in filter(None, (sys.__stdout__, sys.__stderr__)):
        try:
            stream.flush()
        except BrokenPipeError:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)


class OneLineErrors(click.Group):
    """Ends every command with one line where it cannot do what it should."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Also ends in silence where the reader of what is printed has seen enough: `facewatchd people list | head -1`."""
        try:
            return super().main(*args, **kwargs)
        finally:
            _let_go_of_closed_pipes()

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        try:
            return super().make_context(*args, **kwargs)
        except click.UsageError as error:
            raise _one_line(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _one_line(error) from error
        except FacewatchError as error:
            click.echo(f"facewatchd: {error}", err=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            raise  # click ends with 1 then, and says nothing
        except ImportError as error:
            # loaded late, as most commands do without
            click.echo(f"facewatchd: {load_error(error)}", err=True)
            ctx.exit(1)
        except sqlite3.Error as error:
            from facewatchd.store.trouble import advice  # noqa: PLC0415

            click.echo(f"facewatchd: The state cannot be read: {advice(error)}", err=True)
            ctx.exit(1)
        except OSError as error:
            where = f" ({displayable(error.filename)})" if error.filename is not None else ""
            click.echo(f"facewatchd: A file or folder cannot be used{where}: {remedy(error)}", err=True)
            ctx.exit(1)


def _one_line(error: click.UsageError) -> click.UsageError:
    """The same, said in one line; a command without anything behind it shows its help."""
    return (
        error if isinstance(error, click.exceptions.NoArgsIsHelpError) else UsageLine(error.format_message(), error.ctx)
    )


def wait_for_reader(seconds: float) -> None:
    """
    Let time pass, for a command that prints now and then.

    Raises:
        BrokenPipeError: The reader of what it prints is gone.
    """
    reader = select.poll()
    # a pipe without a reader says so by itself
    reader.register(1, 0)
    if any(what & (select.POLLERR | select.POLLHUP) for _, what in reader.poll(seconds * 1000)):
        raise BrokenPipeError


def print_json(result: Record) -> None:
    """Print a result as one JSON document, and nothing else."""
    click.echo(json.dumps(result.document(), indent=2))
