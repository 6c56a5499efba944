"""README and docs/: commands, options and keys are all there, and what the pages name exists."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import facewatchd
from facewatchd.cli.main import main

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")))
EVERYWHERE = {"--config", "--state", "--help", "-h", "--version"}
"""Options that 'For every command' explains once."""

TARGETS = r"(?m)^([a-z]+):.*## "
MAKE = r"(?m)(?:`|^ {4,})make ([a-z]+)"

PLACEHOLDERS = {"N": "1", "FACE": "1", "NUMBER": "1"}
"""What stands for a number in an example."""


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def without_code_blocks(text: str) -> str:
    """The lines that are prose, tables and headings."""
    return "\n".join("" if line.startswith("    ") else line for line in text.splitlines())


def headings(text: str) -> list[str]:
    return re.findall(r"(?m)^#+ +(.+?) *$", without_code_blocks(text))


def anchor(heading: str) -> str:
    """What GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-")


def section(text: str, heading: str) -> str:
    """What stands below a heading, up to the next one of any level."""
    found = re.search(rf"(?ms)^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text)
    assert found, f"there is no heading {heading!r}"
    return found[1]


def spans(text: str) -> set[str]:
    """What stands between backticks, on one line or over two."""
    return {" ".join(found.replace("\n# ", " ").split()) for found in re.findall(r"`([^`]+)`", text)}


def first_cells(text: str) -> Iterator[str]:
    """The words between backticks in what the rows of tables begin with, such as options."""
    for cell in re.findall(r"(?m)^\| (.+?) \|", text):
        for span in spans(cell):
            yield from (word.rstrip(".,") for word in span.split())


def commands(command: click.Command = main, path: str = "facewatchd") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, by what is typed for it."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, f"{path} {name}")
    else:
        yield path, command


COMMANDS = dict(commands())


def keys(values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Dotted name -> value of every key of a configuration."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= keys(value, f"{above}{key}.") if isinstance(value, dict) else {above + key: value}
    return found


def command_lines(name: str) -> set[str]:
    """Every command line of ours that a page shows, in a code block or between backticks."""
    text = page(name)
    shown = {span for span in spans(without_code_blocks(text)) if span.startswith("facewatchd ")}
    for line in text.splitlines():
        # behind a wide gap stands what the command does
        typed = re.match(r" {4,}(?:\.venv/bin/)?(facewatchd \S.*?)(?: {3,}.*)?$", line)
        shown |= {typed[1]} if typed else set()
    return shown


def parse(line: str) -> None:
    """
    Have click read a command line, and run nothing. A command alone names it, also where it wants arguments.

    Raises:
        click.UsageError: There is no such command, or it takes no such options or arguments.
    """
    words = [PLACEHOLDERS.get(word, word) for word in shlex.split(line)[1:]]
    command: click.Command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        if words[0] not in command.commands:
            raise click.UsageError(f"no such command: {words[0]}")
        command = command.commands[words.pop(0)]
    if words:
        try:
            command.make_context(line, words)
        except click.exceptions.Exit as end:  # --help
            assert end.exit_code == 0  # noqa: PT017 - it is no failure


def messages() -> Iterator[str]:
    """Every text in the program, with a gap where a value is filled in; no docstrings, as these have several lines."""
    for path in Path(facewatchd.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "\0" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
                yield node.value


MESSAGES = tuple(messages())


class TestReadme:
    def test_is_short(self) -> None:
        """A newcomer reads it to the end: everything else is in docs/."""
        assert page("README.md").count("\n") <= 200

    def test_leads_to_every_page(self) -> None:
        """From the README every page is one step away."""
        for name in PAGES[1:]:
            assert f"]({name}" in page("README.md"), name

    def test_messages_point_to_its_headings(self) -> None:
        """Where a message sends its reader to a part of the README, that part is there."""
        pointed = {heading for text in MESSAGES for heading in re.findall(r"README, '([^']+)'", text)}
        assert pointed
        assert pointed <= set(headings(page("README.md")))


class TestCommands:
    @pytest.mark.parametrize("path", COMMANDS)
    def test_every_option_and_argument_is_explained(self, path: str) -> None:
        """docs/commands.md has a part for every command, with each of its options and arguments."""
        words = set(first_cells(section(page("docs/commands.md"), path)))
        for parameter in COMMANDS[path].params:
            if isinstance(parameter, click.Option):
                assert {*parameter.opts, *parameter.secondary_opts} <= words | EVERYWHERE, parameter.opts
            else:
                name = re.sub(r"[\[\].]", "", parameter.make_metavar(click.Context(COMMANDS[path])))
                assert name in words, name

    def test_no_other_command_and_option_is(self) -> None:
        """What docs/commands.md explains exists."""
        text = page("docs/commands.md")
        explained = {heading for heading in headings(text) if heading.startswith("facewatchd ")}
        assert explained == set(COMMANDS)
        for path in explained:
            options = {option for parameter in COMMANDS[path].params for option in parameter.opts}
            named = {word for word in first_cells(section(text, path)) if word.startswith("-")}
            assert named <= options, path

    def test_what_all_have_in_common(self) -> None:
        """--config and --state, which every command takes, are explained once."""
        words = {
            word for span in spans(section(page("docs/commands.md"), "For every command")) for word in span.split()
        }
        assert words >= EVERYWHERE
        for path, command in COMMANDS.items():
            options = {option for parameter in command.params for option in parameter.opts}
            assert {"--config", "--state"} <= options, path


class TestConfiguration:
    def test_every_key_with_its_default(self) -> None:
        """docs/configuration.md has every key and no other, with the default that config.example.yaml has, too."""
        rows = re.findall(r"(?m)^\| `([\w.]+)` \| (.+?) \| .+ \|$", page("docs/configuration.md"))
        told = {key: None if default == "empty" else yaml.safe_load(default.strip("`")) for key, default in rows}
        assert len(told) == len(rows)
        assert told == keys(yaml.safe_load(page("config.example.yaml")))


class TestPages:
    @pytest.mark.parametrize("name", PAGES)
    def test_links_lead_somewhere(self, name: str) -> None:
        """Every relative link leads to a file, or to a heading, that is there."""
        for target in re.findall(r"\]\(([^)\s]+)\)", without_code_blocks(page(name))):
            if re.match(r"\w+:", target):
                continue
            file, _, fragment = target.partition("#")
            path = (ROOT / name).parent / file if file else ROOT / name
            assert path.exists(), target
            if fragment:
                assert fragment in map(anchor, headings(path.read_text("utf-8"))), target

    @pytest.mark.parametrize("name", PAGES)
    def test_headings_are_told_apart(self, name: str) -> None:
        """No two headings of a page have the same anchor."""
        anchors = [anchor(heading) for heading in headings(page(name))]
        assert sorted(anchors) == sorted(set(anchors))

    @pytest.mark.parametrize("name", [*PAGES, "config.example.yaml"])
    def test_command_lines_can_be_typed(self, name: str) -> None:
        """Every command line of ours that a page shows has commands and options that exist."""
        for line in sorted(command_lines(name)):
            try:
                parse(line)
            except (click.UsageError, ValueError) as error:
                pytest.fail(f"{line}: {error}")

    def test_that_is_no_idle_check(self) -> None:
        """Command lines are found, and a wrong one is refused."""
        assert 'facewatchd people rename "Person 12" Grandma' in command_lines("docs/commands.md")
        assert "facewatchd undo --list" in command_lines("README.md")
        assert len(command_lines("config.example.yaml")) > 5
        for line in ("facewatchd peeple", "facewatchd people lost", "facewatchd status --loud", "facewatchd undo all"):
            with pytest.raises(click.UsageError):
                parse(line)

    @pytest.mark.parametrize("name", PAGES)
    def test_named_files_and_targets_exist(self, name: str) -> None:
        """Benchmarks, tests, units and targets of make that a page names are there."""
        for span in spans(without_code_blocks(page(name))):
            if re.match(r"(benchmarks|tests|systemd)/\S+$", span.split()[0]):
                assert (ROOT / span.split()[0]).exists(), span
        assert set(re.findall(MAKE, page(name))) <= {"help", *re.findall(TARGETS, page("Makefile"))}


class TestTroubleshooting:
    def test_symptoms_are_what_the_program_says(self) -> None:
        """What docs/operations.md sets in italics as a symptom stands so in a message; '...' stands for what is filled in."""
        rows = re.findall(r"(?m)^\| (\*.+?) \|", page("docs/operations.md"))
        pieces = {
            part.strip(" ,?") for row in rows for said in re.findall(r"\*([^*]+)\*", row) for part in said.split("...")
        }
        assert len(pieces) > 30
        assert {piece for piece in pieces if not any(piece.lower() in text.lower() for text in MESSAGES)} == set()


class TestArchitecture:
    def test_every_room_is_named(self) -> None:
        """docs/architecture.md has a row for every folder of the package, and every folder in it is named there."""
        top = Path(facewatchd.__file__).parent
        rows = {row.split("`")[1]: row for row in page("docs/architecture.md").splitlines() if row.startswith("| `")}
        for folder in sorted({path.parent for path in top.rglob("*.py")} - {top}):
            room, *parts = folder.relative_to(top).parts
            assert f"{room}/" in rows
            assert all(f"`{part}/`" in rows[f"{room}/"] for part in parts), folder

    def test_every_target_of_make_is_explained(self) -> None:
        """... and what `make` can do."""
        assert set(re.findall(TARGETS, page("Makefile"))) <= set(re.findall(MAKE, page("docs/architecture.md")))
