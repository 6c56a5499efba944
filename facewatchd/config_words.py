"""
What is wrong with a configuration, as sentences: the key, the allowed values, and its value.
"""

from __future__ import annotations

import difflib
import os
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types as bounds
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from facewatchd.errors import ConfigError, displayable

_MOST_SHOWN = 60
_LEAST_LIKENESS = 0.6


@dataclass(frozen=True, slots=True)
class Says:
    """The allowed values of a key, if its type does not tell them: "the path of a folder". Used in `Annotated`."""

    what: str


def problem_said(schema: type[BaseModel], problem: ErrorDetails) -> str:
    """
    One problem as a sentence without its full stop.

    Args:
        schema: What the configuration must be like.
        problem: What pydantic found.
    """
    key = displayable(".".join(str(part) for part in problem["loc"]))
    if problem["type"] in {"extra_forbidden", "invalid_key"}:
        return f"{key}: there is no such key; {_nearest(schema, problem['loc'])}config.example.yaml names them all"
    allowed = _allowed(schema, problem["loc"])
    if problem["type"] == "missing":
        return f"{key} is missing; it must be {allowed}"
    reason = problem.get("ctx", {}).get("error")
    because = f": {reason}" if isinstance(reason, ValueError) and str(reason) else ""
    return f"{key} must be {allowed}; it is {_value_said(problem['input'])}{because}"


# --- what may be


def _fields(schema: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a section, as they are in the file."""
    return {field.alias or name: field for name, field in schema.model_fields.items()}


def _allowed(schema: type[BaseModel], key: Sequence[str | int]) -> str:
    """The allowed values of a key, for the sentence '... must be ...'."""
    kind: Any = schema
    metadata: Sequence[Any] = ()
    for part in key:
        kind, metadata = _unwrapped(kind, metadata)
        if isinstance(part, int):
            kind, metadata = get_args(kind)[0], ()
        elif isinstance(kind, type) and issubclass(kind, BaseModel) and part in _fields(kind):
            field = _fields(kind)[part]
            kind, metadata = field.annotation, field.metadata
    return _described(kind, metadata)


def _unwrapped(kind: Any, metadata: Sequence[Any]) -> tuple[Any, list[Any]]:
    """A type without its annotations, and these annotations."""
    found = list(metadata)
    while get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        found += more
    return kind, [each for entry in found for each in (entry.metadata if isinstance(entry, FieldInfo) else [entry])]


def _described(kind: Any, metadata: Sequence[Any]) -> str:
    kind, metadata = _unwrapped(kind, metadata)
    if said := [entry.what for entry in metadata if isinstance(entry, Says)]:
        return str(said[-1])
    if get_origin(kind) in {Union, types.UnionType}:
        (some,) = (each for each in get_args(kind) if each is not type(None))
        return f"{_described(some, metadata)}, or empty"
    if get_origin(kind) is Literal:
        return _either([str(value) or "empty" for value in get_args(kind)])
    if get_origin(kind) is tuple:
        return "a list, such as [...]"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return f"a heading with keys below it, such as {next(iter(_fields(kind)))}"
    if kind in {int, float}:
        return ("a whole number" if kind is int else "a number") + _range(metadata)
    return {bool: "true or false", str: "text", Path: "the path of a folder"}[kind]


def _range(metadata: Sequence[Any]) -> str:
    least = next((entry.ge for entry in metadata if isinstance(entry, bounds.Ge)), None)
    above = next((entry.gt for entry in metadata if isinstance(entry, bounds.Gt)), None)
    most = next((entry.le for entry in metadata if isinstance(entry, bounds.Le)), None)
    if least is not None and most is not None:
        return f" from {least} to {most}"
    if least is not None:
        return f", {least} or more"
    return f" above {above}" if above is not None else ""


def _either(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}" if len(words) > 1 else words[0]


# --- what is


def _value_said(value: object) -> str:
    """A value as it is in the file, or its type."""
    match value:
        case None | "":
            return "empty"
        case bool():
            return "true" if value else "false"
        case str() | Path():
            text = displayable(str(value))
            return f"'{text}'" if len(text) <= _MOST_SHOWN else f"'{text[:_MOST_SHOWN]}...'"
        case bytes():
            return "data that is no text"
        case Mapping():
            return "a heading with keys below it"
        case list() | tuple():
            few = [_value_said(entry) for entry in value if isinstance(entry, str | int | float)]
            shown = f"[{', '.join(few)}]"
            return shown if len(few) == len(value) and len(shown) <= _MOST_SHOWN else "a list"
        case _:
            text = str(value)
            return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


# --- what was meant


def _nearest(schema: type[BaseModel], key: Sequence[str | int]) -> str:
    """The key that was probably meant, as a question. Empty if none is similar."""
    *above, last = key
    beside = _section(schema, above)
    wanted = str(last).casefold().replace("-", "_")
    start = "".join(f"{part}." for part in above)
    own = difflib.get_close_matches(wanted, beside, 1, _LEAST_LIKENESS)
    elsewhere = {path.rpartition(".")[2]: path for path in reversed(list(_paths(schema)))}
    if wanted in elsewhere:
        meant = elsewhere[wanted]
    elif own:
        meant = start + own[0]
    elif close := difflib.get_close_matches(wanted, elsewhere, 1, _LEAST_LIKENESS):
        meant = elsewhere[close[0]]
    else:
        return ""
    return f"did you mean {meant}? "


def _section(schema: type[BaseModel], above: Sequence[str | int]) -> list[str]:
    """The keys that are allowed below these."""
    kind: Any = schema
    for part in above:
        kind = get_args(kind)[0] if isinstance(part, int) else _unwrapped(_fields(kind)[part].annotation, ())[0]
    return list(_fields(kind)) if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _paths(schema: type[BaseModel], above: str = "") -> Iterator[str]:
    """All keys that are not in lists, with their sections."""
    for name, field in _fields(schema).items():
        yield above + name
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _paths(field.annotation, f"{above}{name}.")


RealPath = Callable[[bytes], bytes]
"""Resolves symbolic links."""


def refuse_overlaps(people_dir: Path, state_dir: Path, photos: Sequence[Path], real_path: RealPath) -> None:
    """
    Nested roots would take every photo in twice; a root in the people tree would watch our own links (R28, R35).

    Raises:
        ConfigError: Two of the folders lie in one another.
    """
    folders = (people_dir, state_dir, *photos)
    people, state, *roots = (Path(os.fsdecode(real_path(os.fsencode(path)))) for path in folders)
    if state == people or people in state.parents:
        raise ConfigError(
            "The state lies in the people tree", f"Move one of them: people.dir is {displayable(people)}.", state
        )
    for at, root in enumerate(roots):
        if root == people or people in root.parents:
            raise ConfigError(
                "A photo folder lies in the people tree",
                f"Move one of them: people.dir is {displayable(people)}.",
                photos[at],
            )
        for other in roots[:at]:
            if root == other or other in root.parents or root in other.parents:
                raise ConfigError(
                    "Two photo folders overlap", f"Keep the outer one only: {displayable(other)}.", photos[at]
                )
