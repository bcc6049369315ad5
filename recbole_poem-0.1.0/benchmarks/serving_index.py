"""One million items by an index: recall and speed against a look at all of them.

(a) The index alone, on two catalogues: a mixture of 300 clusters of unequal size whose items vary
in norm (lognormal, σ = 0.4), which is what trained embeddings look like, and independent normal
numbers, which is the hardest case for any index: no item is like another. States lie near the mean
of five items, three of which are of one cluster. The index measures on half of the states how many
cells it has to visit; recall is that of the other half, and the worst of them is recorded too. (b)
Requests with a history of 50 items and a ranking of 100 to `Recommender`, one and 64 at a time,
with the index and without, in turn, on a checkpoint whose items are those of the mixture. Seven of
ten items of a history are of one cluster, in the log and in the requests. The other weights are
untrained, and there are no embeddings of positions: a state is near the last item. One thread.
"""

import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple

import measure
import numpy as np
import serving_world
import torch

from recbole_poem.benchmark.machine import peak_memory
from recbole_poem.serving.index.cells import Cells, cut
from recbole_poem.serving.index.item_index import BEST, ItemIndex, exact, visit_enough
from recbole_poem.serving.query import Query
from recbole_poem.serving.recommender import Recommender
from recbole_poem.serving.top_k import top_k
from recbole_poem.training import checkpoint

D = 64
N_CLUSTERS = 300
BATCH = 64
NOTHING = np.zeros(0, np.int64)


class Items(NamedTuple):
    """A catalogue: embeddings (n, d), and the cluster of each item."""

    embedding: np.ndarray
    cluster: np.ndarray


def mixture(n: int) -> Items:
    """Draw items about centres; a cluster is about as wide as half the way between two centres."""
    rng = np.random.default_rng(0)
    centre = rng.normal(size=(N_CLUSTERS, D)) / D**0.5
    cluster = rng.choice(N_CLUSTERS, n, p=rng.dirichlet(np.full(N_CLUSTERS, 0.5)))
    embedding = centre[cluster] + 0.7 * rng.normal(size=(n, D)) / D**0.5
    embedding /= np.linalg.norm(embedding, axis=1, keepdims=True)
    return Items((embedding * rng.lognormal(0, 0.4, (n, 1))).astype(np.float32), cluster)


def normal(n: int) -> Items:
    """Draw independent normal numbers; the clusters mean nothing."""
    rng = np.random.default_rng(0)
    embedding = rng.standard_normal((n, D), dtype=np.float32)
    return Items(embedding, rng.integers(0, N_CLUSTERS, n))


def states(items: Items, number: int) -> np.ndarray:
    """Draw states near the mean of five items, three of them of one cluster, (number, d)."""
    rng = np.random.default_rng(1)
    found = []
    for item in rng.integers(0, len(items.cluster), number):
        alike = rng.choice(np.flatnonzero(items.cluster == items.cluster[item]), 2)
        others = rng.integers(0, len(items.cluster), 2)
        mean = items.embedding[[item, *alike, *others]].mean(axis=0)
        noise = rng.normal(size=D) / D**0.5
        found.append(mean / np.linalg.norm(mean) + 0.3 * noise)
    return np.array(found, dtype=np.float32)


CATALOGUES: Dict[str, Callable[[int], Items]] = {"mixture": mixture, "normal": normal}


