"""The gate: nothing half-written passes, nothing is forgotten (R3). The clock is an argument, so nothing waits here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from facewatchd.core.intake.settle import LONGEST_WAIT_S, LOOK_AGAIN_S, Gate
from facewatchd.domain import FileStat

START = 1_700_000_000.0
SETTLE_S = 2.0
SETTLE_OPEN_S = 5.0


def a_stat(version: int = 0, *, ctime: float = START, inode: int = 1) -> FileStat:
    return FileStat(
        size=1000 + version, mtime_ns=int(START * 1e9) + version, ctime_ns=int(ctime * 1e9), inode=inode, device=1
    )


def a_gate() -> Gate[bytes]:
    return Gate(SETTLE_S, SETTLE_OPEN_S)


# --- tables: a history of one file, and when it is settled -----------------------------------------------------------


@dataclass
class Disk:
    """A file that changes at given times, and whoever runs the gate over it, as the daemon does."""

    changes: list[float]
    closes: list[float]
    looks: list[float] = field(default_factory=list)

    def stat(self, now: float) -> FileStat:
        version = sum(1 for change in self.changes if change <= now)
        return a_stat(version, ctime=START + max([c for c in self.changes if c <= now], default=0.0))

    def settled_at(self, gate: Gate[bytes], until: float = 1000.0) -> list[float]:
        """When the file passed the gate, relative to `START`."""
        passed = []
        now = 0.0
        hints = sorted([(at, False) for at in self.looks] + [(at, True) for at in self.closes])
        while True:
            due = gate.next_due(START + now)
            at_due = due - START if due is not None else until
            if hints and hints[0][0] <= at_due:
                now, closed = hints.pop(0)
                if gate.observe(b"a", self.stat(now), closed=closed, now=START + now):
                    passed.append(now)
            elif at_due >= until:
                return passed
            else:
                now = max(at_due, now)
                passed.extend(
                    now
                    for key in gate.due(START + now)
                    if gate.observe(key, self.stat(now), closed=False, now=START + now)
                )


@pytest.mark.parametrize(
    ("disk", "expected"),
    [
        pytest.param(Disk([0], [0], [0]), [2], id="written and closed at once: settle_s after the close"),
        pytest.param(Disk([0], [], [0]), [5], id="no close seen (rename, hard link): settle_open_s"),
        pytest.param(Disk([0, 1], [1], [0]), [3], id="created, written, closed: settle_s after the close"),
        pytest.param(
            Disk([0], [0.5, 1, 1.5], [0]), [2.5], id="closed again and again, unchanged: the first close counts"
        ),
        pytest.param(Disk([0, 1.5], [0, 1.5], [0]), [3.5], id="written twice: the last close counts"),
        # looked at after 5 s: changed; again 10 s later (backoff): changed; the close at 13 ends it
        pytest.param(Disk([0, 4, 8, 12, 13], [13], [0]), [15], id="slow writer, pauses of 4 s: one job"),
        pytest.param(Disk([0, 3], [], [0]), [15], id="changed after the first look: the wait starts anew, longer"),
        pytest.param(Disk([0], [4.5], [0]), [5], id="a late close does not make it wait longer"),
    ],
)
def test_when_a_file_is_settled(disk: Disk, expected: list[float]) -> None:
    """A file passes once, when it has been quiet for as long as its history calls for."""
    assert disk.settled_at(a_gate()) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("ctime", "closed", "trusted", "settled"),
    [
        pytest.param(START - 3600, False, True, True, id="an archive's file need not wait"),
        pytest.param(START - 5.1, False, True, True, id="just old enough"),
        pytest.param(START - 4.9, False, True, False, id="a little too young"),
        pytest.param(START - 4.9, True, True, False, id="closed just now: wait a little"),
        pytest.param(START + 3600, False, True, False, id="a ctime in the future says nothing"),
        pytest.param(START - 3600, False, False, False, id="a ctime of another machine says nothing"),
    ],
)
def test_a_file_at_first_sight(ctime: float, closed: bool, trusted: bool, settled: bool) -> None:
    """At first sight only a trustworthy old ctime lets a file through at once; an old mtime does not."""
    gate = a_gate()
    stat = a_stat(ctime=ctime)
    assert gate.observe(b"a", stat, closed=closed, now=START, trust_ctime=trusted) is settled
    assert len(gate) == (0 if settled else 1)


def test_old_ctime_does_not_help_a_file_that_has_changed_under_observation() -> None:
    """Only the first sight may skip the wait; a file seen to change waits, whatever its ctime says."""
    gate = a_gate()
    gate.observe(b"a", a_stat(0), closed=False, now=START)
    assert not gate.observe(b"a", a_stat(1, ctime=START - 3600), closed=False, now=START + 4)


def test_no_wait_configured() -> None:
    """With waits of zero every file passes at first sight."""
    gate: Gate[bytes] = Gate(0, 0)
    assert gate.observe(b"a", a_stat(ctime=START + 10), closed=False, now=START)


def test_another_inode_is_a_change() -> None:
    """A file replaced by one of the same size and mtime waits anew."""
    gate = a_gate()
    gate.observe(b"a", a_stat(inode=1), closed=False, now=START)
    assert not gate.observe(b"a", a_stat(inode=2), closed=False, now=START + 5)


def test_a_chmod_is_no_change() -> None:
    """A newer ctime alone does not start the wait anew."""
    gate = a_gate()
    gate.observe(b"a", a_stat(ctime=START), closed=False, now=START)
    assert gate.observe(b"a", a_stat(ctime=START + 4), closed=False, now=START + 5)


def test_a_due_file_that_nobody_looked_at_is_due_again() -> None:
    """An error between `due` and `observe` loses no file, and does not spin either."""
    gate = a_gate()
    gate.observe(b"a", a_stat(), closed=False, now=START)
    assert gate.due(START + 5) == [b"a"]
    assert gate.due(START + 5) == []
    again = gate.next_due(START + 5)
    assert again is not None
    assert again >= START + 5 + LOOK_AGAIN_S
    assert gate.due(again) == [b"a"]


def test_a_forgotten_file_is_never_due() -> None:
    """A file that is gone leaves nothing behind."""
    gate = a_gate()
    gate.observe(b"a", a_stat(), closed=False, now=START)
    gate.forget(b"a")
    gate.forget(b"never seen")
    assert gate.due(START + 100) == []
    assert gate.next_due(START + 100) is None
    assert len(gate) == 0


def test_due_files_come_in_the_order_of_their_waits() -> None:
    """Those that have waited longest come first."""
    gate = a_gate()
    for at, key in enumerate((b"c", b"a", b"b")):
        gate.observe(key, a_stat(), closed=False, now=START + at / 10)
    assert gate.due(START + 10) == [b"c", b"a", b"b"]


@pytest.mark.parametrize("step_s", [-86_400.0, -10.0, -0.1])
def test_a_clock_that_is_set_back_delays_nothing(step_s: float) -> None:
    """After the clock was set back a day a file still waits seconds, and never passes early."""
    gate = a_gate()
    gate.observe(b"a", a_stat(), closed=False, now=START)
    now = START + 1 + step_s
    due = gate.next_due(now)
    assert due is not None
    assert 0 < due - now <= 5
    assert gate.due(now) == []
    assert gate.due(now + 5.2) == [b"a"]
    assert gate.observe(b"a", a_stat(), closed=False, now=now + 5.2)


def test_a_file_that_changes_often_keeps_one_entry() -> None:
    """A thousand events for one file do not make a thousand entries in the heap."""
    gate = a_gate()
    for at in range(1000):
        gate.observe(b"a", a_stat(at), closed=True, now=START + at / 1000)
    assert len(gate._heap) <= 2


# --- properties ------------------------------------------------------------------------------------------------------

steps = st.lists(
    st.tuples(
        st.floats(0, 20),  # seconds since the step before
        st.booleans(),  # does the content change just before?
        st.booleans(),  # is it seen because of a close?
        st.booleans(),  # are the due files looked at, too?
    ),
    max_size=40,
)


@settings(max_examples=200)
@given(steps=steps)
def test_never_settled_while_it_changes_and_always_in_the_end(steps: list[tuple[float, bool, bool, bool]]) -> None:
    """
    Whatever happens to a file, it passes only after it was quiet for the full wait, and once it is left alone it passes
    within the longest wait and one more look.
    """
    gate = a_gate()
    now, version, changed_at, closed_at = START, 0, START, None
    waits = False

    def look(closed: bool) -> None:
        nonlocal waits
        settled = gate.observe(b"a", a_stat(version, ctime=changed_at), closed=closed, now=now)
        if settled:
            by_close = closed_at is not None and now - closed_at >= SETTLE_S - 1e-6
            assert by_close or now - changed_at >= SETTLE_OPEN_S - 1e-6
        waits = not settled

    for pause, changes, closed, looks in steps:
        now += pause
        if changes:
            version, changed_at, closed_at = version + 1, now, None
        if closed and closed_at is None:
            closed_at = now
        look(closed)
        if looks:
            for _ in gate.due(now):
                look(closed=False)

    end = now + LONGEST_WAIT_S + SETTLE_OPEN_S + 1e-3
    while waits:
        due = gate.next_due(now)
        assert due is not None
        now = max(now, due)
        assert now <= end
        for _ in gate.due(now):
            look(closed=False)
    assert len(gate) == 0


@settings(max_examples=100)
@given(
    events=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 3), st.integers(0, 2), st.booleans()), max_size=40, unique=True
    ),
    data=st.data(),
)
def test_order_of_observations_within_an_instant_does_not_matter(
    events: list[tuple[int, int, int, bool]], data: st.DataObject
) -> None:
    """Events about different files that arrive together may arrive in any order, and twice."""
    instants: dict[int, dict[int, tuple[int, bool]]] = {}
    for at, file, version, closed in events:
        instants.setdefault(at, {})[file] = (version, closed)

    def run(order: Iterable[list[tuple[int, tuple[int, bool]]]], times: int) -> dict[int, set[bytes]]:
        gate = a_gate()
        passed: dict[int, set[bytes]] = {}
        last: dict[bytes, FileStat] = {}
        for at, batch in zip(sorted(instants), order, strict=True):
            for file, (version, closed) in batch:
                key, stat = b"%d" % file, a_stat(version, ctime=START + at)
                last[key] = stat
                for _ in range(times):
                    if gate.observe(key, stat, closed=closed, now=START + at):
                        passed.setdefault(at, set()).add(key)
                        break
            for key in gate.due(START + at):
                if gate.observe(key, last[key], closed=False, now=START + at):
                    passed.setdefault(at, set()).add(key)
        return passed

    straight = [list(instants[at].items()) for at in sorted(instants)]
    shuffled = [data.draw(st.permutations(batch)) for batch in straight]
    assert run(straight, 1) == run(shuffled, 2)


def test_a_hundred_thousand_files_wait_at_once() -> None:
    """Every one of a large copy's files is due once, and none is left."""
    gate = a_gate()
    for number in range(100_000):
        gate.observe(b"%d" % number, a_stat(number), closed=False, now=START)
    assert gate.due(START + 4.9) == []
    due = gate.due(START + 5)
    assert len(due) == 100_000
    assert all(gate.observe(key, a_stat(int(key)), closed=False, now=START + 5) for key in due)
    assert len(gate) == 0
