"""`faces.batching`: several threads' runs of one model become one, with real threads and a real model."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from facewatchd.faces.batching import BatchingSession, freed, split_anchors, split_rows
from facewatchd.faces.sessions import CPU, Provider, build_session


def model() -> bytes:
    """Takes one image of 2 x 2 at a time, and gives its numbers in a row, doubled; made as exporters make it."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 1, 2, 2])
    row = helper.make_tensor_value_info("row", TensorProto.FLOAT, [1, 4])
    shape = helper.make_tensor("shape", TensorProto.INT64, [2], [1, -1])
    nodes = [
        helper.make_node("Add", ["image", "image"], ["twice"]),
        helper.make_node("Reshape", ["twice", "shape"], ["row"]),
    ]
    graph = helper.make_graph(nodes, "test", [image], [row], [shape])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


@dataclass
class Held:
    """The real session, whose first run waits until it is let go."""

    session: Any = field(default_factory=lambda: build_session(freed(model()), Provider(CPU, "test")))
    go: threading.Event = field(default_factory=threading.Event)
    batches: list[int] = field(default_factory=list)

    def run(self, names: Sequence[str] | None, feed: Mapping[str, NDArray[np.float32]]) -> list[Any]:
        self.batches.append(len(feed["image"]))
        self.go.wait(10)
        found: list[Any] = self.session.run(names, feed)
        return found


def image(number: float, count: int = 1) -> NDArray[np.float32]:
    return np.full((count, 1, 2, 2), number, np.float32)


def test_what_waits_goes_together_and_each_gets_its_own() -> None:
    """Up to as many images as are allowed; none waits for others to come."""
    held = Held()
    session = BatchingSession(held, 4, split_rows)
    with ThreadPoolExecutor(7) as threads:
        runs = [threads.submit(session.run, None, {"image": image(0)})]
        while not held.batches:
            pass
        runs += [threads.submit(session.run, None, {"image": image(number)}) for number in range(1, 6)]
        runs.append(threads.submit(session.run, None, {"image": image(6, 2)}))
        while len(session._waiting) < 6:
            pass
        held.go.set()
        found = [run.result(10)[0] for run in runs]
    for number, rows in enumerate(found):
        np.testing.assert_array_equal(rows, np.full((2 if number == 6 else 1, 4), 2 * number))
    assert held.batches[0] == 1
    assert sum(held.batches) == 8
    assert len(held.batches) == 3
    assert max(held.batches) == 4


def test_an_error_reaches_whoever_asked() -> None:
    """And the next run is not harmed by it."""
    held = Held()
    held.go.set()
    session = BatchingSession(held, 4, split_rows)
    with pytest.raises(Exception, match="dimension"):
        session.run(None, {"image": np.zeros((1, 1, 3, 2), np.float32)})
    assert session.run(None, {"image": image(1)})[0].tolist() == [[2, 2, 2, 2]]


def test_rows_of_anchors_are_sorted_out() -> None:
    """By place, then image, then anchor: as SCRFD gives them for a batch."""
    places, images, anchors = 3, 4, 2
    rows = np.array([[at, of, anchor] for at in range(places) for of in range(images) for anchor in range(anchors)])
    found = split_anchors(anchors)(rows, images, 1, 1)
    assert found.tolist() == [[at, 1, anchor] for at in range(places) for anchor in range(anchors)]
