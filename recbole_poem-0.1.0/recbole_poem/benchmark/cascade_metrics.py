"""What a retrieval lets through to the ranking stage behind it, and what is lost on the way.

Requests have a row, items a column. A retrieval *sent* some of them; the ranking stage orders all.
Two-stage recommenders are analysed in arXiv:2009.08956 and arXiv:2106.14979. The figures are our
reading of what these papers ask of a retrieval: that the ranker's pick is among what was sent.
"""

import numpy as np


def best_of(by: np.ndarray, k: int) -> np.ndarray:
    """Tell which items are the best of their rows.

    Parameters
    ----------
    by : (B, I) float
        Higher is better; ``-inf`` is no item. Of equal ones the first column is better.
    k : int
        So many at most, from 1.

    Returns
    -------
    (B, I) bool
    """
    places = _places(by, k)
    found = np.zeros(by.shape, dtype=bool)
    np.put_along_axis(found, places, np.isfinite(np.take_along_axis(by, places, axis=1)), axis=1)
    return found


def pass_through(sent: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return the share of what was sent that is among the ranker's best of everything, (B,).

    It is 0 where nothing was sent.

    Parameters
    ----------
    sent, best : (B, I) bool
        `best` as of `best_of`.
    """
    share: np.ndarray = (sent & best).sum(axis=1) / np.maximum(sent.sum(axis=1), 1)
    return share


def share_found(sent: np.ndarray, best: np.ndarray) -> np.ndarray:
    """Return the share of the ranker's best of everything that was sent, (B,).

    It is 1 where there is nothing to find; see `pass_through`.
    """
    n = best.sum(axis=1)
    share: np.ndarray = np.where(n > 0, (sent & best).sum(axis=1) / np.maximum(n, 1), 1.0)
    return share


def overlap_by_objective(scores: np.ndarray, sent: np.ndarray, k: int) -> np.ndarray:
    """Return the share of each objective's best of everything that was sent, (B, M).

    Parameters
    ----------
    scores : (B, I, M) float
        ``-inf`` is no item.
    sent : (B, I) bool
    k : int
        See `best_of`.
    """
    columns = [share_found(sent, best_of(of, k)) for of in np.moveaxis(scores, -1, 0)]
    return np.stack(columns, axis=1)


def cascade_regret(value: np.ndarray, by: np.ndarray, sent: np.ndarray, k: int) -> np.ndarray:
    """Return the value of the ranker's pick of everything, less that of what was sent, (B,).

    It is 0 where everything was sent. It is never below 0 where the ranker picks by the value
    itself. By another value it is below 0 where the ranker's pick of everything is the worse one.

    Parameters
    ----------
    value : (B, I) float
        Of an item, from 0; a place that stays empty counts 0.
    by : (B, I) float
        What the ranker picks by; ``-inf`` is no item.
    sent : (B, I) bool
    k : int
        Items of a pick, from 1.
    """
    everything = _values(value, by, k)
    # place by place, so that no rounding makes it negative
    regret: np.ndarray = (everything - _values(value, np.where(sent, by, -np.inf), k)).sum(axis=1)
    return regret


def _values(value: np.ndarray, by: np.ndarray, k: int) -> np.ndarray:
    """Return the values of a pick, best first, (B, k); 0 behind the last."""
    places = _places(by, k)
    there = np.isfinite(np.take_along_axis(by, places, axis=1))
    values: np.ndarray = np.where(there, np.take_along_axis(value, places, axis=1), 0.0)
    return values


def _places(by: np.ndarray, k: int) -> np.ndarray:
    """Return the columns of the best of each row, best first, (B, min(k, I))."""
    return np.argsort(-by, axis=1, kind="stable")[:, :k]
