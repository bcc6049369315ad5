"""Exact Swing: seconds and memory, against plain Python and against recfarm, and its growth.

(a) Plain Python loops over pairs of users and of items on some users of ml-100k; its seconds are
extrapolated to all users by the number of pairs of users. (b) recfarm 0.2.1 (Rust; ``pip install
recfarm==0.2.1``, else this part is left out) on all of ml-100k, in turn, on two threads each.
recfarm uses the same weights and sums, but counts an overlap without the item itself: its alpha
is ours plus one. (c) ml-100k and a log of MovieLens-1M's size, on one thread and on two, all
compiled; and the first Swing of a process that has to compile it. (d) Sparse logs of 10,000 to
1,000,000 users with caps, and a series of densities without, each in a fresh process that first
makes the log. A log of MovieLens-1M's size is 6,040 users with lognormal activity (at least 20
items, σ = 1.1) who draw distinct items of lognormal popularity (σ = 1.6); the logs of (d) have
lognormal activity (σ = 1) and items of popularity 1 / (rank + 50)^0.8, with repetitions dropped.
"""

import itertools
import math
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, Set

import measure
import numpy as np
import recbole
import scipy.sparse as sp

from recbole_poem.benchmark.machine import peak_memory
from recbole_poem.core.workers import open_map
from recbole_poem.graph import swing

try:
    import recfarm
except ImportError:
    recfarm = None

CAPS = {"max_users_per_item": 200, "max_items_per_user": 50, "top_k": 50}


def ml_100k() -> sp.csr_matrix:
    """Read the log that lies inside RecBole."""
    path = Path(recbole.__file__).parent / "dataset_example" / "ml-100k" / "ml-100k.inter"
    user, item = np.loadtxt(path, skiprows=1, usecols=(0, 1), dtype=int).T
    return sp.csr_matrix((np.ones(len(user), np.float32), (user, item)))


def like_ml_1m(n_users: int = 6040, n_items: int = 3416, rows: int = 987_000) -> sp.csr_matrix:
    """Draw a log of MovieLens-1M's size: each user draws distinct items (Gumbel's trick)."""
    rng = np.random.default_rng(0)
    activity = rng.lognormal(0, 1.1, n_users)
    activity = 20 + activity * (rows - 20 * n_users) / activity.sum()
    sizes = np.minimum(activity.astype(int), n_items // 2)
    popularity = rng.normal(0, 1.6, n_items)
    items = [np.argsort(-popularity - rng.gumbel(size=n_items))[:size] for size in sizes]
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    indices = np.concatenate(items)
    return sp.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), (n_users, n_items))


def sparse_log(n_users: int, n_items: int, mean_items: float) -> sp.csr_matrix:
    """Draw a log with replacement; repetitions are one interaction."""
    rng = np.random.default_rng(0)
    activity = rng.lognormal(0, 1, n_users)
    sizes = np.maximum(2, activity * mean_items / activity.mean()).astype(int)
    popularity = np.cumsum((np.arange(n_items) + 50) ** -0.8)
    items = np.searchsorted(popularity, rng.random(sizes.sum()) * popularity[-1])
    entries = (np.ones(len(items), np.float32), (np.repeat(np.arange(n_users), sizes), items))
    return sp.csr_matrix(entries, shape=(n_users, n_items))


def plain_python(consumed: sp.csr_matrix, alpha: float = 1.0) -> Dict[Any, float]:
    """Evaluate the equation as it is written: s(i, j) for i < j."""
    baskets: List[Set[int]] = [set(row.indices.tolist()) for row in consumed]
    similarity: Dict[Any, float] = defaultdict(float)
    for one, other in itertools.combinations(baskets, 2):
        common = sorted(one & other)
        if len(common) < 2:
            continue
        swing_weight = 1 / math.sqrt(len(one) * len(other)) / (alpha + len(common))
        for pair in itertools.combinations(common, 2):
            similarity[pair] += swing_weight
    return similarity


def against_python(consumed: sp.csr_matrix, users: int) -> Dict[str, Any]:
    """Time the loops on some users, and compare their result with ours."""
    consumed = consumed[np.diff(consumed.indptr) > 0]
    n_users = consumed.shape[0]
    part = consumed[np.random.default_rng(0).choice(n_users, users, replace=False)]
    begin = time.perf_counter()
    expected = plain_python(part)
    taken = time.perf_counter() - begin
    places = np.array(list(expected)).T
    ours = sp.triu(swing(part)).tocsr()
    assert ours.nnz == len(expected)
    np.testing.assert_allclose(
        np.asarray(ours[places[0], places[1]]).ravel(), list(expected.values()), rtol=1e-6
    )
    pairs = (n_users * (n_users - 1)) / (users * (users - 1))
    return {"users": users, "seconds_of_part": taken, "seconds_extrapolated": taken * pairs}


def rust(consumed: sp.csr_matrix, top_k: int) -> Any:
    """Return recfarm's Swing of a log, not yet computed."""

    def rows(matrix: sp.csr_matrix) -> SimpleNamespace:
        return SimpleNamespace(
            sparse_indices=matrix.indices.tolist(),
            sparse_indptr=matrix.indptr.tolist(),
            sparse_data=matrix.data.tolist(),
        )

    users, items = consumed.shape
    by_item = consumed.T.tocsr()
    alpha, cached_pairs, default = 2.0, 100_000_000, 0.0
    matrices = rows(consumed), rows(by_item)
    return recfarm.Swing(top_k, alpha, cached_pairs, users, items, *matrices, {}, default)


