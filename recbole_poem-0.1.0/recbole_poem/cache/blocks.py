"""A neural ranking stage, out of fold in time: candidates from retrieval, scores from a ranker.

The training period is cut at K moments into blocks with about equally many of the exposures that
every target is labelled for. Block 0 lies before the first moment; the last block begins when the
training period ends. The requests of block b are answered by what was known when it began::

    rows of the log   ------ block 0 ------|-- block 1 --|-- block 2 --| ... |-- block K -->
    stage 1 knows     all training rows here
    stage 2 knows     all training rows up to here  ---->|

Stage b is an item-to-item retrieval and a multi-task ranker, both estimated from the training rows
before its block alone: whatever happens later moves none of its candidates and none of its scores.
Its ranker goes on from that of stage b - 1 with the rows that came since, as a system in use
learns. The requests of block 0, which no stage precedes, have empty rankings.

The scores are the ranker's, one per target, and behind them the *retrieval*'s: N for its best
candidate, N - 1 for the next. Only their ranks enter the fusion, and what the retrieval knew is not
lost by ranking.
"""

from dataclasses import dataclass
from logging import getLogger
from typing import Any, Callable, Dict, List, Protocol, Sequence, Tuple

import numpy as np

from recbole_poem.cache.rankings import EstimatingRanker, Ranks
from recbole_poem.core.errors import InputError
from recbole_poem.core.workers import Map
from recbole_poem.fusion.scores import CandidateOrder
from recbole_poem.log.exposures import Exposures
from recbole_poem.log.requests import RequestLog
from recbole_poem.retrieval.selection import in_fused_order


class ScoresCandidates(Protocol):
    """A trained ranker; its content has to travel to workers.

    Attributes
    ----------
    found_seconds : float
        Processor seconds of its training, where that was found done.
    """

    @property
    def found_seconds(self) -> float:
        """See above."""

    def score(self, requests: np.ndarray, items: np.ndarray) -> np.ndarray:
        """Score items (B, N) for requests (B,), by what lies before them: (B, N, M) float32."""


class Trains(Protocol):
    """Who trains the rankers, one stage after the other."""

    def __call__(
        self, number: int, known: RequestLog, rows: np.ndarray, next_rows: np.ndarray
    ) -> ScoresCandidates:
        """Train the ranker of a stage, from 1, on from that of the stage before.

        The training part of `known` lies before its block. Of that, `rows` (E,) came since the
        stage before; `next_rows` come in its block, as far as they are training rows, and tell how
        well it does there.
        """


#: the objective behind those of the targets
RETRIEVAL = "retrieval"

#: from a log to the retrieval that is estimated from its training rows
Retrieval = Callable[[RequestLog], EstimatingRanker]


