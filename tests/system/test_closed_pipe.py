"""Whoever reads what a command prints may have seen enough: the command ends in silence."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import Home, environment, prepared

COMMANDS = [
    "status", "status -v", "status --json", "status --watch", "doctor", "tree --dry-run", "recluster --dry-run",
    "undo --list", "people list", "people list --json", "people show 1", "roots list", "dates report",
    "dates report --json", "dates fix --dry-run", "models list", "faces export --csv -",
    "faces export --csv /dev/stdout", "identify {photo}", "verify {photo} {photo}", "--help", "--version",
]  # fmt: skip

# runs one command after the other in forks of one process, as a start of the program takes most of a second
RUN = """
import os, sys
from facewatchd.cli.main import main
for line in sys.stdin.read().splitlines():
    said, its_said = os.pipe()
    pid = os.fork()
    if pid == 0:
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
        os.dup2(its_said, 2)
        os.close(said)
        sys.argv = ["facewatchd", *line.split("\\0")]
        sys.exit(main())
    os.close(its_said)
    with os.fdopen(said, "rb") as stream:
        errors = stream.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(code, ascii(errors.decode()), flush=True)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return prepared(tmp_path_factory)


def test_nobody_reads_what_is_printed(home: Home) -> None:
    """No traceback and no complaint, also not while the interpreter ends; and no command waits for ever."""
    photo = str(next(path for path in sorted(home.album.rglob("*.jpg")) if str(path).isascii()))
    lines = []
    for command in COMMANDS:
        words = [word.format(photo=photo) for word in command.split()]
        lines.append("\0".join(words + (["--config", str(home.config)] if not command.startswith("--") else [])))
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        env=environment({"PYTHONPATH": os.pathsep.join(sys.path)}),
        timeout=120,
        check=True,
    )
    ended = dict(zip(COMMANDS, done.stdout.splitlines(), strict=True))
    assert ended == dict.fromkeys(COMMANDS, "1 ''")


@pytest.mark.parametrize("command", ["people list --json", "faces export --csv -"])
def test_the_reader_takes_the_beginning(home: Home, command: str) -> None:
    """As `head -1` does."""
    with subprocess.Popen(
        home.command(*command.split()), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "Exception" not in said
    assert "cannot be written" not in said


def test_the_table_on_standard_output(home: Home, tmp_path: Path) -> None:
    """The same as in a file, byte for byte."""
    home.run("faces", "export", "--csv", str(tmp_path / "faces.csv"))
    ended = home.run("faces", "export", "--csv", "-")
    assert ended.out.encode("utf-8", "surrogateescape") == (tmp_path / "faces.csv").read_bytes()
    assert len(list(csv.reader(io.StringIO(ended.out)))) == len(home.faces()) + 1
    assert ended.line == f"{len(home.faces())} faces written to standard output."
