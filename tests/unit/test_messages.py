"""What the program says is for people, read from its source: no path, and no error with one in it, as Python writes bytes."""

from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

import facewatchd
from facewatchd.errors import cause

PACKAGE = Path(facewatchd.__file__).parent
MODULES = {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_bytes()) for path in sorted(PACKAGE.rglob("*.py"))}
# what the system calls a file by stands in their texts, as it was asked: our paths are bytes
WITH_PATHS = {"OSError", "Exception", "BaseException", "PermissionError", "FileNotFoundError", "FileExistsError"}
LOGS = {"debug", "info", "warning", "error", "exception"}


def handlers(tree: ast.Module) -> list[ast.ExceptHandler]:
    """Those that catch what may hold a path, under a name."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name and node.type]
    return [
        handler
        for handler in found
        if handler.type is not None
        and any(isinstance(part, ast.Name) and part.id in WITH_PATHS for part in ast.walk(handler.type))
    ]


def told(handler: ast.ExceptHandler) -> list[int]:
    """Lines of a handler that make a text of the error itself, and not by `cause` or another that knows what is in it."""
    lines = []
    for node in ast.walk(handler):
        parts: list[ast.expr] = []
        if isinstance(node, ast.FormattedValue):
            parts = [node.value]
        elif isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            parts = node.args if name in {*LOGS, "str", "repr", "echo"} else []
        lines += [part.lineno for part in parts if isinstance(part, ast.Name) and part.id == handler.name]
    return lines


@pytest.mark.parametrize("name", MODULES)
def test_errors_of_the_system_are_told_with_paths_for_people(name: str) -> None:
    """`OSError: [Errno 2] No such file or directory: b'/home/...'` is for nobody."""
    assert [line for handler in handlers(MODULES[name]) for line in told(handler)] == []


def test_the_rule_sees_what_it_is_for() -> None:
    """A handler as it must not be."""
    source = "try:\n    pass\nexcept (ValueError, OSError) as error:\n    log.info('%s', error)\n    x = f'{error}'\n"
    (handler,) = handlers(ast.parse(source))
    assert told(handler) == [4, 5]


def test_a_cause_is_told_with_its_path() -> None:
    """Undecodable bytes are escaped, as everywhere."""
    with pytest.raises(OSError) as caught:
        os.stat(b"/nowhere/caf\xe9\n")
    assert cause(caught.value) == r"No such file or directory (/nowhere/caf\xe9\x0a)"
    assert cause(ValueError("too long")) == "too long"
    assert cause(KeyError(b"caf\xe9")) == r"caf\xe9"


@pytest.mark.parametrize("name", MODULES)
def test_no_text_is_made_of_a_path_by_repr(name: str) -> None:
    """What is quoted by `!r` or `%r` is a text of ours or the user's, never bytes."""
    named = [
        (node.lineno, part.value.id)
        for node in ast.walk(MODULES[name])
        if isinstance(node, ast.JoinedStr)
        for part in node.values
        if isinstance(part, ast.FormattedValue) and part.conversion == ord("r") and isinstance(part.value, ast.Name)
    ]
    assert not [at for at in named if at[1] in {"path", "folder", "file", "target", "photo", "root", "below", "place"}]
