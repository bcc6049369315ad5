"""Metrics of ranked lists, from the rank of each user's target and the lists themselves.

With one target a user, of rank r (1 = first): HR@k = [r <= k], NDCG@k = [r <= k] / log2(r + 1),
MRR@k = [r <= k] / r. Coverage@k is the share of the catalogue that any list shows; diversity@k the
share of a list's item pairs that have no category in common (ComiRec: Cen et al., *Controllable
Multi-Interest Framework for Recommendation*, KDD 2020).
"""

import re
from typing import Callable, Dict, Iterable, List, Optional, Tuple

import numpy as np

from recbole_poem.core.errors import InputError

_GAINS: Dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "HR": np.ones_like,
    "NDCG": lambda rank: 1.0 / np.log2(rank + 1.0),
    "MRR": lambda rank: 1.0 / rank,
}
#: what the rank of a target gives, and no list is needed for
OF_RANKS = frozenset(_GAINS)
_KINDS = (*_GAINS, "coverage", "diversity")
_ENTRIES = 1 << 24  # of the arrays that diversity holds at once


def parse_metric(metric: str) -> Tuple[str, int]:
    """Split a metric's name, such as ``ndcg@10``, into ``("NDCG", 10)``.

    Raises
    ------
    InputError
        For a name or cut-off that is not known.
    """
    match = re.fullmatch(r"([A-Z]+)@([1-9][0-9]*)", metric.strip().upper())
    if match is None or match[1] not in _GAINS:
        known = ", ".join(f"{name}@k" for name in _GAINS)
        raise InputError(f"metric: '{metric}' is none of {known} with a whole number k from 1")
    return match[1], int(match[2])


def in_order(metrics: Iterable[str]) -> List[str]:
    """Sort metrics such as ``coverage@10`` as a table has them: by kind, then by cut-off."""
    parts = (metric.split("@") for metric in metrics)
    order = sorted((_KINDS.index(kind), int(k)) for kind, k in parts)
    return [f"{_KINDS[kind]}@{k}" for kind, k in order]


def user_values(ranks: np.ndarray, metric: str) -> np.ndarray:
    """Return each user's value of a metric.

    Parameters
    ----------
    ranks : (U,) int
        Rank of the target, 1 = first.
    metric : str
        ``HR@k``, ``NDCG@k`` or ``MRR@k``, in letters of either case.

    Returns
    -------
    (U,) float64
        In [0, 1].

    Raises
    ------
    InputError
        For an unknown metric.
    """
    name, k = parse_metric(metric)
    rank = np.asarray(ranks, dtype=np.float64)
    return np.where(rank <= k, _GAINS[name](rank), 0.0)


def coverage(top: np.ndarray, k: int, n_items: int) -> float:
    """Return the share of the catalogue that is in at least one user's first `k` places.

    Parameters
    ----------
    top : (U, K) int
        Item ids, best first; 0 is padding and never counts.
    k : int
        Places to look at; all of them where a list is shorter.
    n_items : int
        Size of the catalogue with the padding item.

    Returns
    -------
    float
        In [0, 1].
    """
    seen = np.zeros(n_items, dtype=bool)
    seen[top[:, :k]] = True
    return float(seen[1:].sum() / (n_items - 1))


def diversity(top: np.ndarray, category: np.ndarray, k: int) -> np.ndarray:
    """Return the share of item pairs in each user's first `k` places that share no category.

    Parameters
    ----------
    top : (U, K) int
        Item ids, best first.
    category : (n_items, C) bool
        Categories of each item; an item without any differs from every other.
    k : int
        Places to look at; all of them where a list is shorter.

    Returns
    -------
    (U,) float64
        In [0, 1]; NaN where a list has fewer than two items, and so no pair.
    """
    lists = top[:, :k]
    n_users, length = lists.shape
    if length < 2:
        return np.full(n_users, np.nan)
    n_pairs = length * (length - 1) / 2
    upper = np.triu(np.ones((length, length), dtype=bool), 1)
    result = np.empty(n_users)
    step = max(1, _ENTRIES // (length * (category.shape[1] + length)))
    for start in range(0, n_users, step):
        rows = category[lists[start : start + step]].astype(np.float32)  # (u, k, C)
        common = rows @ rows.transpose(0, 2, 1)  # (u, k, k): categories that a pair shares
        result[start : start + step] = ((common == 0) & upper).sum((1, 2)) / n_pairs
    return result


def metrics(
    ranks: np.ndarray,
    top: np.ndarray,
    ks: Iterable[int],
    n_items: int,
    category: Optional[np.ndarray] = None,
) -> Dict[str, float]:
    """Return every metric at every cut-off, averaged over users.

    Parameters
    ----------
    ranks : (U,) int
        Rank of the target, 1 = first.
    top : (U, K) int
        Item ids, best first.
    ks : iterable of int
        Cut-offs.
    n_items : int
        Size of the catalogue with the padding item.
    category : (n_items, C) bool, optional
        Categories of each item; without them there is no diversity.

    Returns
    -------
    dict
        ``HR@k``, ``NDCG@k``, ``MRR@k``, ``coverage@k`` and, with categories, ``diversity@k`` for
        each k in turn.
    """
    result = {}
    for k in map(int, ks):
        for name in _GAINS:
            result[f"{name}@{k}"] = float(user_values(ranks, f"{name}@{k}").mean())
        result[f"coverage@{k}"] = coverage(top, k, n_items)
        if category is not None:
            result[f"diversity@{k}"] = float(diversity(top, category, k).mean())
    return result