def alone(catalogue: str, n_items: int, pairs: int) -> Dict[str, Any]:
    """Measure the index of one catalogue."""
    torch.set_num_threads(1)
    items = CATALOGUES[catalogue](n_items)
    asked = states(items, 400)
    before = peak_memory()
    cell: List[np.ndarray] = []
    building = measure.seconds(lambda: cell.append(cut(items.embedding, show_progress=True)))
    cells = Cells(items.embedding, cell[0], 1)
    measuring = measure.seconds(lambda: visit_enough(cells, items.embedding, asked[::2]))
    index, others = ItemIndex(items.embedding, cells), asked[1::2]
    expected = exact(items.embedding, others, BEST)
    found = [index.find(state, BEST, NOTHING)[0] for state in others]
    recalls = [len(np.intersect1d(*pair)) / BEST for pair in zip(expected, found)]
    embedding = torch.from_numpy(items.embedding)

    def by_index() -> float:
        return measure.seconds(lambda: [index.find(u, BEST, NOTHING) for u in others]) / len(others)

    def by_all() -> float:
        some = torch.from_numpy(others[:20]).split(1)
        return measure.seconds(lambda: [top_k(u @ embedding.T, BEST) for u in some]) / len(some)

    taken = measure.paired({"all_items": by_all, "index": by_index}, pairs)
    return {
        "building_s": building,
        "measuring_s": measuring,
        "opening_s": measure.seconds(lambda: Cells(items.embedding, cell[0], 1)),
        "peak_mib": peak_memory() // 2**20,
        "peak_mib_before": before // 2**20,
        "cells": len(cells),
        "cells_visited": cells.n_visited,
        "recall@50": float(np.mean(recalls)),
        "worst_recall@50": float(np.min(recalls)),
        "seconds_of_a_search": taken,
        "speed_up": measure.ratio(taken["all_items"], taken["index"]),
    }


def with_items(path: str, items: Items) -> None:
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


def requests(n_items: int, pairs: int) -> Dict[str, Any]:
    """Measure requests to a recommender, with the index and without."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        world = serving_world.make(Path(folder), n_items)
        with_items(world.checkpoint, mixture(n_items))
        queries = queries_of(world, 4 * BATCH)
        sides = {"all_items": Recommender.load(world.checkpoint, world.keys)}
        approximate: List[Recommender] = []

        def load() -> None:
            approximate[:] = [Recommender.load(world.checkpoint, world.keys, approximate=True)]

        loading = [measure.seconds(load) for _ in range(2)]
        size = Path(f"{world.checkpoint}.index").stat().st_size
    sides["index"] = approximate[0]
    result: Dict[str, Any] = {
        "loading_and_building_s": loading[0],
        "loading_s": loading[1],
        "file_mib": size / 2**20,
        "peak_mib": peak_memory() // 2**20,
    }
    blocks = [queries[begin : begin + BATCH] for begin in range(0, len(queries), BATCH)]
    shares = [
        share for block in blocks for share in overlap(sides["index"], sides["all_items"], block)
    ]
    result["recall@50"], result["worst_recall@50"] = float(np.mean(shares)), min(shares)
    for size, name in ((1, "single"), (BATCH, "batch_of_64")):
        taken = measure.paired(
            {side: turn(recommender, queries, size) for side, recommender in sides.items()}, pairs
        )
        result[name] = {
            "seconds": taken,
            "speed_up": measure.ratio(taken["all_items"], taken["index"]),
        }
    return result


def turn(recommender: Recommender, queries: List[Query], size: int) -> Callable[[], float]:
    """Return a turn: seconds of one call with so many queries, the mean of several calls."""
    number = 20 if size == 1 else 2
    blocks = [queries[n * size : (n + 1) * size] for n in range(number)]

    def taken() -> float:
        return measure.seconds(lambda: [recommender.answer(block) for block in blocks]) / number

    taken()
    return taken


def main() -> None:
    """Measure both catalogues, and requests."""
    quick = measure.parser(__doc__).parse_args().quick
    n_items, pairs = (20_000, 2) if quick else (1_000_000, 7)
    result: Dict[str, Any] = {"items": n_items, "d": D}
    for catalogue in CATALOGUES:
        print(f"{catalogue}:", flush=True)
        result[catalogue] = measure.call("alone", catalogue=catalogue, n_items=n_items, pairs=pairs)
    result["requests"] = measure.call("requests", n_items=n_items, pairs=pairs)
    measure.record("serving_index", result, quick)


if __name__ == "__main__":
    measure.main(globals())
