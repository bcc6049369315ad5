"""Windows over a flat log, gathered when a batch is made: pure functions, no copies kept."""

from typing import Tuple

import numpy as np
import torch


def gather_windows(
    values: torch.Tensor, start: torch.Tensor, length: torch.Tensor, width: int
) -> torch.Tensor:
    """Cut the rows ``start .. start + length - 1`` out of a flat column, padded on the right.

    Parameters
    ----------
    values : (R, ...)
        A column of the log.
    start, length : (B,) int64
        First row and number of rows of each window; 0 <= length <= width.
    width : int
        W, the width of every window.

    Returns
    -------
    (B, W, ...) of the dtype of `values`; zero beyond the length.
    """
    offset = torch.arange(width, device=values.device)
    inside = offset < length.unsqueeze(1)  # (B, W)
    rows = (start.unsqueeze(1) + offset).clamp(max=len(values) - 1)
    window = values[rows]
    return window.masked_fill(~inside.view(*inside.shape, *[1] * (window.dim() - 2)), 0)


def next_rows(start: torch.Tensor, length: torch.Tensor, width: int) -> torch.Tensor:
    """Return the row behind each position of windows (B,), (B, width) int64; -1 beyond them."""
    offset = torch.arange(width)
    return torch.where(offset < length.unsqueeze(1), start.unsqueeze(1) + 1 + offset, -1)


def cut_into_windows(
    start: np.ndarray, n_targets: np.ndarray, width: int, generator: np.random.Generator
) -> Tuple[np.ndarray, np.ndarray]:
    """Cut every user's training rows into windows whose targets partition them.

    A window of n inputs, rows ``s .. s + n - 1``, has the n targets ``s + 1 .. s + n``. A user with
    more than `width` targets gets several windows; where the cuts fall is drawn anew at each call,
    so that over the epochs a target is seen behind histories of different length. The number of
    windows does not depend on the draw.

    Parameters
    ----------
    start : (U,) int64
        First row of each user.
    n_targets : (U,) int64
        Number of rows behind the first one to be predicted; users with 0 get no window.
    width : int
        Largest number of inputs of a window.
    generator : numpy.random.Generator
        Source of the cuts.

    Returns
    -------
    (window start, window length), both (V,) int64, V = sum of ceil(n_targets / width).
    """
    n_windows = -(-n_targets // width)
    slack = n_windows * width - n_targets  # how much the first window may fall short of the width
    first_is_free = n_windows > 1
    shift = np.where(first_is_free, generator.integers(0, np.minimum(slack, width - 1) + 1), 0)
    user = np.repeat(np.arange(len(start)), n_windows)
    index = np.arange(len(user)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    begin = np.maximum(index * width - shift[user], 0)
    end = np.minimum((index + 1) * width - shift[user], n_targets[user])
    return start[user] + begin, end - begin


def row_windows(
    values: torch.Tensor, start: torch.Tensor, length: torch.Tensor, width: int
) -> torch.Tensor:
    """Gather windows of a row feature (R,), (B, width): slots as int64, numbers as they are."""
    found = gather_windows(values, start, length, width)
    return found if found.is_floating_point() else found.long()