class BlockRanker:
    """Ranks the requests of a log by K stages; see the module.

    Parameters
    ----------
    of : Exposures
        The log with the labels of M targets; its training part is final.
    objectives : sequence of str
        Names of the targets.
    n_blocks : int
        K, at least 2.
    n_candidates : int
        N, the candidates that the retrieval finds.
    retrieval : function
        See `Retrieval`.
    training : Trains
    by : CandidateOrder
        How the M + 1 scores decide the order of the candidates.
    settings : dict
        What the training depends on beside the log, as JSON values.

    Raises
    ------
    InputError
        If the training part has too few exposures for so many blocks.
    """

    has_stages = False

    def __init__(
        self,
        of: Exposures,
        objectives: Sequence[str],
        n_blocks: int,
        n_candidates: int,
        retrieval: Retrieval,
        training: Trains,
        by: CandidateOrder,
        settings: Dict[str, Any],
    ) -> None:
        self.objectives = [*objectives, RETRIEVAL]
        self._exposures, self._by = of, by
        self._shape = (n_candidates, len(self.objectives))
        self._begin = block_begins(of, n_blocks)
        self._retrieval = retrieval
        self._training, self._settings = training, settings
        self.found_seconds = 0.0

    def depends_on(self) -> Dict[str, Any]:
        """Return every setting that the ranking depends on."""
        return {
            "blocks": [float(time) for time in self._begin],
            "retrieval": self._retrieval(self._exposures.log).depends_on(),
            "score_fusion": self._by.fingerprint(),
            **self._settings,
        }

    def numbers(self) -> np.ndarray:
        """Return the rows themselves, (R,): every row of the log has a ranking of its own."""
        return np.arange(len(self._exposures.log))

    def rank(self, rankings: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Rank for rows (B,); trains all stages."""
        return self.estimate(map).rank(rankings)

    def estimate(self, parallel_map: Map, show_progress: bool = False) -> "Stages":
        """Estimate the retrieval and train the ranker of every stage, and return who ranks."""
        stages: List[Tuple[Ranks, ScoresCandidates]] = []
        self.found_seconds = 0.0
        since = learned_between(self._exposures, np.r_[-np.inf, self._begin, np.inf])
        for number, time in enumerate(self._begin, 1):
            getLogger().info(
                f"request cache: stage {number} of {len(self._begin)}, "
                f"{len(since[number - 1])} exposures"
            )
            known = known_before(self._exposures.log, time)
            candidates = self._retrieval(known).estimate(parallel_map, show_progress)
            ranker = self._training(number, known, since[number - 1], since[number])
            stages.append((candidates, ranker))
            self.found_seconds += ranker.found_seconds
        return Stages(self._exposures.log.time, self._begin, stages, self._by, self._shape)


@dataclass(frozen=True)
class Stages:
    """Ranks requests by the stage of their block.

    Attributes
    ----------
    time : (R,) float64
        Of the requests.
    begin : (K,) float64
        When each stage's block begins, ascending.
    stages : sequence of K pairs of retrieval and ranker
    by : CandidateOrder
    shape : (N, M + 1)
        Numbers of candidates and objectives.
    """

    time: np.ndarray
    begin: np.ndarray
    stages: Sequence[Tuple[Ranks, ScoresCandidates]]
    by: CandidateOrder
    shape: Tuple[int, int]

    def rank(self, requests: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Rank `requests` (B,): items (B, N), 0 = none; scores (B, N, M + 1), best first."""
        block = np.searchsorted(self.begin, self.time[requests], side="right")
        answers = {b: self._answer(b, requests[block == b]) for b in np.unique(block[block > 0])}
        items = np.zeros((len(requests), self.shape[0]), dtype=np.int64)
        scores = np.zeros((len(requests), *self.shape), dtype=np.float32)
        for b, (found, scored) in answers.items():
            items[block == b], scores[block == b] = found, scored
        return items, scores

    def _answer(self, block: int, requests: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        retrieval, ranker = self.stages[block - 1]
        items = retrieval.rank(requests)[0]
        n = items.shape[1]
        by_retrieval = np.broadcast_to(np.arange(n, 0, -1, dtype=np.float32), items.shape)
        scores = np.dstack([ranker.score(requests, items), by_retrieval])
        return in_fused_order(items, scores, self.by, n)


def block_begins(of: Exposures, n_blocks: int) -> np.ndarray:
    """Return when blocks 1 to K begin, (K,) float64, ascending.

    Raises
    ------
    InputError
        If no training row is labelled for every target, or they share too few moments.
    """
    time = np.sort(of.log.time[of.log.training & of.complete])
    if not len(time):
        raise InputError("targets: no training row is labelled for every target")
    begins = time[np.arange(1, n_blocks) * len(time) // n_blocks]
    end = np.nextafter(of.log.time[of.log.training].max(), np.inf)
    begins = np.r_[begins, end]
    if (np.diff(begins) <= 0).any() or begins[0] <= time[0]:
        raise InputError(
            f"ranking_source.blocks: the {len(time)} training rows that are labelled for every "
            f"target have too few different times for {n_blocks} blocks"
        )
    return begins


def known_before(log: RequestLog, time: float) -> RequestLog:
    """Return this log with what is left of its training part before a time."""
    return log.with_training(log.training & (log.time < time))


def learned_between(of: Exposures, bounds: np.ndarray) -> List[np.ndarray]:
    """List the training rows of each period that are labelled for some target.

    Parameters
    ----------
    of : Exposures
    bounds : (P + 1,) float64
        Ascending times; a period begins with one and ends before the next.

    Returns
    -------
    P arrays of row numbers, int64.
    """
    period = np.searchsorted(bounds, of.log.time, side="right") - 1
    usable = of.labelled & of.log.training
    return [np.flatnonzero(usable & (period == number)) for number in range(len(bounds) - 1)]
