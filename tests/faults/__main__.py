"""
Runs the fault scripts on the real daemon and prints a table of figures: `python tests/faults [NAME...]`.

Each script runs in user and mount namespaces of its own: it mounts, fills disks and lowers limits there, without rights,
and what it leaves behind goes with it. Ends with 1 where a bar is missed or a script fails.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from pathlib import Path

from harness import Figure, Home, Trial

from facewatchd.demo import MARKER, make_demo_album

SCRIPTS = {
    "burst": "12,000 files while the daemon is stopped",
    "watch_limit": "more folders than watches",
    "unmounted": "a root is unmounted, and another disk mounted over it",
    "roots": "photo folders are renamed, mounted elsewhere, copied, split, joined, and restored on another machine",
    "writers": "how files come, change and move",
    "full_disk": "the disk is full",
    "bad_input": "files that no camera has written",
    "kills": "kill -9",
    "dates": "kill -9 while dates are written",
    "corrections": "people are named and corrected, and everything is grouped anew",
    "tree_kills": "kill -9 while the people tree is written",
}
NAMESPACES = ["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"]
LIMITS = (
    "fs/inotify/max_user_watches",
    "fs/inotify/max_user_instances",
    "fs/inotify/max_queued_events",
    "user/max_inotify_watches",
)


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(prog="faults", description="Disturb the real daemon and look what comes of it.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {', '.join(SCRIPTS)}; all where none is named"
    )
    parser.add_argument("--kills", type=int, default=200, help="how often to kill -9 (200)")
    parser.add_argument("--quick", action="store_true", help="fewer files and shorter waits; 10 kills")
    parser.add_argument("--inside", nargs=2, metavar=("FOLDER", "NAME"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.kills = min(arguments.kills, 10)
    if arguments.inside:
        return inside(Path(arguments.inside[0]), arguments.inside[1], quick=arguments.quick, kills=arguments.kills)
    unknown = set(arguments.names) - set(SCRIPTS)
    if unknown:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(SCRIPTS)}")
    before = limits()
    figures = []
    with tempfile.TemporaryDirectory(prefix="facewatchd-faults-") as folder:
        prepare(Path(folder))
        for name in arguments.names or SCRIPTS:
            more = ["--kills", str(arguments.kills), *(["--quick"] if arguments.quick else [])]
            figures += outside(Path(folder), name, more)
    figures.append(Figure("limits of this machine", "as before", "as before", limits() == before))
    show(figures)
    return 0 if all(figure.met for figure in figures) else 1


def prepare(folder: Path) -> None:
    """Take the demo album in undisturbed: what every disturbed run is compared with."""
    print("Preparing the album")
    home = Home(folder / "prepared")
    make_demo_album(home.album)
    (home.album / MARKER).unlink()
    home.once()


def outside(folder: Path, name: str, more: list[str]) -> list[Figure]:
    """Run a script in its namespaces."""
    print(f"{name}: {SCRIPTS[name]}", flush=True)
    started = time.monotonic()
    work = folder / name
    work.mkdir()
    subprocess.run(
        [*NAMESPACES, sys.executable, str(Path(__file__).parent), "--inside", str(folder), name, *more], check=False
    )
    try:
        found = [Figure(**figure) for figure in json.loads((work / "figures.json").read_text())]
    except FileNotFoundError:
        found = [Figure(name, "did not run; are user namespaces allowed here?", "runs", met=False)]
    shutil.rmtree(work, ignore_errors=True)
    print(f"  {time.monotonic() - started:.0f} s", flush=True)
    return found


def inside(folder: Path, name: str, *, quick: bool, kills: int) -> int:
    """Run a script here and now."""
    work = folder / name
    trial = Trial(work, Home(folder / "prepared"), quick, kills)
    try:
        importlib.import_module(name).main(trial)
    except Exception as error:  # noqa: BLE001 - the boundary of one script: the others go on
        traceback.print_exc()
        trial.figure(name, f"{type(error).__name__}: {str(error).splitlines()[0]}", "goes through", met=False)
    (work / "figures.json").write_text(json.dumps([asdict(figure) for figure in trial.figures]))
    return 0


def limits() -> dict[str, str]:
    """What no script may change for others."""
    return {name: Path("/proc/sys", name).read_text() for name in LIMITS}


def show(figures: list[Figure]) -> None:
    """The table, as it stands in docs/benchmarks.md."""
    rows = [(figure.what, figure.found, figure.bar, "" if figure.met else "MISSED") for figure in figures]
    rows = [("what was done", "what came of it", "bar", ""), ("---",) * 4, *rows]
    print()
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    sys.exit(main())
