"""What is said on a machine that lacks something: a system library, or being Linux."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import PROGRAM, Home, environment, fresh, run

NEEDS = "Debian and Ubuntu: apt install libgl1 libglib2.0-0 libxcb1; Fedora: dnf install mesa-libGL glib2 libxcb."
COMMANDS = [
    "run", "run --once", "identify photo.jpg", "verify a.jpg b.jpg", "tree", "tree --dry-run", "recluster", "models list",
    "models verify", "models use builtin", "undo", "undo --list", "retry", "dates report", "dates fix", "calibrate", "evaluate",
    "status", "people list", "people show 1", "roots list", "faces export --csv -", "backup copy",
]  # fmt: skip

# runs one command after the other in forks of one process, as a start of the program takes most of a second
RUN = """
import os, sys
from facewatchd.cli.main import main
for line in sys.stdin.read().splitlines():
    said, its_said = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(its_said, 2)
        os.close(said)
        os.close(1)
        os.open(os.devnull, os.O_WRONLY)
        sys.argv = ["facewatchd", *line.split()]
        sys.exit(main())
    os.close(its_said)
    with os.fdopen(said, "rb") as stream:
        errors = stream.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(code, ascii(errors.decode()), flush=True)
"""


@pytest.fixture
def without_opencv(tmp_path: Path) -> dict[str, str]:
    """An environment in which OpenCV fails as its wheel does on a machine without libGL."""
    folder = tmp_path / "without"
    folder.mkdir()
    (folder / "cv2.py").write_text(
        "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')\n"
    )
    return {"PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}


def test_without_a_system_library_every_command_says_what_to_install(
    tmp_path: Path, without_opencv: dict[str, str]
) -> None:
    """The same sentence as `doctor`, in one line; a command that does without goes on without."""
    home = Home(tmp_path / "home")
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input="\n".join(f"{command} --config {home.config}" for command in COMMANDS),
        capture_output=True,
        text=True,
        env=environment(without_opencv),
        cwd=tmp_path,
        timeout=120,
        check=True,
    )
    ended = dict(zip(COMMANDS, done.stdout.splitlines(), strict=True))
    assert not any("Traceback" in said for said in ended.values())
    assert all(said.startswith("1 ") and said.count("\\n") == 1 for said in ended.values()), ended
    able = {command for command, said in ended.items() if "There is no state yet" in said}
    for command in COMMANDS:
        if command not in able:
            assert "libGL.so.1: cannot open shared object file" in ended[command]
            assert NEEDS in ended[command]
    assert not able & {"run", "run --once", "identify photo.jpg", "models use builtin"}


def test_doctor_without_a_system_library(
    tmp_path: Path, without_opencv: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on to the end, and says what to install."""
    home = Home(tmp_path / "home")
    for name, value in without_opencv.items():
        monkeypatch.setenv(name, value)
    findings = home.run("doctor", "--json", code=1).json["findings"]
    (opencv,) = [each for each in findings if each["what"] == "OpenCV"]
    assert opencv["verdict"] == "problem"
    assert NEEDS in opencv["remedy"]
    assert {"photos", "daemon", "inotify"} <= {each["what"] for each in findings}


def test_the_installation_says_the_same(without_opencv: dict[str, str]) -> None:
    """`make` asks before it says that all is installed."""
    done = subprocess.run(
        [sys.executable, "-c", "from facewatchd.libraries import check; check()"],
        env=environment(without_opencv),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert NEEDS in line


@pytest.mark.parametrize("system", ["darwin", "freebsd14"])
@pytest.mark.parametrize("arguments", [["run", "--photos", "/photos"], ["status"], ["--help"]], ids=" ".join)
def test_on_another_system_than_linux(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, arguments: list[str]
) -> None:
    """One sentence, before anything is imported that only Linux has."""
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys\nsys.platform = {system!r}\n"
        "for name in ('resource', 'watchdog', 'onnxruntime', 'cv2'):\n    sys.modules[name] = None\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    ended = run([*PROGRAM, *arguments], code=1)
    assert ended.out == ""
    assert f"runs on Linux only, and this is {system}" in ended.line


def test_a_home_that_lacks_nothing(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> None:
    """The other way round: what is looked for here is here."""
    home = fresh(tmp_path_factory, tmp_path / "home")
    findings = home.run("doctor", "--json").json["findings"]
    assert {each["verdict"] for each in findings if each["what"] in {"OpenCV", "models", "decoder"}} == {"ok"}
