"""
What an operation is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, TypeAlias, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from facewatchd.errors import FacewatchError

if TYPE_CHECKING:
    from facewatchd.operations.context import Alone, Reading, Writing


class Record(BaseModel):
    """
    The parameters or the result of an operation, or a part of one: plain data that JSON can carry. Paths and names are text,
    with undecodable bytes as surrogates.

    Attributes:
        aside: Names of fields that are for the callers within the program, and that `document` leaves out.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    aside: ClassVar[frozenset[str]] = frozenset()

    def document(self) -> dict[str, Any]:
        """What `--json` prints; its keys are part of the interface."""
        return self.model_dump(mode="json", by_alias=True, exclude=set(self.aside))


class Nothing(Record):
    """No parameters, or no result."""


def _encodable(text: str) -> str:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        raise ValueError("it cannot be written as bytes") from None
    return text


Text = Annotated[str, AfterValidator(_encodable)]
"""A path, or what was typed: undecodable bytes are surrogates, as `os.fsdecode` makes them, and there are no others."""

Number = Annotated[int, Field(ge=1, lt=1 << 63)]
"""Of a face or a correction; as large as SQLite can store."""

P = TypeVar("P", bound=Record)
R = TypeVar("R", bound=Record)

Answer: TypeAlias = R | Future[R]
"""A result, or where it is going to be."""


@dataclass(frozen=True)
class Operation(Generic[P, R]):
    """
    Something that can be asked of the program. Each is a `Read`, `Write`, `Sole` or `Ask`, which says who carries it out.

    Attributes:
        name: As the control socket carries it: "people.rename". The command `facewatchd people rename` has the same name.
        parameters: What it is given.
        result: What comes of it.
    """

    name: str
    parameters: type[P]
    result: type[R]


@dataclass(frozen=True)
class Read(Operation[P, R]):
    """
    Changes nothing in the state: the process that asks carries it out, also while the daemon runs.

    Attributes:
        run: Raises FacewatchError where it cannot be done.
    """

    run: Callable[[Reading, P], R]


@dataclass(frozen=True)
class Write(Operation[P, R]):
    """
    Changes the state or the people tree: the running daemon carries it out, in the thread that owns the state; where none runs,
    the process that asks does, with the state held.

    Attributes:
        run: Raises FacewatchError where it cannot be done. Does not take long: it does a part, or returns a Future.
        following: What to ask for after a result, where that was a part of the whole; None where nothing is left.
    """

    run: Callable[[Writing, P], Answer[R]]
    following: Callable[[P, R], P | None] = lambda _parameters, _result: None


@dataclass(frozen=True)
class Sole(Operation[P, R]):
    """
    Needs the state for itself: it is refused while the daemon runs.

    Attributes:
        run: Raises FacewatchError where it cannot be done.
        makes_state: Whether there need not be a state before.
    """

    run: Callable[[Alone, P], R]
    makes_state: bool = False


@dataclass(frozen=True)
class Ask(Operation[P, R]):
    """
    What only a running daemon knows.

    Attributes:
        run: Reads nothing that may be away: it is carried out although the state cannot be written.
    """

    run: Callable[[Writing, P], R]


class OtherVersionError(FacewatchError):
    """
    The running daemon and the process that asks it do not understand each other.

    Args:
        title: What was not understood.
        message: More about it, as a sentence without a full stop; empty where there is none.
    """

    def __init__(self, title: str, message: str = "") -> None:
        more = f"{message}. " if message else ""
        super().__init__(title, f"{more}Is it of another version? Restart it.")
