"""The two levels of watch time of each duration: of those whom a video interests, and of the rest.

D2Co (Zhao et al., *Uncovering User Interest from Biased and Noised Watch Time in Video
Recommendation*, RecSys 2023, arXiv 2308.08120) takes the watch times of all videos of one duration
d for a mixture, w = p w+ + (1 - p) w-, of a bias level w+ and a noise level w-. Both are the means
of a Gaussian mixture of two components that is fitted to each duration in whole seconds, and are
then averaged over the durations around it, weighted by their numbers of rows.

The mixtures of all durations are fitted at once, by expectation maximisation over the pairs of
whole seconds (d, w) that occur, from the best split of each duration's rows in two (k-means).
"""

from dataclasses import dataclass
from typing import NamedTuple, Tuple, Union

import numpy as np
from scipy.special import expit

_FEWEST_ROWS = 3
_MOST_STEPS = 500
_TOLERANCE = 1e-3  # of the mean log-likelihood of a duration's rows
_LEAST_VARIANCE = 1e-6  # s^2


class Cells(NamedTuple):
    """C pairs of a duration and a watch time, ascending, of D durations.

    Attributes
    ----------
    of : (C,) int64
        Index of the duration, ascending; each of 0..D-1 occurs.
    watched : (C,) float64
        Whole seconds, ascending within a duration.
    rows : (C,) float64
        Rows of the pair, at least 1.
    """

    of: np.ndarray
    watched: np.ndarray
    rows: np.ndarray

    def of_durations(self, kept: np.ndarray) -> "Cells":
        """Return the cells of the durations that are kept, (D,) bool, numbered anew."""
        number = np.cumsum(kept) - 1
        mine = kept[self.of]
        return Cells(number[self.of[mine]], self.watched[mine], self.rows[mine])

    def sums(self, values: Union[int, np.ndarray]) -> np.ndarray:
        """Add values (C,), or 1, over the rows of each duration, (D,)."""
        return np.bincount(self.of, self.rows * values)


