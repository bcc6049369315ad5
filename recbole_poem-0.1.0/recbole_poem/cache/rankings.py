"""Rankings as arrays, and who makes them: what a source of the request cache has to have."""

from typing import Any, Dict, NamedTuple, Optional, Protocol, Sequence, runtime_checkable

import numpy as np

from recbole_poem.core.workers import Map


class Rankings(NamedTuple):
    """Rankings of the same width, which the shorter ones are padded to.

    Attributes
    ----------
    items : (..., N) int64
        Candidates, best first as the ranking stage ordered them; 0 = none.
    scores : (..., N, M) float32
        One column per objective, higher is better; 0 where there is no candidate.
    stages : (..., N) uint8, optional
        How far each candidate came, a place in `fusion.cascade_stages.STAGES`; None where nobody
        knows.
    """

    items: np.ndarray
    scores: np.ndarray
    stages: Optional[np.ndarray] = None

    def kept(self, keep: np.ndarray) -> "Rankings":
        """Return them less the candidates that are not to be kept, (..., N) bool."""
        items = np.where(keep, self.items, 0)
        return Rankings(items, self.scores * (items > 0)[..., None], self.stages)

    def flat(self) -> "Rankings":
        """Return them one after the other, items (n, N)."""
        n, m = self.scores.shape[-2:]
        stages = None if self.stages is None else self.stages.reshape(-1, n)
        return Rankings(self.items.reshape(-1, n), self.scores.reshape(-1, n, m), stages)

    def taken(self, index: np.ndarray) -> "Rankings":
        """Return some of them, by their places along the first axis."""
        stages = None if self.stages is None else self.stages[index]
        return Rankings(self.items[index], self.scores[index], stages)


def stacked(rankings: Sequence[Rankings], axis: int) -> Rankings:
    """Put rankings of the same shape beside each other, along a new axis before the candidates."""
    items, scores, stages = zip(*rankings)
    told = None if stages[0] is None else np.stack(stages, axis=axis)
    return Rankings(np.stack(items, axis=axis), np.stack(scores, axis=axis), told)


class Ranks(Protocol):
    """What makes the rankings of a request cache."""

    def rank(self, rankings: np.ndarray) -> Sequence[Any]:
        """Make the rankings with some numbers (B,): the parts of `Rankings`, stages or none.

        Items are (B, N) and raw scores (B, N, M). What has one row of the log, say r, is made from
        rows ``first[r]..r-1`` alone, and does not depend on the others.
        """


class Ranker(Ranks, Protocol):
    """A ranking source, with what it depends on.

    Attributes
    ----------
    has_stages : bool
        Whether its rankings tell how far each candidate came.
    """

    has_stages: bool

    @property
    def objectives(self) -> Sequence[str]:
        """Names of the M objectives, in the order of the scores."""

    def depends_on(self) -> Dict[str, Any]:
        """Return every setting that the ranking depends on, as JSON values."""

    def numbers(self) -> np.ndarray:
        """Return the number of each log row's ranking, (R,) int64 from 0, -1 where it has none.

        Rows of a user that came of one ranking share its number; they follow each other.
        """


@runtime_checkable
class EstimatingRanker(Ranker, Protocol):
    """A ranking source that estimates something from the log before it ranks, in parallel.

    Attributes
    ----------
    found_seconds : float
        Processor seconds of what the last estimation found done, and did not do itself.
    """

    found_seconds: float

    def estimate(self, parallel_map: Map, show_progress: bool) -> Ranks:
        """Return who ranks; its content has to travel to workers."""
