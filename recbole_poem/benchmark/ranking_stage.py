"""How much of what the ranking stage likes best a run's lists pass on to it.

The lists are what a retrieval would send. All rows of a data set are judged by one ranking stage:
that of the plan's first row which reads rankings, at the same seed. It is asked what it made of the
request itself, as in a replay (`recbole_poem.serving.replay.play`). It has seen its own candidates
alone: what a retrieval finds beside them counts as nothing.
"""

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import numpy as np
import pandas as pd
import torch

from recbole_poem.benchmark.before import rows_of
from recbole_poem.benchmark.cascade_metrics import (
    best_of,
    cascade_regret,
    overlap_by_objective,
    share_found,
)
from recbole_poem.benchmark.evaluation import PROTOCOLS, Recommendations
from recbole_poem.benchmark.plan import Job
from recbole_poem.cache.build import order_of, request_cache
from recbole_poem.cache.rankings import Rankings
from recbole_poem.cache.reading import read_rankings
from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID
from recbole_poem.core.workers import open_map
from recbole_poem.training.config import Config
from recbole_poem.training.experiment import create_dataset

_CHUNK = 1024  # rankings that are read at a time


class Sent(NamedTuple):
    """What a run recommends.

    Attributes
    ----------
    found : dict of phase to Recommendations
        Phases are "valid" and "test".
    tokens : (n_items,) object
        Of each item number in the lists.
    """

    found: Dict[str, Recommendations]
    tokens: np.ndarray


def with_ranking_stage(jobs: Sequence[Job]) -> List[Job]:
    """Tell each job whose rankings judge it; the ids stay as they are.

    Without a row that reads rankings nothing does. A job whose keys are refused is passed over.
    """
    reads: Dict[Any, bool] = {}
    judges: Dict[Any, Job] = {}
    for job in jobs:
        where = (job.dataset, job.row)
        if where not in reads:
            reads[where] = _reads_rankings(job)
        if reads[where]:
            judges.setdefault((job.dataset, job.seed), job)
    return [_judged(job, judges.get((job.dataset, job.seed))) for job in jobs]


def _judged(job: Job, judge: Optional[Job]) -> Job:
    if judge is None:
        return job
    return job._replace(
        rankings={"row": judge.row, "model": judge.model, "given": dict(judge.given)}
    )


def _reads_rankings(job: Job) -> bool:
    try:
        config = Config(job.model, job.dataset, config_dict=job.keys)
    except InputError:
        return False
    reads = getattr(config.model_class, "reads_rankings", None)
    return reads is not None and bool(reads(config))


def figures(config: Config, sent: Sent, ks: Sequence[int]) -> Dict[str, Any]:
    """Return what the lists of a run pass on, by the ranking stage of a configuration.

    Parameters
    ----------
    config : Config
        Of the row that reads rankings. Its request cache is opened, or built.
    sent : Sent
    ks : sequence of int
        Cut-offs.

    Returns
    -------
    dict
        Protocol -> phase -> the means of `figures_of` over the rows with a ranking, and their
        number, ``requests``. A phase without any has that number alone.

    Raises
    ------
    InputError
        If the cache cannot be built, or a row is none of its log.
    """
    whole = create_dataset(config)
    train, valid, test = whole.build()
    with open_map(torch.get_num_threads(), config["ray"]) as parallel_map:
        cache = request_cache(config, train, parallel_map)
    there = pd.Index(whole.field2id_token[whole.iid_field]).get_indexer(sent.tokens)
    order, result = order_of(config, len(cache.objectives)), {}
    for phase, part in (("valid", valid), ("test", test)):
        found = sent.found[phase]
        request = part.inter_feat[REQUEST_ID].numpy()[rows_of(found.user, found.target, part)]
        parts: Dict[str, List[pd.DataFrame]] = {protocol: [] for protocol in PROTOCOLS}
        for begin in range(0, len(request), _CHUNK):
            rows = slice(begin, begin + _CHUNK)
            rankings = read_rankings(cache, train.log, request[rows], lag=0)
            scores, valid_items = map(torch.from_numpy, (rankings.scores, rankings.items > 0))
            fused = order(scores, valid_items).score.numpy()
            for protocol in PROTOCOLS:
                lists = there[found.top[protocol][rows]]
                each = figures_of(rankings, fused, lists, cache.objectives, ks)
                parts[protocol].append(pd.DataFrame(each))
        result[phase] = {name: _means(pd.concat(of).dropna()) for name, of in parts.items()}
    return {
        protocol: {phase: of[protocol] for phase, of in result.items()} for protocol in PROTOCOLS
    }


def _means(values: pd.DataFrame) -> Dict[str, float]:
    means = values.mean() if len(values) else {}
    return {"requests": len(values), **{name: float(mean) for name, mean in means.items()}}


def figures_of(
    rankings: Rankings,
    fused: np.ndarray,
    lists: np.ndarray,
    objectives: Sequence[str],
    ks: Sequence[int],
) -> Dict[str, np.ndarray]:
    """Return what lists pass on of rankings, (B,) each; NaN where there is no candidate.

    Parameters
    ----------
    rankings : Rankings
        Of B requests.
    fused : (B, N) float
        Fused scores of their candidates.
    lists : (B, K) int64
        Items, best first; -1 = one that the ranking stage does not know.
    objectives : sequence of str
        Names of the M objectives.
    ks : sequence of int
        Cut-offs; of a shorter list all counts.

    Returns
    -------
    dict
        For each k ``overlap@k``, the share of the best k by fused score that are among the list's
        first k; ``overlap@k:objective``, the same of the best k by one objective; and
        ``regret@k``. For that the ranking stage makes a list of n items, the smallest cut-off, of
        the list's first k and of all candidates. It is the share of value that it then loses. An
        item is worth its fused score above the lowest of its ranking. All are in [0, 1].
    """
    valid = rankings.items > 0
    by = np.where(valid, fused.astype(np.float64), -np.inf)
    lowest = np.where(valid, by, np.inf).min(axis=1, keepdims=True)
    value = np.subtract(by, lowest, where=valid, out=np.zeros(by.shape))
    scores = np.where(valid[..., None], rankings.scores, -np.inf)
    place, empty, n = _places(rankings.items, lists), ~valid.any(axis=1), min(ks)
    best = cascade_regret(value, by, np.zeros(by.shape, dtype=bool), n)  # of nothing all is lost
    result: Dict[str, np.ndarray] = {}
    for k in ks:
        sent = valid & (place < k)
        result[f"overlap@{k}"] = share_found(sent, best_of(by, k))
        columns = overlap_by_objective(scores, sent, k).T
        result.update({f"overlap@{k}:{name}": of for name, of in zip(objectives, columns)})
        lost = cascade_regret(value, by, sent, n)
        result[f"regret@{k}"] = np.divide(lost, best, where=best > 0, out=np.zeros(len(best)))
    return {name: np.where(empty, np.nan, values) for name, values in result.items()}


def _places(items: np.ndarray, lists: np.ndarray) -> np.ndarray:
    """Return the place of each candidate (B, N) on its list, from 0; K where it is not on it."""
    n_rows, length = lists.shape
    row = np.arange(n_rows)[:, None]
    n_items = int(max(items.max(initial=0), lists.max(initial=0))) + 2
    listed = (row * n_items + lists + 1).ravel()
    order = listed.argsort()
    asked = row * n_items + items + 1
    found = np.searchsorted(listed, asked, sorter=order).clip(max=max(len(listed) - 1, 0))
    place = order[found]
    return np.where(listed[place] == asked, place % max(length, 1), length)