@dataclass(frozen=True)
class TwoLevels:
    """Levels of D durations that were fitted, and what they say of any other.

    Attributes
    ----------
    durations : (D,) float64
        Whole seconds, ascending.
    rows : (D,) float64
        Rows of each.
    low, high : (D,) float64
        Means of the components, low < high, in seconds.
    window : int
        T: a duration is averaged with those less than T seconds away.
    """

    durations: np.ndarray
    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    window: int

    def at(self, durations: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Return noise and bias level of any durations (N,), in seconds, (N,) each.

        A duration with no fitted one in its window lies between its neighbours (linearly), or takes
        the outermost levels.
        """
        wanted, back = np.unique(np.rint(durations), return_inverse=True)
        rows, *levels = self._averages(wanted)
        own = self._averages(self.durations)[1:]
        between = (np.interp(wanted, self.durations, level) for level in own)
        low, high = (np.where(rows > 0, level, far)[back] for level, far in zip(levels, between))
        return low, high

    def _averages(self, wanted: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return rows in the window of each duration (N,), and the mean levels over them."""
        begin = np.searchsorted(self.durations, wanted - self.window, side="right")
        end = np.searchsorted(self.durations, wanted + self.window, side="left")
        rows, low, high = (
            np.r_[0, np.cumsum(self.rows * values)][[begin, end]]
            for values in (np.ones(len(self.rows)), self.low, self.high)
        )
        number = rows[1] - rows[0]
        some = np.maximum(number, 1)
        return number, (low[1] - low[0]) / some, (high[1] - high[0]) / some


def two_levels(watched: np.ndarray, durations: np.ndarray, window: int) -> TwoLevels:
    """Fit the levels of every duration that has three rows, not all watched equally long.

    Parameters
    ----------
    watched, durations : (N,) float64
        Seconds; what is watched is at most the duration, and is rounded to whole seconds as well.
    window : int
        T, from 1.

    Returns
    -------
    TwoLevels
        Of D durations; D is 0 where there is none of that kind.
    """
    lengths, of_row = np.unique(np.rint(durations), return_inverse=True)
    seconds = np.rint(watched).astype(np.int64)
    width = seconds.max(initial=0) + 1
    pairs, rows = np.unique(of_row * width + seconds, return_counts=True)
    cells = Cells(pairs // width, (pairs % width).astype(np.float64), rows.astype(np.float64))
    number, n_different = np.bincount(cells.of, cells.rows), np.bincount(cells.of)
    fitted = (number >= _FEWEST_ROWS) & (n_different > 1)
    low = high = np.zeros(0)
    if fitted.any():
        low, high = mixture_means(cells.of_durations(fitted))
    return TwoLevels(lengths[fitted], number[fitted], low, high, window)


def mixture_means(cells: Cells) -> Tuple[np.ndarray, np.ndarray]:
    """Fit two Gaussians to each duration; return their smaller and their greater mean, (D,) each.

    As `sklearn.mixture.GaussianMixture` does it, with its defaults: expectation maximisation until
    the mean log-likelihood gains less than 0.001, for 500 steps at most.
    """
    of_high = is_upper_half(cells).astype(np.float64)
    n_durations = int(cells.of[-1]) + 1
    means = np.zeros((2, n_durations))
    before, left = np.full(n_durations, -np.inf), np.arange(n_durations)
    for _ in range(_MOST_STEPS):
        means[:, left], of_high, likelihood = _step(cells, of_high)
        going = likelihood - before >= _TOLERANCE
        if not going.any():
            break
        of_high, before, left = of_high[going[cells.of]], likelihood[going], left[going]
        cells = cells.of_durations(going)
    return means.min(axis=0), means.max(axis=0)


def _step(cells: Cells, of_high: np.ndarray) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Estimate the components from the share (C,) of the second, and that share from them.

    Returns
    -------
    means : (2, D)
    of_high : (C,)
        In [0, 1].
    likelihood : (D,)
        Mean logarithm over the rows of each duration.
    """
    total = cells.sums(1)
    means, densities = [], []
    for share in (1 - of_high, of_high):
        mass = cells.sums(share) + 10 * np.finfo(float).eps
        mean = cells.sums(share * cells.watched) / mass
        square = (cells.watched - mean[cells.of]) ** 2
        variance = cells.sums(share * square) / mass + _LEAST_VARIANCE
        constant = np.log(mass / total) - np.log(2 * np.pi * variance) / 2
        densities.append(constant[cells.of] - square / (2 * variance[cells.of]))
        means.append(mean)
    likelihood = cells.sums(np.logaddexp(*densities)) / total
    return np.stack(means), expit(densities[1] - densities[0]), likelihood


def is_upper_half(cells: Cells) -> np.ndarray:
    """Split the watch times of each duration in two, as k-means would at its best, (C,) bool.

    Among the splits of ascending numbers that is the one with the greatest n1 m1^2 + n2 m2^2, of
    the numbers and means of both parts.
    """
    last = np.r_[cells.of[1:] != cells.of[:-1], True]
    first = np.flatnonzero(np.r_[True, last[:-1]])
    lower_rows, lower_seconds = (_so_far(cells, first, v) for v in (1, cells.watched))
    upper_rows = np.where(last, 1, lower_rows[last][cells.of] - lower_rows)
    upper_seconds = lower_seconds[last][cells.of] - lower_seconds
    gain = lower_seconds**2 / lower_rows + upper_seconds**2 / upper_rows
    gain[last] = -np.inf  # nothing would be in the upper part
    best = np.lexsort((-gain, cells.of))[first]  # the first cell of each duration in that order
    return np.arange(len(last)) > best[cells.of]


def _so_far(cells: Cells, first: np.ndarray, values: Union[int, np.ndarray]) -> np.ndarray:
    """Add values over the rows of a duration up to each cell, (C,)."""
    total = np.cumsum(cells.rows * values)
    return total - np.r_[0, total][first][cells.of]
