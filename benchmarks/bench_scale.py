"""
How fast the grouping is, and how it grows: `python benchmarks/bench_scale.py` (`make bench`).

speed     Made-up embeddings with known people: from nothing, with the graph of neighbours up to date, and one face more.
rival     20,000 of them against the hdbscan package (minutes).

Memory is the most that the process had in use beyond making up its embeddings; 1,000,000 faces need 6 GB and some
minutes.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from figures import SHARED, Figure, at_least, at_most, told
from numpy.typing import NDArray
from portraits import free, settings_of
from threadpoolctl import threadpool_limits

from facewatchd.core.evaluation.scores import score
from facewatchd.core.grouping.graph import Graph, Lists
from facewatchd.core.grouping.recluster import NEIGHBOURS, cluster, usual_link
from facewatchd.domain import Embeddings
from facewatchd.neighbours.search import Cells, Neighbours
from facewatchd.pipeline.grouping.regroup import EXACT_FACES

PARTS = ("speed", "rival")


def main() -> int:
    """Returns the exit code: 1 where a bar is missed."""
    parser = argparse.ArgumentParser(description="Measure how fast faces are grouped.")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts; all by default")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], help="made-up faces")
    parser.add_argument("--inside", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not SHARED.is_dir():
        print(f"{SHARED} is missing: nothing to measure. $FACEWATCHD_SHARED names the folder.")
        return 0
    if arguments.inside:
        print(json.dumps(measured(arguments.inside)))
        return 0
    figures = speed(arguments.sizes) if "speed" in arguments.only else []
    figures += rival() if "rival" in arguments.only else []
    return told(figures)


def made_up(size: int) -> tuple[Embeddings, NDArray[np.int32]]:
    """The embeddings and whose each is."""
    spec = importlib.util.spec_from_file_location("make_embeddings", SHARED / "tools" / "make_embeddings.py")
    assert spec is not None
    assert spec.loader is not None
    tool: ModuleType = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    embeddings, truth = tool.make(size, 512, 0)
    # as the program reads them
    return embeddings.astype(np.float16) if size > EXACT_FACES else embeddings, truth


def peak_gb() -> float:
    """The most memory in use since it was last forgotten."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def measured(size: int) -> dict[str, Any]:
    """Everything about so many made-up faces; in a process of its own, for the memory."""
    more = 1100
    embeddings, truth = made_up(size + more)
    vectors = embeddings[:size]
    Path("/proc/self/clear_refs").write_text("5")
    settings = settings_of("testpack")
    started, worked = time.perf_counter(), time.process_time()
    found = Neighbours.find(vectors, NEIGHBOURS, usual_link(settings, size))
    graph = found.graph()
    searched, searching = time.perf_counter(), time.process_time()
    labels = cluster(vectors, free(np.arange(size)), settings, graph)
    ended, ending = time.perf_counter(), time.process_time()
    peak = peak_gb()
    scores = score(truth[:size], labels)
    filled = Graph(
        np.concatenate([graph.indices, np.full((more, NEIGHBOURS), -1, np.int32)]),
        np.concatenate([graph.similarities, np.full((more, NEIGHBOURS), -2, np.float32)]),
    )
    cells = Cells(found.cells.centres, np.concatenate([found.cells.of, np.zeros(more, np.int32)]))
    growing = Neighbours(Lists.of(filled), cells, np.arange(size), usual_link(settings, size))
    singles = []
    with threadpool_limits(1):
        for row in range(size, size + 100):
            begun = time.perf_counter()
            growing.add(embeddings, np.array([row]), again=False)
            singles.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        growing.add(embeddings, np.arange(size + 100, size + more))
        batch = (time.perf_counter() - begun) / (more - 100)
    return {
        "find_s": searched - started,
        "find_cpu_s": searching - worked,
        "cluster_s": ended - searched,
        "cluster_cpu_s": ending - searching,
        "peak_gb": peak,
        "precision": scores.bcubed_precision,
        "recall": scores.bcubed_recall,
        "f1": scores.bcubed_f1,
        "add_ms": 1000 * float(np.median(singles)),
        "add_worst_ms": 1000 * max(singles),
        "add_batch_ms": 1000 * batch,
    }


def speed(sizes: list[int]) -> list[Figure]:
    """Seconds, memory and figures on made-up faces."""
    bars = {100_000: (5.0, 12.0), 1_000_000: (60.0, 180.0)}
    rows: dict[int, dict[str, Any]] = {}
    found = []
    for size in sizes:
        command = [sys.executable, __file__, "--inside", str(size)]
        row = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
        rows[size] = row
        print(f"\n{size:,} made-up faces: " + ", ".join(f"{key} {value:.4g}" for key, value in row.items()), flush=True)
        given, nothing = bars.get(size, (float("inf"), float("inf")))
        name = f"{size:,} faces: "
        found += [
            at_most(f"{name}recluster, graph up to date", row["cluster_s"], given, "s"),
            at_most(f"{name}from nothing", row["find_s"] + row["cluster_s"], nothing, "s"),
            at_least(f"{name}B-cubed recall", row["recall"], 0.97),
            at_most(f"{name}peak memory", row["peak_gb"], 6, "GB"),
            at_most(f"{name}one face more", row["add_ms"], 5, "ms"),
            at_most(f"{name}one of 1,000 more, with the second look", row["add_batch_ms"], 5, "ms"),
        ]
    if {100_000, 1_000_000} <= rows.keys():
        growth = rows[1_000_000]["cluster_s"] / rows[100_000]["cluster_s"]
        found.append(at_most("growth of reclustering, 100,000 to 1,000,000", growth, 12, "times"))
    return found


def rival(size: int = 20_000) -> list[Figure]:
    """The hdbscan package on the same faces."""
    import hdbscan  # noqa: PLC0415 - as in the program

    embeddings, truth = made_up(size)
    settings = settings_of("testpack")
    started = time.perf_counter()
    graph = Neighbours.find(embeddings, NEIGHBOURS, usual_link(settings, size)).graph()
    labels = cluster(embeddings, free(np.arange(size)), settings, graph)
    ended = time.perf_counter()
    singles = embeddings.astype(np.float32)
    theirs = hdbscan.HDBSCAN(min_cluster_size=2, min_samples=2, core_dist_n_jobs=-1).fit(singles).labels_
    seconds = time.perf_counter() - ended
    ours_f1, their_f1 = (score(truth, found.astype(np.int64)).bcubed_f1 for found in (labels, theirs))
    print(
        f"\n{size:,} faces: {ended - started:.1f} s, hdbscan {seconds:.1f} s; B-cubed F1 {ours_f1:.4f}, {their_f1:.4f}"
    )
    times = seconds / (ended - started)
    return [
        Figure(f"{size:,} faces: times faster than hdbscan", f"{times:.0f}", ">= 50", times >= 50),
        at_least(f"{size:,} faces: B-cubed F1, the bar is hdbscan's", ours_f1, round(their_f1, 4)),
    ]


if __name__ == "__main__":
    sys.exit(main())
