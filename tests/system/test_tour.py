"""The tour of five minutes in the README, as a newcomer takes it: on the demo album, by the commands that stand there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from running import environment, prepared

ROOT = Path(__file__).parents[2]


def tour() -> str:
    """The part of the README."""
    found = re.search(r"(?ms)^## Five minutes\n(.*?)^## ", (ROOT / "README.md").read_text("utf-8"))
    assert found
    return found[1]


def shell(folder: Path, script: str) -> str:
    """What a script prints; it must not fail."""
    done = subprocess.run(
        ["sh", "-ec", f"export FACEWATCHD_CONFIG=demo-album/facewatchd.yaml\n{script}"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), script
    return done.stdout


def test_the_tour(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """Every command of the tour works in its order, and every gesture does what is promised."""
    first, second = (
        re.sub(r"(?m)^ +", "", block) for block in re.findall(r"(?m)(?:^ {4,}(?:\.venv|export|ls).*\n)+", tour())
    )
    home = prepared(tmp_path_factory).copy(tmp_path / "demo-album")
    home.config.rename(home.path / "facewatchd.yaml")
    program = tmp_path / ".venv" / "bin" / "facewatchd"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m facewatchd "$@"\n', "utf-8")
    program.chmod(0o755)
    assert len(list(home.people.glob("Person *"))) == 8

    assert "Person 8" in shell(tmp_path, first)
    (rename,) = re.findall(r"`(mv [^`]+)`", tour())
    shell(tmp_path, rename)
    moved = next(path for path in sorted((home.people / "Person 2").iterdir()) if path.name[:2] == "20")
    moved.rename(home.people / "Grandma" / moved.name)
    deleted = next(path for path in sorted((home.people / "Person 3").iterdir()) if path.name[:2] == "20")
    photo = deleted.resolve()
    deleted.unlink()
    (home.people / "Person 4").rename(home.people / "_ignored" / "Person 4")
    shell(tmp_path, ".venv/bin/facewatchd tree")  # the daemon of the tour does it by itself
    assert photo.exists()

    said = shell(tmp_path, second)
    assert re.search(r"(?m)^1 .* Person 1 is Grandma", said)
    assert re.search(r": it is Grandma and not Person 2", said)
    assert re.search(r": not Person 3", said)
    assert "Person 4 is hidden" in said
    assert re.findall(r"(?m)^Taken back: (.*?)\. To have", said)[1:] == ["Person 1 is Grandma"]
    assert not (home.people / "Grandma").exists()
    # 'Eleven were put right in the demo album'
    assert ", 11 fixed, " in shell(tmp_path, ".venv/bin/facewatchd dates report")
    assert "11 dates taken back" in shell(tmp_path, ".venv/bin/facewatchd dates undo")
