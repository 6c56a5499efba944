"""
Fewer watches than folders: said with the remedy and the number needed, and made up for by looking (R2).
"""

from __future__ import annotations

from pathlib import Path

from harness import Trial, comes, seconds, tiny, wait_until

LIMIT = Path("/proc/sys/user/max_inotify_watches")
"""Of this user namespace only."""

WATCHES = 20
FOLDERS = 40


def main(trial: Trial) -> None:
    LIMIT.write_text(str(WATCHES))
    home = trial.home("limit", watch={"poll_s": 3})
    folders = [home.album / f"{number:02d}" for number in range(FOLDERS)]
    for number, folder in enumerate(folders):
        folder.mkdir()
        (folder / "before.jpg").write_bytes(tiny(number))
    with home.daemon() as daemon:
        wait_until(lambda: home.is_done(FOLDERS), 60, "everything taken in")
        health, reason = home.root_status()
        needed = f"{FOLDERS + 1} watches are needed" in reason
        remedy = "max_inotify_watches=" in reason and "sysctl" in reason
        told = any(reason in line for line in home.status()["blocked"])
        found = f"{health}; {'names' if needed else 'does not name'} {FOLDERS + 1}"
        trial.figure(
            f"{WATCHES} watches, {FOLDERS + 1} folders", found, "degraded, the number", health == "degraded" and needed
        )
        trial.figure("the same: remedy in `status`", "named" if remedy and told else reason, "named", remedy and told)
        for number, folder in enumerate(folders):
            (folder / "after.jpg").write_bytes(tiny(1000 + number))
            (folder / "before.jpg").unlink()
        taken = comes(lambda: len(home.index()) == FOLDERS and home.is_in_step(), 40)
        trial.figure(
            "the same: a photo new and one gone in each",
            f"index equals disk after {seconds(taken)}",
            "40 s",
            taken is not None,
        )
        LIMIT.write_text("1000")
        healthy = comes(lambda: home.root_status()[0] == "online", 30)
        trial.figure("the same: limit raised, 'online'", seconds(healthy), "30 s", healthy is not None and daemon.lives)
