"""What installs and starts the program: lock files, Makefile, CI script and systemd units."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements-build.lock", "requirements.lock", "requirements-dev.lock")
UNITS = ("facewatchd.service", "facewatchd-user.service")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))

needs_make = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def locked(name: str) -> dict[str, str]:
    """Name -> version of everything in a lock file; asserts that each entry has hashes."""
    found = {}
    text = re.sub(r"(?m)^ *#.*\n?", "", (ROOT / name).read_text("utf-8"))
    for entry in filter(None, text.replace("\\\n", " ").splitlines()):
        match = re.fullmatch(r"([a-z0-9-]+)==(\S+)((?: +--hash=sha256:[0-9a-f]{64})+) *", entry)
        assert match, f"{name}: {entry[:60]!r} is not a version with hashes"
        found[match[1]] = match[2]
    return found


def make(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environ = {key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    return subprocess.run(
        ["make", *arguments, *(f"{key}={value}" for key, value in variables.items())],
        cwd=ROOT,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


class TestLocks:
    @pytest.mark.parametrize("name", LOCKS)
    def test_versions_with_hashes(self, name: str) -> None:
        """Everything in a lock has an exact version and sha256 hashes."""
        assert locked(name)

    @pytest.mark.parametrize("name", LOCKS)
    def test_no_addresses(self, name: str) -> None:
        """A lock names no index, no server and no folder of the machine that it was made on."""
        text = (ROOT / name).read_text("utf-8")
        assert not re.search(r"https?:|file:|--(extra-)?index|--find-links|--trusted-host|(?<![\w:.])/\w", text)

    @pytest.mark.parametrize(
        ("name", "wanted"),
        [
            ("requirements-build.lock", PROJECT["build-system"]["requires"]),
            ("requirements.lock", PROJECT["project"]["dependencies"]),
            ("requirements-dev.lock", PROJECT["project"]["dependencies"]),
            ("requirements-dev.lock", PROJECT["project"]["optional-dependencies"]["dev"]),
        ],
    )
    def test_fits_the_project(self, name: str, wanted: list[str]) -> None:
        """Every dependency of pyproject.toml is locked to a version that it allows; `make lock` brings that about."""
        versions = locked(name)
        for requirement in map(Requirement, wanted):
            assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement

    def test_tests_run_with_what_users_get(self) -> None:
        """The developers' lock is the users' lock and more."""
        assert locked("requirements.lock").items() <= locked("requirements-dev.lock").items()
        assert locked("requirements-build.lock").items() <= locked("requirements-dev.lock").items()

    def test_no_second_runtime(self) -> None:
        """The wheel for GPUs owns the same files as the one for processors: a lock with both gives either."""
        assert "onnxruntime-gpu" not in locked("requirements.lock")


@needs_make
class TestMakefile:
    def test_help_lists_every_target(self) -> None:
        """`make` alone explains every target in a line."""
        listed = re.findall(r"(?m)^make (\w+) +\S", make().stdout)
        assert listed == ["run", "demo", "test", "lint", "lock", "gpu", "clean"] or set(listed) >= {
            "run",
            "test",
            "gpu",
        }
        phony = re.search(r"(?m)^\.PHONY: (.*)$", (ROOT / "Makefile").read_text("utf-8"))
        assert phony
        assert sorted(listed) == sorted(phony[1].split())

    def test_run_takes_folders_with_spaces(self, tmp_path: Path) -> None:
        """What the shell is given are the folders themselves, whatever is in their names."""
        echo = tmp_path / "bin"
        echo.mkdir()
        (echo / "facewatchd").write_text('#!/bin/sh\nprintf "[%s]\\n" "$@"\n', "utf-8")
        (echo / "facewatchd").chmod(0o755)
        (echo / "python").symlink_to(sys.executable)
        (tmp_path / ".installed").touch()
        done = make("run", VENV=str(tmp_path), PHOTOS="/my photos/Anna's", PEOPLE="/the people", ARGS="--once")
        assert done.stdout.splitlines()[1:] == [
            "[run]",
            "[--photos]",
            "[/my photos/Anna's]",
            "[--people]",
            "[/the people]",
            "[--once]",
        ], done.stderr

    @pytest.mark.parametrize(
        ("script", "words"),
        [
            ("exit 1", "needs Python 3.11 or later"),
            ('case "$2" in *ensurepip*) exit 1;; esac', "apt install python3-venv"),
        ],
    )
    def test_unfit_python(self, tmp_path: Path, script: str, words: str) -> None:
        """A Python that is too old, or that cannot make environments, is one line that says what to install."""
        python = tmp_path / "python"
        python.write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2" && exit\n{script}\n', "utf-8")
        python.chmod(0o755)
        done = make("lint", VENV=str(tmp_path / "venv"), PYTHON=str(python))
        assert done.returncode != 0
        said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
        assert len(said) == 1
        assert words in said[0]

    @pytest.mark.parametrize("fails", ["", "locked"])
    def test_installing_says_a_line_a_step(self, tmp_path: Path, fails: str) -> None:
        """pip's flood is not shown, but where a step fails: then all that it said."""
        binaries = tmp_path / "bin"
        binaries.mkdir()
        (binaries / "python").write_text(
            "#!/bin/sh\n"
            'case "$*" in *"-m pip"*) seq -f "flood %g" 1000; echo "pip complains" >&2;; esac\n'
            'case "$*" in *"-r requirements.lock"*) exit "$FAILS";; esac\n',
            "utf-8",
        )
        (binaries / "facewatchd").write_text("#!/bin/sh\necho it runs\n", "utf-8")
        for program in binaries.iterdir():
            program.chmod(0o755)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FAILS", "7" if fails else "0")
            done = make("run", VENV=str(tmp_path), PHOTOS="/photos")
        lines = done.stdout.splitlines()
        assert [line.split()[0] for line in lines[:2]] == ["Installing", "Installing"]
        assert "flood" not in done.stdout
        if fails:
            assert done.returncode != 0
            assert "flood 1000\npip complains" in done.stderr
            assert not (tmp_path / ".installed").exists()
        else:
            assert len(lines) == 5
            assert lines[-1] == "it runs"
            assert done.stderr == ""

    def test_no_python(self, tmp_path: Path) -> None:
        """A PYTHON that does not exist is named."""
        done = make("lint", VENV=str(tmp_path / "venv"), PYTHON="python-none")
        assert "python-none is not there" in done.stderr


@pytest.mark.parametrize("name", [".ci/run", "tests/pythons"])
def test_scripts_can_be_run(name: str) -> None:
    """They are started as programs; bash finds no mistake in them."""
    script = ROOT / name
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_units_are_hardened(unit: str) -> None:
    """The exposure that systemd works out is at most 1.5 of 10 (R27)."""
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=15", "--no-pager", str(ROOT / "systemd" / unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr


@pytest.mark.parametrize("unit", UNITS)
def test_units_wait_for_readiness(unit: str) -> None:
    """The units rely on what the daemon tells systemd, and leave it no network."""
    lines = (ROOT / "systemd" / unit).read_text("utf-8").splitlines()
    assert {"Type=notify", "PrivateNetwork=yes", "NoNewPrivileges=yes", "ProtectSystem=strict"} <= set(lines)
    assert "ExecReload=/bin/kill -HUP $MAINPID" in lines
    assert any(line.startswith("WatchdogSec=") for line in lines)


def test_the_licence_is_there() -> None:
    """The one that the project names, whole."""
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert PROJECT["project"]["license"] == "MIT"
    assert text.startswith("MIT License")
    assert "facewatchd contributors" in text
    assert "WITHOUT WARRANTY OF ANY KIND" in text
