"""The rankings of several requests as the model reads them."""

from typing import Any, List, NamedTuple, Optional, Sequence, Union

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.fusion.cascade_stages import STAGES
from recbole_poem.serving.ranking import Needs, Ranking
from recbole_poem.serving.vocabulary import Vocabulary

#: of a request: the ranking of the one before, or a list of several, the youngest first
Given = Union[None, Ranking, Sequence[Optional[Ranking]]]


class RankingBatch(NamedTuple):
    """Rankings of B requests, A of each, the youngest first.

    Attributes
    ----------
    items : (B, A, N) int64
        0 = no candidate.
    scores : (B, A, N, M) float32
    n_unknown : (B,) int64
        Tokens that were left out because the model has not seen them.
    stages : (B, A, N) int64, optional
        Places in `fusion.cascade_stages.STAGES`; only where the model reads them.
    """

    items: torch.Tensor
    scores: torch.Tensor
    n_unknown: np.ndarray
    stages: Optional[torch.Tensor] = None

    def of(self, requests: np.ndarray) -> "RankingBatch":
        """Return the rankings of some of the requests."""
        stages = None if self.stages is None else self.stages[requests]
        found = self.items[requests], self.scores[requests], self.n_unknown[requests]
        return RankingBatch(*found, stages)


def look_up(rankings: Sequence[Given], needs: Needs, vocabulary: Vocabulary) -> RankingBatch:
    """Look up the tokens of rankings, and bring their scores into the model's order.

    Parameters
    ----------
    rankings : sequence of Ranking, None, or lists of these
        Those that are not given are empty.
    needs : Needs
        What the model reads in one.
    vocabulary : Vocabulary

    Raises
    ------
    InputError
        For what is no ranking, one that lacks an objective or stages, and more than are read.
    """
    found = [
        _look_up(ranking, needs, vocabulary)
        for number, given in enumerate(rankings)
        for ranking in _by_age(number, given, needs)
    ]
    width = max([1, *(len(one.ids) for one in found)]) if needs.objectives else 0
    items = np.zeros((len(found), width), dtype=np.int64)
    scores = np.zeros((len(found), width, len(needs.objectives)), dtype=np.float32)
    stages = np.zeros_like(items)
    for row, (ids, values, places, _) in enumerate(found):
        n = len(ids)
        items[row, :n], scores[row, :n], stages[row, :n] = ids, values, places
    n_unknown = np.array([one.n_unknown for one in found], dtype=np.int64)
    shape = len(rankings), needs.n_rankings, width
    return RankingBatch(
        torch.from_numpy(items.reshape(shape)),
        torch.from_numpy(scores.reshape(*shape, len(needs.objectives))),
        n_unknown.reshape(shape[:2]).sum(axis=1),
        torch.from_numpy(stages.reshape(shape)) if needs.stages else None,
    )


def empty(number: int, needs: Needs) -> RankingBatch:
    """Return so many rankings without candidates."""
    shape = number, needs.n_rankings, 1 if needs.objectives else 0
    items = torch.zeros(shape, dtype=torch.int64)
    scores = torch.zeros(*items.shape, len(needs.objectives))
    stages = torch.zeros_like(items) if needs.stages else None
    return RankingBatch(items, scores, np.zeros(number, np.int64), stages)


class _LookedUp(NamedTuple):
    """A ranking of n known tokens: ids (n,), scores (n, M), places of stages (n,)."""

    ids: np.ndarray
    scores: np.ndarray
    stages: np.ndarray
    n_unknown: int


def _by_age(number: int, given: Given, needs: Needs) -> List[Optional[Ranking]]:
    """Return as many rankings of a request as the model reads, the youngest first."""
    several: List[Any] = list(given) if isinstance(given, (list, tuple)) else [given]
    for ranking in several:
        if not isinstance(ranking, (Ranking, type(None))):
            kind = type(ranking).__name__
            raise InputError(f"rankings: request {number} has a {kind}, not a Ranking or None")
    if not needs.objectives:
        return [None]
    too_many = needs.too_many(len(several))
    if too_many is not None:
        raise InputError(f"rankings: request {number}: {too_many}")
    return [*several, *[None] * (needs.n_rankings - len(several))]


def _look_up(ranking: Optional[Ranking], needs: Needs, vocabulary: Vocabulary) -> _LookedUp:
    if ranking is None or not needs.objectives:
        nothing = np.zeros(0, np.int64)
        return _LookedUp(nothing, np.zeros((0, len(needs.objectives)), np.float32), nothing, 0)
    lacking = needs.lacking(ranking)
    if lacking is not None:
        raise InputError(f"rankings: {lacking}")
    ids = vocabulary.ids(ranking.items)
    columns = [ranking.objectives.index(name) for name in needs.objectives]
    known = ids > 0
    told = ranking.stages if needs.stages and ranking.stages else (STAGES[0],) * len(ids)
    places = np.array([STAGES.index(stage) for stage in told], np.int64)
    scores = ranking.scores[known][:, columns]
    return _LookedUp(ids[known], scores, places[known], int((~known).sum()))
