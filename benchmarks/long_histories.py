"""Parts of ``request_cache.py``: logs of many rows a user, and what a run of few epochs reads.

The logs keep the rows and the items, 10 rows an item, and vary the rows of a user: a cosine has as
many pairs as these squared, over all users. KuaiRand-27K has 12,000 rows a user, a thousand times
as many rows, and 32 million items.
"""

import time
from typing import Any, Dict, List, Optional

import numpy as np
import torch

from recbole_poem.benchmark.machine import peak_memory
from recbole_poem.cache.build import reads_labels
from recbole_poem.core.stages import OBJECTIVES, SCORE_FUSIONS
from recbole_poem.data.rankings_read import RankingsRead
from recbole_poem.log.requests import RequestLog, first_rows
from recbole_poem.retrieval import tiles
from recbole_poem.retrieval.item_to_item import ItemToItemRanker
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

ROWS, PER_ITEM, NEIGHBOURS = 108_000, 10, 50
#: rows of a user that the pairs of all items at once fit into memory for
LONGEST_AT_ONCE = 360


def long_log(length: int, rows: int = ROWS, seed: int = 0) -> RequestLog:
    """Draw a log whose users have `length` rows each, of items alike."""
    n_users, n_items = rows // length, rows // PER_ITEM
    user = np.repeat(np.arange(1, n_users + 1), length)
    return RequestLog(
        user=user,
        item=np.random.default_rng(seed).integers(1, n_items + 1, len(user)),
        time=np.tile(np.arange(length, dtype=float), n_users),
        first=first_rows(user),
        values={},
        n_users=n_users + 1,
        n_items=n_items + 1,
        training=np.ones(len(user), dtype=bool),
    )


def count_long(
    length: int,
    at_once: bool = False,
    max_items_per_user: Optional[int] = None,
    max_users_per_item: Optional[int] = None,
) -> Dict[str, Any]:
    """Estimate a cosine without each of five folds (own process)."""
    torch.set_num_threads(1)
    if at_once:  # as it was counted before there were tiles
        tiles.TILE_PAIRS = 2**62
    log = long_log(length)
    objectives = OBJECTIVES.choose({"consumed": {"similarity": "cosine"}}, "objectives")
    fusion = SCORE_FUSIONS.choose("reciprocal_rank", "score_fusion").make(1)
    caps = max_items_per_user, max_users_per_item
    ranker = ItemToItemRanker(log, objectives, 100, 5, NEIGHBOURS, fusion, 0, *caps)
    plan = ranker._question(0).plan()
    before, begin, since = peak_memory(), time.process_time(), time.perf_counter()
    found = ranker.estimate(map)
    seconds, wall = time.process_time() - begin, time.perf_counter() - since
    peak = peak_memory()
    entries = sum(matrix.nnz for matrix in found.similarities) / len(found.similarities)
    return {
        "rows_per_user": length,
        "rows": len(log),
        "items": log.n_items,
        "max_items_per_user": max_items_per_user,
        "max_users_per_item": max_users_per_item,
        "at_once": at_once,
        "tiles": len(plan.tiles),
        "pairs": plan.n_pairs,
        "processor_seconds": seconds,
        "nanoseconds_per_pair": 1e9 * seconds / plan.n_pairs,
        "wall_seconds": wall,
        "microseconds_per_row": 1e6 * seconds / len(log),
        "mib_for_counting": (peak - before) / 2**20,
        "mib_said_of_the_largest_tile": plan.tile_bytes / 2**20,
        "mib_kept": 8 * len(found.similarities) * entries / 2**20,
    }


def long_histories(call: Any, quick: bool) -> List[Dict[str, Any]]:
    """Count logs of longer and longer histories, each way in a process of its own."""
    lengths = [30, 60] if quick else [120, 360, 1080]
    ways: List[Dict[str, Any]] = []
    for length in lengths:
        if length <= LONGEST_AT_ONCE:
            ways.append({"length": length, "at_once": True})
        ways.append({"length": length})
        if length >= LONGEST_AT_ONCE:
            ways.append({"length": length, "max_items_per_user": 120})
    if not quick:
        ways.append({"length": lengths[-1], "max_users_per_item": 5})
    return [call("count_long", **way) for way in ways]


def share_read(epochs: List[int]) -> List[Dict[str, Any]]:
    """Find the share of rankings that runs of so many epochs read on ml-100k, and how fast."""
    found = []
    for n_epochs in epochs:
        keys = {"show_progress": False, "state": "ERROR", "epochs": n_epochs}
        config = Config("POEM", "ml-100k", config_dict=keys)
        splits = create_dataset(config).build()
        begin = time.process_time()
        labels = reads_labels(config)
        read = RankingsRead(config, splits, True, labels)(np.arange(len(splits[0].log)))
        seconds = time.process_time() - begin
        found.append(
            {"epochs": n_epochs, "share": float(read.mean()), "processor_seconds": seconds}
        )
    return found
