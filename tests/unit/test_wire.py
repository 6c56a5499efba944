"""`processes.wire`: records between our own processes are plain data, and nothing but what the reader expects."""

from __future__ import annotations

import contextlib
import os
import pickle
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from facewatchd.core.grouping.cannot_link import Ties
from facewatchd.core.grouping.recluster import Labels, ReclusterSettings
from facewatchd.core.matching.thresholds import Strangers
from facewatchd.pipeline.grouping.regroup import Snapshot, compute
from facewatchd.processes.wire import decode, encode, schema_of


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Thing:
    name: str
    colour: Colour
    sizes: tuple[int, ...]
    part: Thing | None = None


Floats = NDArray[np.float32]


@given(st.recursive(st.none(), lambda part: st.builds(Thing, st.text(), st.just(Colour.RED), st.tuples(), part)))
def test_a_record_comes_back_as_it_was(thing: Thing | None) -> None:
    """With records in it, enums and texts of every language."""
    assert decode(encode(thing), Thing | None) == thing


@pytest.mark.parametrize("shape", [(0,), (5,), (0, 128), (2, 3, 4)])
def test_an_array_comes_back_as_it_was(shape: tuple[int, ...]) -> None:
    """Its type, its shape, and every bit; and it can be written."""
    array = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    back: Floats = decode(encode(array), Floats)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)
    back[...] = 0


@pytest.mark.parametrize(
    "array",
    [
        ["<f8", [1], bytes(8)],  # another type
        ["|O", [1], bytes(8)],  # an object
        ["<f4", [2], bytes(4)],  # larger than its bytes
        ["<f4", [-1], b""],
        ["<f4", [1 << 40, 0, 1 << 40, 0, 1], b""],
        ["<f4", [True], bytes(4)],
        ["<f4", "1", bytes(4)],
        ["<f4", [1]],
        bytes(4),
        None,
    ],
)
def test_an_array_that_is_none_is_refused(array: object) -> None:
    """Its type is the one that is wanted, and its bytes are as many as its shape says."""
    with pytest.raises(ValueError, match="no such record"):
        decode(msgspec.msgpack.encode(array), Floats)


@pytest.mark.parametrize(
    "message",
    [
        {"name": 1, "colour": "red", "sizes": [], "part": None},
        {"name": "a", "colour": "blue", "sizes": [], "part": None},
        {"name": "a", "colour": "red", "sizes": ["1"], "part": None},
        {"name": "a", "colour": "red", "sizes": [1.0], "part": None},
        ["a", "red", [], None],
        7,
    ],
)
def test_what_does_not_fit_to_the_letter_is_refused(message: object) -> None:
    """No text for a number, no enum that there is not, no list for a record."""
    with pytest.raises(ValueError, match="no such record"):
        decode(msgspec.msgpack.encode(message), Thing)


@pytest.mark.parametrize("message", [os.system, Path("/"), {"name": ""}, ValueError("x")])
def test_a_pickle_is_nothing(message: object) -> None:
    """Nothing is made of it, and nothing run."""
    with pytest.raises(ValueError, match="no such record"):
        decode(pickle.dumps(message), Thing)


@given(st.binary(max_size=64))
def test_bytes_of_any_kind_are_a_record_or_refused(data: bytes) -> None:
    """No other error comes of them."""
    with contextlib.suppress(ValueError):
        assert isinstance(decode(data, Thing), Thing)
    with contextlib.suppress(ValueError):
        assert isinstance(decode(data, Floats), np.ndarray)


def test_what_is_no_plain_data_is_not_sent() -> None:
    """It is an error where it is said, not where it is read."""
    with pytest.raises(TypeError, match="no plain data"):
        encode({"function": os.system})


def test_a_function_says_what_it_wants() -> None:
    """By the types of its argument and its result: all that a reclustering needs goes there and back."""
    argument, result = schema_of(compute)
    settings = ReclusterSettings(2, 3, 0.4, 0.1, strangers=Strangers(0.1, 0.05))
    ties = Ties(np.arange(3), [None, 7, None], [frozenset(), frozenset({1, 2}), frozenset()])
    sent = Snapshot(Path(os.fsdecode(b"/a/\xff")), "model", np.array([3, 4, 9]), ties, settings, keep=True)
    back = decode(encode(sent), argument)
    assert (back.folder, back.model_id, back.settings, back.keep) == (sent.folder, "model", settings, True)
    np.testing.assert_array_equal(back.faces, sent.faces)
    np.testing.assert_array_equal(back.ties.photo, ties.photo)
    assert (back.ties.owner, back.ties.refused) == (ties.owner, ties.refused)
    labels: Labels = decode(encode(np.array([0, -1, 1])), result)
    assert labels.tolist() == [0, -1, 1]
