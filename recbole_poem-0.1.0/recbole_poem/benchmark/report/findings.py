"""The numbers of one data set under one protocol, as the parts of a report pass them on."""

from typing import Dict, List, NamedTuple, Optional, Tuple

import numpy as np

from recbole_poem.benchmark.statistics import ALPHA


class Spread(NamedTuple):
    """A quantity over a row's seeds."""

    mean: float
    deviation: float  # of one seed from another (ddof = 1); NaN for a single seed


class Estimate(NamedTuple):
    """A mean over test rows, with its bootstrap interval over users."""

    mean: float
    low: float
    high: float


class Comparison(NamedTuple):
    """A row against the reference of its table, test row by test row."""

    row: str
    difference: Estimate  # row - reference
    relative: float  # difference / reference; NaN where that is 0
    p: float
    p_corrected: float  # Holm, over its family
    p_with_seeds: float  # alone, with the scatter of the seeds; NaN for a single seed
    detectable: float

    @property
    def verdict(self) -> str:
        """``better``, ``worse`` or ``no difference shown``."""
        if not self.p_corrected < ALPHA:
            return "no difference shown"
        return "better" if self.difference.mean > 0 else "worse"


class Family(NamedTuple):
    """The comparisons of one metric with one reference row, which are corrected together."""

    metric: str
    reference: str
    comparisons: List[Comparison]
    extras: Tuple[str, ...] = ()  # which all of its rows have, but for variants


class Results(NamedTuple):
    """The rows of one data set under one protocol that finished.

    Where more than `summary.SEEN_SHARE` of the targets were seen before by their users, all is of
    the test rows with new targets, but for `everything`.
    """

    protocol: str
    n_users: int
    n_rows: int  # test rows that count; more than users where a user has several
    seen_share: float  # of all test rows; NaN where no run says it
    new_only: bool  # whether only test rows with new targets count
    metrics: Dict[str, Dict[str, Spread]]  # row -> metric -> over seeds
    everything: Dict[str, Dict[str, Spread]]  # the same on all test rows
    estimates: Dict[str, Dict[str, Estimate]]  # tested metric -> row -> over rows
    extras: Dict[str, Tuple[str, ...]]  # row -> what it has that every row may have
    against_baseline: List[Family]  # one a tested metric and extras that a baseline has
    against_upstream: List[Family]  # the same of those that an upstream row has
    unequal: List[Family]  # rows whose extras no baseline, or no upstream row, has: against it
    variants: List[Family]  # one a row that has variants and a tested metric: against that row


def typical_detectable(family: Family) -> Optional[Tuple[float, float, float]]:
    """Return the smallest, median and largest detectable difference of a table; None if empty."""
    found = [test.detectable for test in family.comparisons if np.isfinite(test.detectable)]
    return (min(found), float(np.median(found)), max(found)) if found else None
