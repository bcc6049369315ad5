"""The rankings of several requests as the model reads them."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
import torch

from recbole_poem.core.errors import InputError
from recbole_poem.serving.ranking import Ranking
from recbole_poem.serving.vocabulary import Vocabulary


class RankingBatch(NamedTuple):
    """Rankings of B requests.

    Attributes
    ----------
    items : (B, N) int64
        0 = no candidate.
    scores : (B, N, M) float32
    n_unknown : (B,) int64
        Tokens that were left out because the model has not seen them.
    """

    items: torch.Tensor
    scores: torch.Tensor
    n_unknown: np.ndarray

    def of(self, requests: np.ndarray) -> "RankingBatch":
        """Return the rankings of some of the requests."""
        return RankingBatch(self.items[requests], self.scores[requests], self.n_unknown[requests])


def look_up(
    rankings: Sequence[Optional[Ranking]], objectives: List[str], vocabulary: Vocabulary
) -> RankingBatch:
    """Look up the tokens of rankings, and bring their scores into the model's order.

    Parameters
    ----------
    rankings : sequence of Ranking or None
    objectives : list of str
        Those that the model reads; none at all if it reads no rankings.
    vocabulary : Vocabulary

    Raises
    ------
    InputError
        For what is no ranking, and one that lacks an objective.
    """
    for number, ranking in enumerate(rankings):
        if not isinstance(ranking, (Ranking, type(None))):
            kind = type(ranking).__name__
            raise InputError(f"rankings: request {number} has a {kind}, not a Ranking or None")
    found = [_look_up(ranking, objectives, vocabulary) for ranking in rankings]
    width = max([1, *(len(items) for items, _, _ in found)]) if objectives else 0
    items = np.zeros((len(found), width), dtype=np.int64)
    scores = np.zeros((len(found), width, len(objectives)), dtype=np.float32)
    for row, (ids, values, _) in enumerate(found):
        items[row, : len(ids)], scores[row, : len(ids)] = ids, values
    n_unknown = np.array([unknown for _, _, unknown in found], dtype=np.int64)
    return RankingBatch(torch.from_numpy(items), torch.from_numpy(scores), n_unknown)


def _look_up(
    ranking: Optional[Ranking], objectives: List[str], vocabulary: Vocabulary
) -> Tuple[np.ndarray, np.ndarray, int]:
    """Return ids (n,), scores (n, M) and how many tokens are unknown."""
    if ranking is None or not objectives:
        return np.zeros(0, np.int64), np.zeros((0, len(objectives)), np.float32), 0
    missing = ranking.missing(objectives)
    if missing is not None:
        raise InputError(
            f"rankings: the objective '{missing}' is missing; the model reads "
            f"{', '.join(objectives)}"
        )
    ids = vocabulary.ids(ranking.items)
    columns = [ranking.objectives.index(name) for name in objectives]
    known = ids > 0
    return ids[known], ranking.scores[known][:, columns], int((~known).sum())
