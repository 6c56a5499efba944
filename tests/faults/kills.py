"""
kill -9 at random moments while photos are taken in, while everything is grouped, and while the tree is written (R29, R36).

Each round begins with an empty state and is killed and started again until it was killed often enough in each of the
three; then it may end, and must come to what an undisturbed run comes to.
"""

from __future__ import annotations

import random
import shutil
import time
from collections import Counter

from harness import WATCHING, Daemon, Home, Result, Trial, comes, photos_in, put

PHOTOS = 60
SEED = 7
PER_PHASE = (3, 2, 3)
"""Kills a round: in ingest, in recluster, in materialize."""


def main(trial: Trial) -> None:
    rng = random.Random(SEED)
    undisturbed = trial.prepared.result()
    hit: Counter[str] = Counter()
    verdicts: Counter[str] = Counter()
    differences: Counter[str] = Counter()
    rounds = broken = same = 0
    while sum(hit.values()) < trial.kills:
        rounds += 1
        one = _Round(trial.home(f"round {rounds}"), rng, trial.kills - sum(hit.values()))
        put(photos_in(trial.prepared.album), trial.prepared.album, one.home.album)
        one.kill_often()
        differences[one.end(undisturbed)] += 1
        same = differences[""]
        hit += one.hit
        verdicts += one.verdicts
        broken += one.broken_links
        shutil.rmtree(one.home.path)
        print(f"  round {rounds}: {sum(hit.values())} kills, {same} of {rounds} ended as undisturbed", flush=True)
    where = ", ".join(f"{count} in {phase}" for phase, count in sorted(hit.items()))
    killed = sum(hit.values())
    trial.figure(f"kill -9 ({where}): quick_check", f"{verdicts['ok']} of {killed} ok", "all", verdicts["ok"] == killed)
    trial.figure("the same: links that lead nowhere, after any kill", broken, 0, broken == 0)
    found = f"{same} of {rounds} runs" + "".join(f"; {why}: {count}" for why, count in differences.items() if why)
    trial.figure("the same: faces, people and tree as undisturbed", found, "all", same == rounds)


class _Round:
    """One album, from the empty state to the end."""

    def __init__(self, home: Home, rng: random.Random, most: int) -> None:
        self.home = home
        self.hit: Counter[str] = Counter()
        self.verdicts: Counter[str] = Counter()
        self.broken_links = 0
        self._rng = rng
        self._most = most

    def kill_often(self) -> None:
        ingest, recluster, materialize = PER_PHASE
        for _ in range(ingest):
            self._kill(["", "Photos in"][self._rng.randrange(2)], 1.2)
        for _ in range(recluster):
            self._kill("Grouping", 2.0)
        for number in range(materialize):
            self._kill("people (" if number == 0 else "Photos in", 0.2)

    def end(self, undisturbed: Result) -> str:
        """Let it come to its end. Returns what differs from an undisturbed run, empty where nothing does."""
        with self.home.daemon() as daemon:
            daemon.wait_for(WATCHING)
            if comes(lambda: self.home.is_settled(PHOTOS), 60) is None:
                return f"not settled: {dict(self.home.states())}"
            comes(lambda: not self.home.result().differences(undisturbed), 10)
            daemon.stop()
        result = self.home.result()
        if result.tree != undisturbed.tree:
            print("  more:", result.tree - undisturbed.tree, "less:", undisturbed.tree - result.tree, sep="\n  ")
        return result.differences(undisturbed)

    def _kill(self, after: str, within: float) -> None:
        """Start, wait for a word in the log and then for a random time, kill, examine."""
        if sum(self.hit.values()) >= self._most:
            return
        with self.home.daemon() as daemon:
            self._await(daemon, after)
            time.sleep(self._rng.uniform(0, within))
            daemon.kill()
        self.hit[self._phase()] += 1
        self.verdicts[self.home.verdict()] += 1
        self.broken_links += sum(1 for link in self.home.people.glob("*/*") if link.is_symlink() and not link.exists())

    @staticmethod
    def _await(daemon: Daemon, word: str) -> None:
        """Until it says so, or has nothing more to do."""
        idle_at = None
        while word not in (log := daemon.log) and (idle_at is None or time.monotonic() < idle_at + 1):
            if not daemon.lives:
                raise RuntimeError(f"the daemon ended by itself:\n{log}")
            if WATCHING not in log or "Grouping" in log:
                idle_at = None
            elif idle_at is None:
                idle_at = time.monotonic()
            time.sleep(0.01)

    def _phase(self) -> str:
        """Where it was killed, by what it had come to."""
        states = self.home.states()
        if states["pending"] or not states["done"] or states["done"] < PHOTOS:
            return "ingest"
        if not self.home.query("SELECT 1 FROM meta WHERE key = 'recluster.faces'"):
            return "recluster"
        return "materialize" if self.home.missing_links() else "rest"