def agreement(consumed: sp.csr_matrix, top_k: int = 10) -> Dict[str, Any]:
    """Compare recfarm's similarities with ours.

    recfarm does not give its similarities away, only recommendations. One more user per item, who
    consumed nothing else and thus makes no swing, is recommended the most similar items.
    """
    n_users, n_items = consumed.shape
    asked = sp.vstack([consumed, sp.identity(n_items, dtype=np.float32)], format="csr")
    theirs = rust(asked, top_k)
    theirs.compute_swing(2)
    ours = swing(consumed)
    known = np.flatnonzero(np.diff(ours.indptr))
    lists, _ = theirs.recommend((n_users + known).tolist(), top_k, False, False)
    dense = ours.toarray()
    worst = 0.0
    for item, found in zip(known, lists):
        best = np.sort(dense[item])[::-1][: len(found)]
        worst = max(worst, float(np.max(np.abs(dense[item, found] / best - 1))))
    return {
        "similarities": {"ours": ours.nnz, "recfarm": theirs.num_swing_elements()},
        "largest_relative_difference_of_top_10": worst,
    }


def on_threads(consumed: sp.csr_matrix, number: int, **arguments: Any) -> Callable[[], float]:
    """Return a turn: seconds of our Swing on so many threads."""

    def turn() -> float:
        with measure.threads(1), open_map(threads=number) as parallel_map:
            return measure.seconds(lambda: swing(consumed, parallel_map=parallel_map, **arguments))

    return turn


def rust_seconds(consumed: sp.csr_matrix) -> Callable[[], float]:
    """Return a turn: seconds of recfarm on two threads, its copy of the log not counted."""

    def turn() -> float:
        theirs = rust(consumed, 50)
        return measure.seconds(lambda: theirs.compute_swing(2))

    return turn


def growth(n_users: int, n_items: int, mean_items: float, **arguments: Any) -> Dict[str, Any]:
    """Measure one log: seconds on one thread and peak memory, in this process."""
    swing(ml_100k(), top_k=1, tile_entries=1)  # loads the compiled code of both ways
    swing(ml_100k(), top_k=1)
    consumed = sparse_log(n_users, n_items, mean_items)
    before, begin, cpu = peak_memory(), time.perf_counter(), time.process_time()
    with measure.threads(1):
        similarity = swing(consumed, **arguments)
    return {
        "users": n_users,
        "items": n_items,
        "interactions": int(consumed.nnz),
        **arguments,
        "wall_s": time.perf_counter() - begin,
        "cpu_s": time.process_time() - cpu,
        "peak_mib": peak_memory() // 2**20,
        "peak_mib_before": before // 2**20,
        "similarities": int(similarity.nnz),
    }


def first_graph() -> float:
    """Time the first Swing of a process, on ml-100k."""
    consumed = ml_100k()
    return measure.seconds(lambda: swing(consumed))


def compilation() -> Dict[str, float]:
    """Time two fresh processes: the first has to compile, the second loads what was compiled."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NUMBA_CACHE_DIR"] = folder
        taken = {step: measure.call("first_graph") for step in ("compiling_s", "loading_s")}
        del os.environ["NUMBA_CACHE_DIR"]
    return taken


def scaling(consumed: sp.csr_matrix, pairs: int) -> Dict[str, Any]:
    """Time one thread and two in turn."""
    sides = {"one_thread": on_threads(consumed, 1), "two_threads": on_threads(consumed, 2)}
    taken = measure.paired(sides, pairs)
    return {**taken, "two_over_one": measure.ratio(taken["two_threads"], taken["one_thread"])}


def against_rust(consumed: sp.csr_matrix, pairs: int) -> Dict[str, Any]:
    """Time recfarm and ours in turn, after a look whether they agree."""
    result = agreement(consumed)
    sides = {"recfarm": rust_seconds(consumed), "ours": on_threads(consumed, 2)}
    taken = measure.paired(sides, pairs)
    return {**result, **taken, "recfarm_over_ours": measure.ratio(taken["recfarm"], taken["ours"])}


def main() -> None:
    """Measure all four parts."""
    quick = measure.parser(__doc__).parse_args().quick
    small = ml_100k()
    users = [(10_000, 10_000), (100_000, 30_000), (1_000_000, 100_000)]
    densities = [10, 30, 100]
    if quick:
        users, densities = users[:1], densities[:1]
    result: Dict[str, Any] = {"plain_python": against_python(small, 40 if quick else 150)}
    if recfarm is None:
        print("recfarm is not installed: pip install recfarm==0.2.1")
    else:
        log = small[:100] if quick else small
        result["recfarm"] = against_rust(log, pairs=1 if quick else 5)
    result["first_call"] = compilation()
    result["ml-100k"] = scaling(small, pairs=2 if quick else 7)
    if not quick:
        result["like_ml-1m"] = scaling(like_ml_1m(), pairs=3)
    result["users"] = [
        measure.call("growth", n_users=n_users, n_items=n_items, mean_items=10, **CAPS)
        for n_users, n_items in users
    ]
    result["density"] = [
        measure.call("growth", n_users=10_000, n_items=5_000, mean_items=mean, top_k=50)
        for mean in densities
    ]
    measure.record("swing", result, quick)


if __name__ == "__main__":
    measure.main(globals())
