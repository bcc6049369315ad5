"""Requests per second of the item-to-item ranking, against the code it replaced.

1. On ml-100k, in turn and on one thread: estimating all similarities and ranking a part of the
   requests, extrapolated to all of them. The former code scored the whole catalogue densely and
   chose with ``torch.topk``; `Former` is that code. Where it breaks ties like ours, both find the
   same candidates but for the rounding of sums.
2. On ml-100k, in turn: one thread, two threads, two local workers of Ray; Ray's start-up apart.
3. On synthetic logs, each in a process of its own: cost and peak memory as users and items grow.
4. On logs of longer and longer histories, each way in a process of its own: the pairs of all items
   at once, by tiles, and with caps. And what a run of few epochs reads (`long_histories.py`).

What is stored of the rankings is measured by ``request_cache_layout.py``.
"""

import statistics
import tempfile
import time
from typing import Any, Callable, Dict, List, Tuple

import measure
import numpy as np
import torch
from former_item_to_item import Former
from long_histories import count_long, long_histories, share_read

from recbole_poem.benchmark.machine import peak_memory
from recbole_poem.cache.build import cache_folder
from recbole_poem.cache.sources import SourceContext
from recbole_poem.core.stages import OBJECTIVES, SCORE_FUSIONS
from recbole_poem.core.workers import Map, open_map
from recbole_poem.log.requests import RequestLog, first_rows
from recbole_poem.retrieval.item_to_item import ItemToItemRanker
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

#: items of the largest catalogue that the former code can score within a few GiB
LARGEST_FORMER = 1_000_000

CHILDREN = (count_long,)  # called by their names, in processes of their own

FIVE = {  # as properties/model/POEM.yaml
    "consumed": {"similarity": "cosine"},
    "latest": {"similarity": "cosine", "history": 1},
    "next": {"similarity": "transition", "steps": 1},
    "soon": {"similarity": "transition", "steps": 10},
    "near": {"similarity": "session", "steps": 10},
}


def movielens() -> ItemToItemRanker:
    """Return the source of ml-100k with five objectives, all of which the former code knew."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"checkpoint_dir": folder, "show_progress": False, "state": "ERROR"}
        given["objectives"] = FIVE
        config = Config("POEM", "ml-100k", config_dict=given)
        dataset = create_dataset(config).build()[0]
        context = SourceContext(config, dataset, cache_folder(config, dataset))
        source: ItemToItemRanker = config.component("ranking_source").make(context)
        return source


def against_former(
    ranker: ItemToItemRanker, former: Former, part: np.ndarray, pairs: int
) -> Dict[str, Any]:
    """Measure both sides in turn: a whole build by the clock and in the processor's time."""
    n_requests = len(ranker.numbers())
    cpu: Dict[str, List[List[float]]] = {"ours": [], "former": []}

    def turn(side: str, estimate: Callable[[], Any], rank: Callable[[], Any]) -> float:
        taken = []
        for function in (estimate, rank):
            begin = time.process_time(), time.perf_counter()
            function()
            taken.append((time.process_time() - begin[0], time.perf_counter() - begin[1]))
        cpu[side].append([taken[0][0], taken[1][0] / len(part)])
        return n_requests / (taken[0][1] + taken[1][1] / len(part) * n_requests)

    def set_estimated() -> None:
        ranker._estimated = ranker.estimate(map)

    sides = {
        "ours": lambda: turn("ours", set_estimated, lambda: ranker.rank(part)),
        "former": lambda: turn("former", former.estimate, lambda: former.rank(part)),
    }
    with measure.threads(1):
        rates = measure.paired(sides, pairs)
    whole = {
        side: [estimating + ranking * n_requests for estimating, ranking in taken]
        for side, taken in cpu.items()
    }
    return {
        "requests": n_requests,
        "ranked_in_each_turn": len(part),
        "requests_per_second": {side: statistics.median(rates[side]) for side in rates},
        "ours_over_former": measure.ratio(rates["ours"], rates["former"]),
        "ours_over_former_by_processor_time": measure.ratio(whole["former"], whole["ours"]),
        "processor_seconds_estimating": {
            side: statistics.median(estimating for estimating, _ in taken)
            for side, taken in cpu.items()
        },
        "processor_microseconds_per_request": {
            side: 1e6 * statistics.median(ranking for _, ranking in taken)
            for side, taken in cpu.items()
        },
    }


def same_candidates(
    ranker: ItemToItemRanker, former: Former, requests: np.ndarray
) -> Dict[str, float]:
    """Compare the rankings of both sides: shares of requests, and the largest difference."""
    stable = Former(ranker, ties_to_lower=True)
    stable._similarity = former._similarity
    items, scores = ranker.rank(requests)
    theirs, _ = former.rank(requests)
    expected, their_scores = stable.rank(requests)
    equal = (items == expected).all(axis=1)
    return {
        "requests": len(requests),
        "same_list_with_our_rule_for_ties": float(equal.mean()),
        "same_list_with_topk": float((items == theirs).all(axis=1).mean()),
        "largest_difference_of_a_score": float(np.abs(scores - their_scores)[equal].max()),
    }


