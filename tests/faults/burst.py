"""
More files at once than the kernel has room for events about, while the daemon is stopped: the rescan finds them (R1, R2).
"""

from __future__ import annotations

import signal

from harness import WATCHING, Trial, comes, seconds, tiny


def main(trial: Trial) -> None:
    count = 9_000 if trial.quick else 12_000  # two events a file, and room for 16,384
    home = trial.home("burst")
    for number in range(5):
        (home.album / f"before {number}.jpg").write_bytes(tiny(number))
    pictures = [tiny(10 + number) for number in range(count)]
    with home.daemon() as daemon:
        daemon.wait_for(WATCHING)
        daemon.send(signal.SIGSTOP)
        for number, picture in enumerate(pictures):
            (home.album / f"{number:05d}.jpg").write_bytes(picture)
        daemon.send(signal.SIGCONT)
        taken = comes(home.is_in_step, 60, every=0.5)
        overflowed = "Too many changes at once" in daemon.log
        found = f"{len(home.index()) - 5:,} after {seconds(taken)}"
        trial.figure(f"{count:,} files while stopped: in the index", found, "all, 60 s", taken is not None)
        trial.figure(
            "the same: overflow of the event queue", "noticed" if overflowed else "not noticed", "noticed", overflowed
        )
        healthy = comes(lambda: home.root_status()[0] == "online", 30)
        trial.figure("the same: 'online' again", seconds(healthy), "30 s", healthy is not None)
