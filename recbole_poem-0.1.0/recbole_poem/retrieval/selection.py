"""The choice of the candidates: the best of each objective, fused by what their ranks are worth.

Pure functions on arrays; every row is a request of its own, and its result depends on nothing but
the row. Ties go to the lower column.
"""

from typing import Tuple

import numpy as np
import torch

from recbole_poem.fusion.scores import CandidateOrder

_COLUMN = 0xFFFFFFFF
_SMALLEST = np.nextafter(np.float32(0), np.float32(1))


def largest(values: np.ndarray, n: int) -> Tuple[np.ndarray, np.ndarray]:
    """Find the `n` largest positive values of each row, best first; ties go to the lower column.

    Parameters
    ----------
    values : (R, W) float32
        From 0, finite; 0 is never found.
    n : int
        May exceed W.

    Returns
    -------
    column (R, n) int64 and value (R, n) float32, both 0 where a row has fewer.
    """
    n_rows, width = values.shape
    flat = np.flatnonzero(values >= _lower_bound(values, n)[:, None])
    row_start = np.arange(n_rows + 1) * width
    bounds = np.searchsorted(flat, row_start)
    count = np.diff(bounds)
    # positive floats order as their bits do; below the bits the column, so that ties are no ties
    keys = values.ravel()[flat].view(np.int32).astype(np.int64) << 32
    keys += _COLUMN - (flat - np.repeat(row_start[:-1], count))
    n_slots = max(n, int(count.max(initial=0)))
    table = np.zeros((n_rows, n_slots), dtype=np.int64)
    slot = np.repeat(np.arange(n_rows) * n_slots - bounds[:-1], count) + np.arange(len(flat))
    table.ravel()[slot] = -keys
    table.sort(axis=1)
    best = -table[:, :n]
    column = np.where(best > 0, _COLUMN - (best & _COLUMN), 0)
    return column, (best >> 32).astype(np.int32).view(np.float32)


def _lower_bound(values: np.ndarray, n: int) -> np.ndarray:
    """Return a positive bound (R,) that the `n` largest positive values of each row do not miss.

    The columns fall into 2n blocks; n of the block maxima, hence n values, reach the n-th largest
    of them. To find it costs a fraction of finding the n-th largest value.
    """
    n_rows, width = values.shape
    n_blocks = 2 * n
    if width <= n_blocks:
        return np.full(n_rows, _SMALLEST)
    maxima = values[:, :n_blocks].copy()
    for begin in range(n_blocks, width, n_blocks):
        block = values[:, begin : begin + n_blocks]
        np.maximum(maxima[:, : block.shape[1]], block, out=maxima[:, : block.shape[1]])
    maxima.partition(n_blocks - n, axis=1)
    return np.maximum(maxima[:, n_blocks - n], _SMALLEST)


def best_fused(scores: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """Choose the N columns that the fusion of the M rankings puts on top, best first.

    A column takes part in an objective's ranking where its score is positive and among the
    objective's N largest; it then gains what its rank there is worth.

    Parameters
    ----------
    scores : (M, R, W) float32
        From 0; column 0 is no candidate, its scores are 0.
    gains : (M, N) float32
        What each rank of each objective is worth.

    Returns
    -------
    (R, N) int64, 0 where a request has fewer candidates.
    """
    n_objectives, n_rows, width = scores.shape
    n = gains.shape[1]
    column, value = largest(scores.reshape(-1, width), n)
    gained = gains[:, None, :] * (value.reshape(n_objectives, n_rows, n) > 0)
    # by request, and there objective by objective, so that the sums are always rounded alike
    by_request = column.reshape(n_objectives, n_rows, n).transpose(1, 0, 2).reshape(n_rows, -1)
    worth = gained.transpose(1, 0, 2).reshape(n_rows, -1)
    fused = torch.zeros(n_rows, width)
    fused.scatter_add_(1, torch.from_numpy(by_request), torch.from_numpy(worth))
    return largest(fused.numpy(), n)[0]


def in_fused_order(
    items: np.ndarray, scores: np.ndarray, by: CandidateOrder, n: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Sort the candidates of each request by their fused score, and keep the first `n`.

    Parameters
    ----------
    items : (R, W) int64
        0 = no candidate. Ties keep the order that they stand in.
    scores : (R, W, M) float32
    by : CandidateOrder
    n : int
        At most W.

    Returns
    -------
    items (R, n) int64 and scores (R, n, M) float32, best first; 0 where there is no candidate.
    """
    best = fused_order(items, scores, by)[:, :n]
    kept = np.take_along_axis(items, best, axis=1)
    there = (kept > 0)[..., None]
    return kept, np.take_along_axis(scores, best[..., None], axis=1) * there


def fused_order(items: np.ndarray, scores: np.ndarray, by: CandidateOrder) -> np.ndarray:
    """Return the slots (R, W) of candidates by their fused scores, best first; see above."""
    item = torch.from_numpy(items)
    score = torch.from_numpy(scores) * (item > 0).unsqueeze(-1)
    fused = by(score, item > 0).score
    # a stable sort: what topk does with ties depends on the width
    order = fused.masked_fill(item == 0, -torch.inf).argsort(dim=1, descending=True, stable=True)
    return np.asarray(order.numpy())
