"""What a multi-task ranker is judged by: AUC and GAUC of its probabilities, MAE and XAUC of times.

All of them are exact and cost O(n log n). Rows whose label is NaN (the target does not exist for
them) take no part; a measure that no row defines is NaN.
"""

from typing import Tuple

import numpy as np
from scipy.stats import kendalltau, rankdata


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Chance that a positive row is scored above a negative one; equal scores count one half.

    Computed from the rank sum of the positives (Mann and Whitney, 1947).

    Parameters
    ----------
    labels : (n,)
        1 = positive, 0 = negative, NaN = not labelled.
    scores : (n,)

    Returns
    -------
    In [0, 1]; NaN where a class is missing.

    Raises
    ------
    ValueError
        If the lengths differ or a labelled row's score is NaN.
    """
    labels, scores = _labelled(labels, scores)
    return gauc(np.zeros(len(labels), dtype=np.int64), labels, scores)


def gauc(users: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> float:
    """Average the AUC of each user, weighted by the user's impressions (Zhou et al., KDD 2018).

    A user all of whose rows are of one class has no AUC and is left out of both sums.

    Parameters
    ----------
    users : (n,)
        User ids, in any order.
    labels, scores : (n,)
        As in `auc`.

    Returns
    -------
    In [0, 1]; NaN where no user has both classes.

    Raises
    ------
    ValueError
        As in `auc`.
    """
    users = np.asarray(users)
    if users.shape != np.shape(labels):
        raise ValueError(f"users and labels differ in shape: {users.shape}, {np.shape(labels)}")
    users = users[~np.isnan(np.asarray(labels, dtype=np.float64))]
    labels, scores = _labelled(labels, scores)
    if len(labels) == 0:
        return float("nan")
    group = np.unique(users, return_inverse=True)[1]
    impressions = np.bincount(group)
    positives = np.bincount(group, weights=labels)
    rank_sum = np.bincount(group, weights=labels * _ranks_within(group, impressions, scores))
    pairs = positives * (impressions - positives)
    defined = pairs > 0
    if not defined.any():
        return float("nan")
    wins = (rank_sum - positives * (positives + 1) / 2)[defined]
    return float(np.average(wins / pairs[defined], weights=impressions[defined]))


def gauc_impressions(users: np.ndarray, labels: np.ndarray) -> int:
    """Count the impressions that `gauc` looks at: those of users with both answers.

    Parameters
    ----------
    users, labels : (n,)
        As in `gauc`.
    """
    known = ~np.isnan(np.asarray(labels, dtype=np.float64))
    group = np.unique(np.asarray(users)[known], return_inverse=True)[1]
    impressions = np.bincount(group)
    positives = np.bincount(group, weights=np.asarray(labels)[known])
    return int(impressions[(positives > 0) & (positives < impressions)].sum())


def mean_absolute_error(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Average |label - prediction|, in the unit of both (seconds, for watch time).

    Parameters
    ----------
    labels, predictions : (n,)
        A NaN label is left out.

    Returns
    -------
    >= 0; NaN where no row is labelled.

    Raises
    ------
    ValueError
        As in `auc`.
    """
    labels, predictions = _labelled(labels, predictions)
    return float(np.abs(labels - predictions).mean()) if len(labels) else float("nan")


def xauc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Share of the pairs of rows that the scores put in the order of the labels.

    XAUC of Zhan et al. (KDD 2022), over all pairs of different labels instead of a sample of
    pairs; equal scores count one half, so that for 0/1 labels XAUC is AUC. With C concordant and D
    discordant pairs among P of different labels it is (1 + (C - D) / P) / 2, and C - D follows
    from Kendall's tau-b = (C - D) / sqrt(P P'), with P' pairs of different scores.

    Parameters
    ----------
    labels : (n,)
        Real values, such as seconds of watch time; NaN = not labelled.
    scores : (n,)

    Returns
    -------
    In [0, 1]; NaN where all labels are equal.

    Raises
    ------
    ValueError
        As in `auc`.
    """
    labels, scores = (_levels(values) for values in _labelled(labels, scores))
    label_pairs, score_pairs = _different_pairs(labels), _different_pairs(scores)
    if label_pairs == 0:
        return float("nan")
    if score_pairs == 0:
        return 0.5
    tau, _ = kendalltau(labels, scores)
    return float((1 + tau * (score_pairs / label_pairs) ** 0.5) / 2)


def _labelled(labels: np.ndarray, scores: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Both arrays as float64, without the rows whose label is NaN."""
    labels, scores = np.asarray(labels, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if labels.shape != scores.shape:
        raise ValueError(f"labels and scores differ in shape: {labels.shape}, {scores.shape}")
    known = ~np.isnan(labels)
    labels, scores = labels[known], scores[known]
    n_missing = int(np.isnan(scores).sum())
    if n_missing:
        raise ValueError(f"{n_missing} of {len(scores)} scores are not numbers")
    return labels, scores


def _ranks_within(group: np.ndarray, sizes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Ranks (1 = lowest score) of the rows inside their groups, ties sharing their mean rank."""
    level = _levels(scores)
    rank = rankdata(group * (int(level.max()) + 1) + level)
    return rank - (np.cumsum(sizes) - sizes)[group]


def _levels(values: np.ndarray) -> np.ndarray:
    """Integers in the order of `values`, equal for equal ones (scipy takes inf - inf for a NaN)."""
    return np.unique(values, return_inverse=True)[1]


def _different_pairs(levels: np.ndarray) -> int:
    """Count the unordered pairs of rows whose levels differ."""
    counts = np.bincount(levels)
    return (len(levels) ** 2 - int((counts**2).sum())) // 2
