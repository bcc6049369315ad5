"""The parts of a cascade: who scores candidates, who orders the scores, who makes the list.

The world's own are `WorldRanker`, `Mean` and `WorldLists`. Others see what a platform sees: who
asks, when, the candidates, and what the user was shown and did; never the user's mind.
"""

from dataclasses import dataclass
from typing import Any, List, NamedTuple, Optional, Protocol, Sequence, Tuple

import numpy as np
import torch

from recbole_poem.world.history import NONE
from recbole_poem.world.ranking_stage import fused, score
from recbole_poem.world.retrieval import Asked, Retrieval
from recbole_poem.world.world import World


class Ranker(Protocol):
    """Scores candidates."""

    @property
    def checkpoint(self) -> Optional[str]:
        """Which file holds it; None = it is the world's own."""

    @property
    def objectives(self) -> Sequence[str]:
        """Names of the M scores."""

    def score(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        """Score the candidates (B, R) of requests: (B, R, M), higher is better, all finite.

        What stands where a candidate is `NONE` has no meaning.
        """


class Order(Protocol):
    """Makes one order of the scores."""

    def best(
        self, asked: Asked, items: np.ndarray, scores: np.ndarray, n: int
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return the best candidates.

        Parameters
        ----------
        asked : Asked
        items : (B, R) int
            `NONE` is none.
        scores : (B, R, M) float
        n : int
            So many at most.

        Returns
        -------
        places : (B, k) int
            Among the R, best first; those of `NONE` behind all others.
        by : (B, k) float
            Their fused scores.
        """


class Lists(Protocol):
    """Makes lists of rankings, and may learn from what came of them.

    Attributes
    ----------
    slot : float, optional
        Seconds, above 0: people then live in the order of time, and nothing is learned within a
        slot of this length. None = nothing is learned, and the order does not matter.
    """

    @property
    def slot(self) -> Optional[float]:
        """Seconds."""

    def shown(self, asked: Asked, ranked: np.ndarray, by: np.ndarray) -> np.ndarray:
        """Make the lists of requests.

        Parameters
        ----------
        asked : Asked
            B requests.
        ranked : (B, N) int
            Best first; `NONE` behind the last.
        by : (B, N) float
            Fused scores, descending; behind the last without a meaning.

        Returns
        -------
        (B, L) int
            `NONE` behind the last.
        """

    def observe(self, asked: Asked, shown: np.ndarray, taken: np.ndarray, end: np.ndarray) -> None:
        """Hear what came of the lists that were made last.

        Parameters
        ----------
        asked : Asked
            The same requests.
        shown : (B, L) int
            What the users got to; `NONE` in place of the rest.
        taken : (B, L) bool
            What of it was watched for long.
        end : (B,) float
            When the lists were over, in seconds since the world began.
        """


class RankingStage(NamedTuple):
    """Who scores, and who orders."""

    ranker: Ranker
    order: Order


class Cascade(NamedTuple):
    """Who finds candidates, the ranking stage behind, and who makes the list.

    Attributes
    ----------
    retrieval : Retrieval
    stage : RankingStage
    lists : Lists, optional
        Default: the world's own.
    """

    retrieval: Retrieval
    stage: RankingStage
    lists: Optional[Lists] = None


@dataclass(frozen=True)
class WorldRanker:
    """The ranking stage that the dials of a world describe; it knows what nobody else knows."""

    world: World

    @property
    def checkpoint(self) -> None:
        """None: it is the world's own."""
        return None

    @property
    def objectives(self) -> List[str]:
        """Names of the M scores."""
        return self.world.objectives

    def score(self, asked: Asked, items: np.ndarray) -> np.ndarray:
        """Score candidates; see `Ranker.score`."""
        world = self.world
        return score(
            world.settings.ranking_stage, world.chance, world.people, world.catalogue, asked.user,
            asked.request, asked.mind.of_stage, np.where(items == NONE, 0, items),
        )  # fmt: skip


class Mean:
    """Orders by the mean of the scores: what the platform does of its own accord."""

    def best(
        self, asked: Asked, items: np.ndarray, scores: np.ndarray, n: int
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return the best candidates; see `Order.best`."""
        return best_by(fused(scores), items, n)


class Fused:
    """Orders by a score fusion that is not learned.

    Parameters
    ----------
    fusion : recbole_poem.fusion.scores.CandidateOrder
    """

    def __init__(self, fusion: Any) -> None:
        self._fusion = fusion

    @torch.no_grad()
    def best(
        self, asked: Asked, items: np.ndarray, scores: np.ndarray, n: int
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return the best candidates; see `Order.best`."""
        told = torch.from_numpy(scores.astype(np.float32)), torch.from_numpy(items != NONE)
        return best_by(self._fusion(*told).score.numpy(), items, n)


def of_world(world: World) -> RankingStage:
    """Return the world's own ranking stage."""
    return RankingStage(WorldRanker(world), Mean())


def best_by(by: np.ndarray, items: np.ndarray, n: int) -> Tuple[np.ndarray, np.ndarray]:
    """Return the places of the best candidates by fused score (B, R), and these scores."""
    by = np.where(items == NONE, -np.inf, by)
    places = best_places(by, np.where(items == NONE, 0, items), n)
    return places, np.take_along_axis(by, places, axis=1)


def best_places(by: np.ndarray, items: np.ndarray, n: int) -> np.ndarray:
    """Return the places of the `n` highest values of each row, highest first.

    Of equal values that are among them the smaller id is first, wherever it stood. Which of those
    that are equal to the last one are among them may depend on where they stood.

    Parameters
    ----------
    by : (B, R) float
    items : (B, R) int
    n : int

    Returns
    -------
    (B, min(n, R)) int
    """
    if by.shape[1] > n:
        best = np.argpartition(-by, n - 1, axis=1)[:, :n]
    else:
        best = np.broadcast_to(np.arange(by.shape[1]), by.shape)
    ids, values = (np.take_along_axis(of, best, axis=1) for of in (items, by))
    return np.take_along_axis(best, np.lexsort((ids, -values), axis=1), axis=1)
