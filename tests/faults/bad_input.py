"""
Files that no camera has written: damaged, lying about their size, and made to crash or stop their decoder (R23).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from bad_files import BAD_DECODER, bombs, crashing, mutations
from harness import WATCHING, Trial, comes, photos_in, put, seconds, tiny

HARM = {
    "segfault": "segmentation fault",
    "abort": "gave itself up",
    "leave": "ended with 3",
    "spin": "took longer",
    "sleep": "took longer",
    "gobble": "not enough memory",
    "reach out": "not permitted",
    "run": "not permitted",
}


def main(trial: Trial) -> None:
    count = 200 if trial.quick else 2_000
    home = trial.home("bad_input", ingest={"workers": 2, "max_seconds": 20})
    good = put(photos_in(trial.prepared.album)[:20], trial.prepared.album, home.album)
    with home.daemon({"PYTHONPATH": os.pathsep.join([str(BAD_DECODER), *sys.path])}) as daemon:
        daemon.wait_for(WATCHING)
        before = memory(daemon.process.pid)
        bad = dict(mutations(count, seed=1))
        harmful = {f"{way}.gif": crashing(way) for way in HARM}
        for name, data in {**bad, **bombs(), **harmful, "segfault again.gif": crashing("segfault")}.items():
            (home.album / name).write_bytes(data)
        (home.album / "after.jpg").write_bytes(tiny(1))
        total = len(good) + len(bad) + len(bombs()) + len(harmful) + 2
        taken = comes(lambda: home.states()["done"] + home.states()["failed"] == total, 900, every=1)
        found = dict(home.states())
        trial.figure(f"{count} damaged files: all decided about", f"{found} after {seconds(taken)}", total, bool(taken))
        trial.figure("the same: the daemon", "lives" if daemon.lives else "died", "lives", daemon.lives)
        status = home.status()
        why = {Path(each["path"]).name: each["reason"] for each in status["failures"]}
        trial.figure("the same: reasons given", sum(map(bool, why.values())), len(why), all(why.values()))
        fine = {str(path) for path in good} | {str(home.album / "after.jpg")}
        lost = sum(1 for each in status["failures"] if each["path"] in fine)
        trial.figure("the same: good photos lost", lost, 0, lost == 0)
        for way, said in HARM.items():
            reason = why.get(f"{way}.gif", "not refused")
            trial.figure(f"a decoder that does '{way}'", reason.split(": ", 1)[-1], f"... {said} ...", said in reason)
        trial.figure("pictures left alone", status["quarantined"], 5, status["quarantined"] == 5)
        crashes = daemon.log.count("segmentation fault); it is replaced")
        trial.figure("decoders that one picture under two names ended", crashes, 2, crashes == 2)
        for name, data in bombs().items():
            reason = why.get(name, "taken in").split(": ", 1)[-1]
            trial.figure(f"{name} ({len(data) / 1000:.0f} kB)", reason, "decided", met=True)
        # the first ones fill what is used again afterwards, such as the models' working memory: what would be kept of
        # every file shows in as many more
        after = memory(daemon.process.pid)
        again = dict(mutations(count, seed=2))
        for name, data in again.items():
            (home.album / f"again {name}").write_bytes(data)
        comes(lambda: home.states()["done"] + home.states()["failed"] == total + len(again), 900, every=1)
        later = memory(daemon.process.pid)
        kept = f"{before:.0f} MB, {after:.0f} MB, then {later:.0f} MB"
        trial.figure("memory before, after, and after as many more", kept, "+ 40 MB in the end", later <= after + 40)
        daemon.stop()


def memory(pid: int) -> float:
    """Proportional set size of a process and all below it, megabytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:"))
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return own + sum(memory(int(child)) for task in tasks for child in task.read_text().split())
