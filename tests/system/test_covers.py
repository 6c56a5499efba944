"""Covers, cut while the daemon goes on; with real processes, real decoders and real crashes."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from bad_files import crashing, samples
from running import wait_until

from facewatchd.core.tree.owners import Owner
from facewatchd.daemon.tree.covers import CoverCutter
from facewatchd.domain import Box
from facewatchd.photos.decoding.decoders import Decoders
from facewatchd.photos.decoding.isolated import DecodeLimits
from facewatchd.store import PersonFace

pytest_plugins = "decoder_fixtures"


@pytest.mark.parametrize("way", ["segfault", "spin", "withhold", "lie"])
def test_a_photo_that_has_turned_bad_has_no_cover(
    decoders: Decoders, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    """It was a sound one when it was taken in; whoever cuts covers lives, says so, and cuts the next."""
    limits = DecodeLimits(max_megapixels=30, seconds=0.5, memory=400 << 20)
    cut: list[Owner] = []
    done = threading.Event()

    def on_cut(owner: Owner) -> None:
        cut.append(owner)
        done.set()

    covers = CoverCutter(decoders, limits, on_cut)
    (tmp_path / "bad.gif").write_bytes(crashing(way))
    (tmp_path / "good.jpg").write_bytes(samples()["jpg"])
    bad, good = (
        PersonFace(number, os.fsencode(tmp_path / name), Box(10, 10, 20, 20))
        for number, name in enumerate(["bad.gif", "good.jpg"])
    )
    assert covers.cut(1, bad) is None
    assert covers.cut(2, good) is None
    assert done.wait(30)
    wait_until(lambda: not covers.busy, timeout=30)
    assert cut == [2]
    cover = covers.cut(2, good)
    assert cover is not None
    picture = cv2.imdecode(np.frombuffer(cover, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape == (38, 38, 3)
    assert covers.cut(1, bad) is None
    assert not covers.busy, "it is not tried again at once"
    assert [record.levelname for record in caplog.records if "No folder.jpg could be made" in record.message] == [
        "WARNING"
    ]
    assert covers.to_retry() == set()
    assert covers.to_retry(at_once=True) == {1}, "its disk may be back"
    covers.cut(1, bad)
    assert covers.busy
    covers.stop()


def test_whatever_goes_wrong_costs_one_cover(decoders: Decoders, tmp_path: Path) -> None:
    """The next is cut; `run --once`, which waits until no more are being cut, ends."""
    cut: list[Owner] = []
    covers = CoverCutter(decoders, DecodeLimits(max_megapixels=30, seconds=20, memory=400 << 20), cut.append)
    (tmp_path / "good.jpg").write_bytes(samples()["jpg"])
    for owner, at in ((1, float("nan")), (2, 10.0)):
        covers.cut(owner, PersonFace(owner, os.fsencode(tmp_path / "good.jpg"), Box(at, 10, 20, 20)))
    wait_until(lambda: not covers.busy, timeout=30)
    assert cut == [2]
    covers.stop()