def ranking_rate(ranker: ItemToItemRanker, requests: np.ndarray, parallel_map: Map) -> float:
    """Rank `requests` in chunks over a map; return requests per second."""
    chunks = np.array_split(requests, max(len(requests) // 1024, 2))
    assert ranker._estimated is not None  # `same_candidates` has ranked
    begin = time.perf_counter()
    for _ in parallel_map(ranker._estimated.rank, chunks):
        pass
    return len(requests) / (time.perf_counter() - begin)


def side_by_side(ranker: ItemToItemRanker, requests: np.ndarray, pairs: int) -> Dict[str, Any]:
    """Measure the ranking on one thread, on two, and on two workers of Ray, in turn."""
    with measure.threads(1), open_map(2) as on_threads, open_map(ray=2) as on_ray:
        start_up = measure.seconds(lambda: list(on_ray(abs, [1, 2])))
        first = ranking_rate(ranker, requests[:2048], on_ray)  # the workers import the package
        sides = {
            "one_thread": lambda: ranking_rate(ranker, requests, map),
            "two_threads": lambda: ranking_rate(ranker, requests, on_threads),
            "two_ray_workers": lambda: ranking_rate(ranker, requests, on_ray),
        }
        rates = measure.paired(sides, pairs)
    return {
        "requests": len(requests),
        "requests_per_second": {side: statistics.median(taken) for side, taken in rates.items()},
        "two_threads_over_one": measure.ratio(rates["two_threads"], rates["one_thread"]),
        "two_ray_workers_over_one_thread": measure.ratio(
            rates["two_ray_workers"], rates["one_thread"]
        ),
        "ray_start_up_seconds": start_up,
        "ray_first_2048_requests_seconds": 2048 / first,
    }


def synthetic(n_users: int, n_items: int, length: int = 20, seed: int = 0) -> RequestLog:
    """Make a log in which popularity falls with the rank and every user stays near a place."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(1, n_users), length)
    home = np.repeat(rng.integers(0, n_items - 1, n_users - 1), length)
    near = (home + rng.integers(0, 100, len(user))) % (n_items - 1)
    popular = np.minimum(rng.pareto(1.0, len(user)) * 10, n_items - 2).astype(np.int64)
    item = 1 + np.where(rng.random(len(user)) < 0.5, near, popular)
    return RequestLog(
        user=user,
        item=item,
        time=np.tile(np.arange(length, dtype=float), n_users - 1),
        first=first_rows(user),
        values={},
        n_users=n_users,
        n_items=n_items,
        training=np.tile(np.arange(length) < length - 2, n_users - 1),
    )


def build_synthetic(n_users: int, n_items: int, ranked: int) -> Dict[str, Any]:
    """Estimate from a synthetic log and build the cache of its first requests (own process)."""
    torch.set_num_threads(1)
    log = synthetic(n_users, n_items)
    objectives = OBJECTIVES.choose(FIVE, "objectives")
    fusion = SCORE_FUSIONS.choose("reciprocal_rank", "score_fusion").make(len(objectives))
    ranker = ItemToItemRanker(log, objectives, 100, 5, 500, fusion, seed=0)
    before, begin = peak_memory(), time.process_time()
    ranker._estimated = ranker.estimate(map)
    estimating, begin = time.process_time() - begin, time.process_time()
    ranked = min(ranked, len(log))
    items, _ = ranker.rank(np.arange(ranked))
    ranking, peak = time.process_time() - begin, peak_memory()
    similarities, which = ranker._estimated.similarities, ranker._estimated.which
    entries = sum(matrix.nnz for matrix in similarities) / len(similarities)
    former, few = Former(ranker), np.arange(64)
    former._similarity = [
        [stacked[m * n_items : (m + 1) * n_items] for stacked in similarities] for m in which
    ]
    former_ranking = None
    if n_items <= LARGEST_FORMER:
        begin = time.process_time()
        former.rank(few)
        former_ranking = 1e6 * (time.process_time() - begin) / len(few)
    return {
        "users": n_users,
        "items": n_items,
        "rows": len(log),
        "processor_seconds_estimating": estimating,
        "processor_microseconds_estimating_per_row": 1e6 * estimating / len(log),
        "processor_microseconds_per_request": 1e6 * ranking / ranked,
        "former_processor_microseconds_per_request": former_ranking,
        "candidates_per_request": float((items > 0).sum() / ranked),
        "similarity_entries_per_item_and_fold": entries / n_items,
        "peak_mib_before": before / 2**20,
        "peak_mib": peak / 2**20,
    }


def of_growth(quick: bool) -> List[Dict[str, Any]]:
    """Measure logs of more and more users, and of more and more items."""
    sizes: List[Tuple[int, int]] = [(1000, 1000)]
    if not quick:
        users = [(n, 10_000) for n in (1000, 16_000, 256_000)]
        sizes = users + [(16_000, n) for n in (1000, 100_000, 1_000_000, 10_000_000)]
    return [measure.call("build_synthetic", n_users=u, n_items=i, ranked=20_000) for u, i in sizes]


def of_movielens(quick: bool) -> Dict[str, Any]:
    """Measure ml-100k against the former code, and on workers."""
    ranker = movielens()
    former = Former(ranker)
    part = 40_000 + np.arange(256 if quick else 8192)
    with measure.threads(1):
        return {
            "former": against_former(ranker, former, part, 1 if quick else 5),
            "candidates": same_candidates(ranker, former, part[: 256 if quick else 4096]),
            "workers": side_by_side(
                ranker, np.arange(2048 if quick else 32_768), 1 if quick else 5
            ),
        }


def main() -> None:
    """Measure all four; the last one has a record of its own, and may be asked for alone."""
    parser = measure.parser(__doc__)
    parser.add_argument("--pairs", action="store_true", help="the fourth alone, 4 minutes")
    options = parser.parse_args()
    quick = options.quick
    pairs = {
        "long_histories": long_histories(measure.call, quick),
        "read": share_read([1, 2] if quick else [1, 2, 3, 5, 10, 20, 200]),
    }
    measure.record("request_cache_pairs", pairs, quick)
    if not options.pairs:
        growth = of_growth(quick)
        measure.record("request_cache", {**of_movielens(quick), "growth": growth}, quick)


if __name__ == "__main__":
    measure.main(globals())
