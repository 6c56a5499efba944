"""`daemon.intake.room` and `pipeline.intake.limits`: who may use the memory, with real threads; how much there is."""

from __future__ import annotations

import os
import queue
import threading

from facewatchd.daemon.intake.room import Room
from facewatchd.faces.sessions import CPU, CUDA
from facewatchd.pipeline.intake.limits import memory_for, workers_for

MB = 1 << 20


def test_many_share_and_one_is_alone() -> None:
    """Whoever wants to be alone waits for those inside, and keeps others out."""
    room, events = Room(), queue.SimpleQueue[str]()
    may_leave, waiting = threading.Event(), threading.Event()

    def alone() -> None:
        waiting.set()
        with room.alone():
            events.put("alone in")
            events.put("alone out")

    def shared(name: str) -> None:
        with room.shared():
            events.put(f"{name} in")
            may_leave.wait(10)
            events.put(f"{name} out")

    first = [threading.Thread(target=shared, args=(name,)) for name in ("a", "b")]
    for thread in first:
        thread.start()
    assert {events.get(timeout=10), events.get(timeout=10)} == {"a in", "b in"}
    large = threading.Thread(target=alone)
    large.start()
    waiting.wait(10)
    while not room._waiting:
        pass
    late = threading.Thread(target=shared, args=("c",))
    late.start()
    assert events.empty()
    may_leave.set()
    for thread in (*first, large, late):
        thread.join(10)
    order = [events.get(timeout=10) for _ in range(6)]
    assert set(order[:2]) == {"a out", "b out"}
    assert order[2:] == ["alone in", "alone out", "c in", "c out"]


def test_how_much_memory_photos_may_take() -> None:
    """What the user says; else no more than half of what there is, and enough for each worker."""
    assert memory_for(700, 2) == 700 * MB
    every = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < memory_for(0, 2) <= min(every // 2, 3000 * MB)
    assert memory_for(0, 64) >= memory_for(0, 2)


def test_how_many_photos_are_worked_on() -> None:
    """One per core; more where a GPU does part of the work."""
    cores = len(os.sched_getaffinity(0))
    assert workers_for(3, CPU) == workers_for(3, CUDA) == 3
    assert workers_for(0, CPU) == cores
    assert workers_for(0, CUDA) > cores
