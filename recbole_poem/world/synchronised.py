"""A nominator that also learns from what the ranking stage said of its nominations.

It is that of arXiv:2009.08956, whose step is ``synchronised`` of
`recbole_poem.retrieval.posterior.Posterior`. A ranker gives scores and no beliefs, so these are
made of its scores, which is ours: a linear regression of long views on the mean score of a video,
over what was shown. A nomination that did not get into the ranking was worth no more than the last
that did.
"""

from typing import NamedTuple, Optional

import numpy as np

from recbole_poem.retrieval.posterior import Posterior
from recbole_poem.world.history import NONE
from recbole_poem.world.nominator import Lesson, Nominator, NominatorSettings, joined
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.world import World


class SynchronisedNominator(Nominator):
    """Also learns from what the ranking stage said of what it nominated; see `Nominator`.

    Attributes
    ----------
    ranker : Posterior
        What a ranker believes for each user, by 1 and the score of a video; see `Said`.
    """

    def __init__(
        self, world: World, settings: NominatorSettings, believed: Optional[np.ndarray] = None
    ) -> None:
        super().__init__(world, settings, believed)
        self._of_ranker = np.array([settings.level, settings.spread])
        self.ranker = Posterior.prior(0, self._of_ranker)

    def _learn(self, lesson: Lesson) -> None:
        """Learn from what users did, then from the ranking of the request before."""
        super()._learn(lesson)
        said = Said.of(lesson.asked)
        score, ranked = said.about(lesson.item)
        told = self.ranker.at(lesson.places).observed(
            _by_score(score), lesson.reward, ranked, self._settings.noise
        )
        self.ranker = self.ranker.put(lesson.places, told)
        beliefs = self.beliefs.at(lesson.places)
        for item in self._sent[lesson.places].T:  # (B,)
            beliefs = self._synchronised(beliefs, told, said, item, lesson.asked.time)
        self.beliefs = self.beliefs.put(lesson.places, beliefs)

    def _synchronised(
        self,
        beliefs: Posterior,
        ranker: Posterior,
        said: "Said",
        item: np.ndarray,
        time: np.ndarray,
    ) -> Posterior:
        """Return the beliefs behind what a ranker said of one nomination each, (B,)."""
        score, ranked = (of[:, 0] for of in said.about(item[:, None]))
        by = _by_score(np.where(ranked, score, said.lowest)[:, None])
        mean, variance = ranker.value(by)[:, 0], ranker.variance(by)[:, 0]
        x = self._features.of(np.maximum(item, 0)[:, None], time[:, None])
        # of what was not ranked is only known that it is worth no more
        tells = (item != NONE) & (ranked | (said.anything & (beliefs.value(x)[:, 0] > mean)))
        return beliefs.synchronised(x[:, 0], mean, np.where(tells, variance, np.inf))

    def _welcome(self, n: int) -> None:
        super()._welcome(n)
        self.ranker = joined(self.ranker, Posterior.prior(n, self._of_ranker))


class Said(NamedTuple):
    """What the ranking stage said at the request before.

    Attributes
    ----------
    ranked : (B, N) int
    score : (B, N) float
        Mean score of a video, less the mean of its ranking, by its standard deviation there.
    lowest : (B,) float
        Of the ranking; 0 where it is empty.
    anything : (B,) bool
        Whether it is not.
    """

    ranked: np.ndarray
    score: np.ndarray
    lowest: np.ndarray
    anything: np.ndarray

    @classmethod
    def of(cls, asked: Asked) -> "Said":
        """Return what was said before a request."""
        there = asked.ranked != NONE
        n = np.maximum(there.sum(axis=1, keepdims=True), 1)
        score = np.where(there, asked.scores.mean(axis=2), 0.0)
        score = np.where(there, score - score.sum(axis=1, keepdims=True) / n, 0.0)
        spread = np.sqrt((score**2).sum(axis=1, keepdims=True) / n)
        score = score / np.where(spread > 0, spread, 1.0)
        return cls(asked.ranked, score, score.min(axis=1), there.any(axis=1))

    def about(self, items: np.ndarray) -> "tuple[np.ndarray, np.ndarray]":
        """Return the scores of videos (B, n), 0 where there is none, and whether there is one."""
        same = (items[:, :, None] == self.ranked[:, None, :]) & (items != NONE)[:, :, None]
        score: np.ndarray = np.where(same, self.score[:, None, :], 0.0).sum(axis=2)
        return score, same.any(axis=2)


def _by_score(score: np.ndarray) -> np.ndarray:
    """Return the features by which a ranker's beliefs are linear, (B, n, 2)."""
    return np.stack([np.ones_like(score), score], axis=-1)
