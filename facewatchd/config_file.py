"""
A configuration file as values, with the place of each in the file.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from facewatchd.errors import ConfigError

_MERGE = "tag:yaml.org,2002:merge"

_PROBLEMS = (
    (r"found character '\\t'", "a tab stands there; indent with spaces"),
    (r"found character '(.)' that cannot start", r"no value can begin with \1; put it in quotes"),
    (r"mapping values are not allowed", "there is one ':' too many; put each key on its own line, and text with ': ' into quotes"),
    (r"expected ',' or '([\]}])'", r"a \1 is missing, or a comma"),
    (r"found unexpected end of stream|while scanning a quoted", "a quotation mark is missing"),
    (r"unknown escape|escape sequence", 'a \\ means something in "double quotes"; use \'single quotes\''),
    (r"could not determine a constructor for the tag '(?:tag:yaml\.org,2002:)?!?([^']*)'", r"a tag such as !\1 cannot be used"),
    (r"could not find expected ':'", "a ':' is missing behind a key"),
    (r"undefined alias '(.*)'", r"*\1 refers to &\1, which is not in the file; put text that begins with * in quotes"),
    (r"but found '?<block mapping start>|expected <block end>", "this line does not fit to the lines above it; check how far each line is indented"),
    (r"found another document", "a second '---' begins another document; only one is allowed"),
    (r"unhashable key", "a key must be a word"),
    (r"expected the node content", "a value is missing there, or a bracket or comma is too many"),
    (r"special characters are not allowed", "special characters are not allowed; write it again with a text editor"),
)  # fmt: skip
"""Messages of the YAML reader, and what they mean for people. All others are shown as they are."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """
    Attributes:
        path: The file. None if there is none.
        values: Its content, as nested mappings and lists. Empty if it has none.
    """

    path: Path | None
    values: dict[str, Any]
    _root: yaml.Node | None = None

    def line_of(self, key: Sequence[str | int]) -> int | None:
        """
        The line, from 1, of a key or an entry of a list, or of the innermost one around it that is in the file.

        Args:
            key: Keys and positions, the outermost first: `("dates", "rules", 0, "path")`.
        """
        node, line = self._root, None
        for part in key:
            found = next((pair for pair in _below(node) if pair[0] == str(part)), None)
            if found is None:
                break
            _, line, node = found
        return line


def _below(node: yaml.Node | None) -> Iterator[tuple[str, int, yaml.Node]]:
    """Keys or positions, their lines, and the nodes below them. The keys of a `<<` come last."""
    if isinstance(node, yaml.SequenceNode):
        for at, item in enumerate(node.value):
            yield str(at), item.start_mark.line + 1, item
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.tag != _MERGE and isinstance(key, yaml.ScalarNode):
                yield key.value, key.start_mark.line + 1, value
        for key, value in node.value:
            if key.tag == _MERGE:
                yield from _below(value)


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice. Plain YAML silently uses the last one (R28)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            # `<<` includes another mapping, and its keys may be set again
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        problem=f"{key.value} stands there twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (ValueError, AttributeError, OverflowError) as error:  # a 13th month; no number behind !!int
            raise yaml.constructor.ConstructorError(
                problem=f"{node.value} is not a valid date or number; put text in quotes", problem_mark=node.start_mark
            ) from error


def read_config_file(path: Path) -> ConfigFile:
    """
    Read a file of YAML.

    Raises:
        ConfigError: It cannot be read, is not YAML, or has no keys.
    """
    text = _text(path)
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        # an empty document counts as none
        values = None if root is None else loader.construct_document(root)
    except yaml.YAMLError as error:
        raise _not_yaml(path, error, text) from error
    except RecursionError as error:
        raise ConfigError("The configuration file is not valid YAML", "Its brackets go too deep.", path) from error
    if values is None:
        return ConfigFile(path, {})
    if not isinstance(values, dict):
        raise ConfigError(
            "The configuration cannot be used",
            "The file must have keys such as 'photos:', each with a space after its colon.",
            path,
        )
    return ConfigFile(path, values, root)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except IsADirectoryError as error:
        raise ConfigError(
            "The configuration file cannot be read", "It is a folder; name the file in it.", path
        ) from error
    except OSError as error:
        raise ConfigError(
            "The configuration file cannot be read", f"{error.strerror}; check its path and its permissions.", path
        ) from error
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigError("The configuration file cannot be read", "It is UTF-16 text; save it as UTF-8.", path)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError(
            "The configuration file cannot be read", f"Line {line} is not UTF-8 text; save the file as UTF-8.", path
        ) from error


def _not_yaml(path: Path, error: yaml.YAMLError, text: str) -> ConfigError:
    mark = getattr(error, "problem_mark", None)
    number = mark.line + 1 if mark is not None else None
    if isinstance(error, yaml.reader.ReaderError):
        number = text[: int(error.position)].count("\n") + 1
    said = " ".join(str(getattr(error, "problem", None) or error).split())
    problem = f"{getattr(error, 'context', None) or ''} {said}"
    for pattern, words in _PROBLEMS:
        if found := re.search(pattern, problem):
            said = found.expand(words)
            break
    else:
        if re.search(r"\b(expected|found|failed)\b", said):
            said = f"this cannot be understood ({said})"
    line = f"Line {number}: " if number is not None else ""
    return ConfigError(
        "The configuration file is not valid YAML", f"{line}{said}; compare with config.example.yaml.", path
    )
