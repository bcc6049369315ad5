"""Requests to `Recommender` from a large catalogue: by codes, by rows, and by all items.

With a history of 50 items and a ranking of 100, one and 64 at a time, in turn, on a checkpoint
whose items are those of a mixture of clusters. Seven of ten items of a history are of one cluster,
in the log and in the requests. The other weights are untrained, and there are no embeddings of
positions: a state is near the last item. The former index takes the place of today's, and visits
as many cells.
"""

import gc
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

import measure
import numpy as np
import serving_world
import torch
from catalogues import Clustered, Mixture
from former_index import FlatCells, FlatIndex
from watch import Watch, anonymous

from recbole_poem.serving.index.cells import cut
from recbole_poem.serving.index.item_index import BEST
from recbole_poem.serving.query import Query
from recbole_poem.serving.recommender import Recommender
from recbole_poem.training import checkpoint

BATCH = 64
SIDES = ("all_items", "rows", "codes")


class Seconds(NamedTuple):
    """What a call took by the clock, and of the processor."""

    wall: float
    cpu: float


def measured(n_items: int, rounds: int) -> Dict[str, Any]:
    """Measure the sides on one catalogue."""
    print(f"requests, {n_items:,} items:", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        world = measure.call("make_world", folder=folder, n_items=n_items)
        result: Dict[str, Any] = {"building": measure.call("taken", side="codes", world=world)}
        for side in SIDES:
            result[side] = measure.call("taken", side=side, world=world)
        for side, found in measure.call("requests", world=world, rounds=rounds).items():
            result[side] = {**result[side], **found}
    return result


def make_world(folder: str, n_items: int) -> Dict[str, Any]:
    """Write a data set and a checkpoint, and say where they are."""
    torch.set_num_threads(1)
    world = serving_world.make(Path(folder), n_items)
    with_items(world.checkpoint, Mixture().clustered(np.random.default_rng(0), n_items))
    return dict(world._asdict())


def taken(side: str, world: Dict[str, Any]) -> Dict[str, float]:
    """Load a side, and say how long that took and what it keeps in bytes an item."""
    torch.set_num_threads(1)
    before = anonymous()
    with Watch() as watch:
        recommender = loaded(side, serving_world.World(**world))
    recommender.recommend([["i1"]], k=1)
    gc.collect()
    return {
        "loading_s": watch.found["seconds"],
        "at_most_bytes_an_item": watch.found["anonymous"] / world["n_items"],
        "kept_bytes_an_item": (anonymous() - before) / world["n_items"],
    }


def loaded(side: str, world: serving_world.World) -> Recommender:
    """Return a recommender that answers by all items, or by one of the indices."""
    if side == "all_items":
        return Recommender.load(world.checkpoint, world.keys)
    recommender = Recommender.load(world.checkpoint, world.keys, approximate=True)
    if side == "rows":
        ranker: Any = recommender._ranker
        ranker = ranker._shortlist
        items, n_visited = ranker._vectors.items, ranker._shortlist._cells.n_visited
        former = FlatCells(items, cut(items, show_progress=False), n_visited)
        ranker._shortlist = FlatIndex(former)
    return recommender


def requests(world: Dict[str, Any], rounds: int) -> Dict[str, Any]:
    """Measure requests to all sides, in turn."""
    torch.set_num_threads(1)
    where = serving_world.World(**world)
    sides = {side: loaded(side, where) for side in SIDES}
    queries = queries_of(where, 4 * BATCH if rounds > 1 else BATCH)
    blocks = [queries[begin : begin + BATCH] for begin in range(0, len(queries), BATCH)]
    single: Dict[str, List[Seconds]] = {side: [] for side in sides}
    batch: Dict[str, List[Seconds]] = {side: [] for side in sides}
    for _ in range(rounds + 1):
        for side, recommender in sides.items():
            single[side] += [both(partial(recommender.answer, [query])) for query in queries]
            batch[side] += [both(partial(recommender.answer, block)) for block in blocks]
    found = {}
    for side, recommender in sides.items():
        shares = [
            share for block in blocks for share in overlap(recommender, sides["all_items"], block)
        ]
        found[side] = {
            "recall@50": float(np.mean(shares)),
            "worst_recall@50": min(shares),
            "single": quantiles(single[side][len(queries) :]),  # the first round warms up
            "batch_of_64": quantiles(batch[side][len(blocks) :]),
        }
    return found


def both(call: Callable[[], Any]) -> Seconds:
    """Return the seconds of a call by the clock, and by the processor."""
    cpu = time.process_time()
    wall = measure.seconds(call)
    return Seconds(wall, time.process_time() - cpu)


def quantiles(each: List[Seconds]) -> Dict[str, float]:
    """Return the median and the 99th percentile in ms, and the median of the processor's time.

    Where others use the machine as well, the last one is what a quiet machine would take.
    """
    wall, cpu = np.array(each).T * 1000
    p50, p99 = np.quantile(wall, (0.5, 0.99))
    return {"p50_ms": float(p50), "p99_ms": float(p99), "p50_cpu_ms": float(np.median(cpu))}


def with_items(path: str, items: Clustered) -> None:
    """Put embeddings into a checkpoint, so that neighbours in the log are of one cluster mostly.

    The ids of a world's items, and with them the rows of the weights, are in the order of its log.
    """
    rng = np.random.default_rng(2)
    order = np.argsort(items.cluster, kind="stable")
    moved = np.flatnonzero(rng.random(len(order)) < 0.3)
    order[moved] = order[rng.permutation(moved)]
    state = torch.load(path, weights_only=True)
    weight = state["state_dict"]["item_embedding.weight"]
    embedding = items.embedding * (float(weight.std()) / items.embedding.std())
    weight[1:] = torch.from_numpy(embedding[order])
    for name, value in state["state_dict"].items():
        if "position" in name:
            value.zero_()
    checkpoint.write(Path(path), state)


def queries_of(world: serving_world.World, number: int) -> List[Query]:
    """Draw requests of users of the log, half of whom may get again what they have seen."""
    log = Path(world.keys["data_path"], f"items{world.n_items}", f"items{world.n_items}.inter")
    tokens = np.loadtxt(log, dtype=str, skiprows=1, usecols=1, delimiter="\t")
    rng = np.random.default_rng(0)
    begin = 100 * rng.integers(0, world.n_items // 100, number) + rng.integers(0, 51, number)
    return [
        Query(
            tokens[first : first + serving_world.LENGTH].tolist(),
            world.ranking(rng),
            k=BEST,
            filter_seen=place % 2 == 0,
        )
        for place, first in enumerate(begin)
    ]


def overlap(one: Recommender, other: Recommender, queries: List[Query]) -> List[float]:
    """Return the share of each answer of `other` that `one` gives as well."""
    lists = ([set(answer.items) for answer in side.answer(queries)] for side in (one, other))
    return [len(ours & theirs) / len(theirs) for ours, theirs in zip(*lists)]
