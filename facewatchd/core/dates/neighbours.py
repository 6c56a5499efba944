"""
The date that the neighbours of an undated photo suggest: DSC00017 is between DSC00016 and DSC00018. For reports only, because
people copy and rename. Pure.
"""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from facewatchd.domain import DateFinding, DateSource, Precision

MOST_APART = timedelta(days=2)
"""If they are further apart, the neighbours tell too little."""

MOST_STEPS = 20
"""Numbers between an undated photo and the dated ones around it."""

_SEQUENCE = re.compile(r"(?P<prefix>.*?)(?P<number>\d{3,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Between:
    """Two dated photos that an undated one lies between, and their dates."""

    before: bytes
    after: bytes
    earliest: datetime
    latest: datetime


def neighbours(photos: Iterable[tuple[bytes, DateFinding]]) -> dict[bytes, Between]:
    """
    Args:
        photos: Paths and findings, of any folders.

    Returns:
        By path, for the photos without any date of their own that lie between two with one.
    """
    sequences: dict[tuple[bytes, str, str], list[tuple[int, bytes, DateFinding]]] = defaultdict(list)
    for path, finding in photos:
        folder, name = posixpath.split(path)
        stem, ending = posixpath.splitext(name.decode("utf-8", "surrogateescape"))
        found = _SEQUENCE.fullmatch(stem)
        if found is not None:
            key = (folder, found["prefix"].casefold(), ending.casefold())
            sequences[key].append((int(found["number"]), path, finding))
    between = {}
    for sequence in sequences.values():
        between.update(_between(sorted(sequence, key=lambda entry: entry[:2])))
    return between


def _between(sequence: list[tuple[int, bytes, DateFinding]]) -> dict[bytes, Between]:
    found: dict[bytes, Between] = {}
    last: tuple[int, bytes, DateFinding] | None = None
    waiting: list[tuple[int, bytes]] = []
    for number, path, finding in sequence:
        if finding.source in {DateSource.MTIME, DateSource.FOLDER}:
            waiting.append((number, path))
            continue
        if finding.precision is not Precision.SECOND:
            continue
        if last is not None:
            apart = finding.value - last[2].value
            for at, undated in waiting:
                near = at - last[0] <= MOST_STEPS and number - at <= MOST_STEPS
                if near and timedelta(0) <= apart <= MOST_APART:
                    found[undated] = Between(last[1], path, last[2].value, finding.value)
        last = (number, path, finding)
        waiting = []
    return found
