"""The scores of the whole catalogue, and the best of them."""

from typing import Callable, Optional, Tuple

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_poem.fusion.scores import ScoreFusion
from recbole_poem.serving.batch import BatchMaker
from recbole_poem.serving.limits import Limits
from recbole_poem.serving.ranking_batch import RankingBatch
from recbole_poem.serving.requests import Requests
from recbole_poem.serving.top_k import top_k


class ExactRanker:
    """Scores every item for every request.

    Parameters
    ----------
    batches : BatchMaker
    score : function
        From a batch of B requests to the scores of the catalogue, (B, n_items).
    popularity : (n_items,) float32
        Shares, below 1: what is left to say where there is no history.
    fusion : ScoreFusion, optional
        Of the scores in a ranking; None where the model reads none.
    """

    def __init__(
        self,
        batches: BatchMaker,
        score: Callable[[Interaction], torch.Tensor],
        popularity: np.ndarray,
        fusion: Optional[ScoreFusion],
    ) -> None:
        self._batches, self._score = batches, score
        self._popularity = torch.from_numpy(popularity)
        self._fusion = fusion

    @torch.inference_mode()
    def best(self, requests: Requests, limits: Limits, k: int) -> Tuple[np.ndarray, np.ndarray]:
        """Return the k best items of each request and their scores, best first.

        Returns
        -------
        items : (B, k) int64
        scores : (B, k) float32
            -inf where fewer than k items may be recommended.
        """
        scores = self._scores(requests)
        if limits.allowed is not None:
            scores.masked_fill_(~torch.from_numpy(limits.allowed), -torch.inf)
        scores[:, 0] = -torch.inf
        scores[limits.row, limits.item] = -torch.inf
        best, items = top_k(scores, k)
        return items.numpy(), best.numpy()

    def _scores(self, requests: Requests) -> torch.Tensor:
        """Score the catalogue: (B, n_items), on the CPU."""
        has_history = requests.histories.length > 0
        if has_history.all():
            return self._told(requests)
        scores = torch.empty(len(requests), len(self._popularity))
        told, untold = np.flatnonzero(has_history), np.flatnonzero(~has_history)
        scores[untold] = self._without_history(requests.rankings.of(untold))
        if len(told):
            scores[told] = self._told(requests.of(told))
        return scores

    def _told(self, requests: Requests) -> torch.Tensor:
        """Score for requests that have a history."""
        scores = self._score(self._batches(requests))
        return scores.view(len(requests), len(self._popularity)).cpu()

    def _without_history(self, rankings: RankingBatch) -> torch.Tensor:
        """Score where there is no history: candidates from 1, other items by popularity below."""
        scores = self._popularity.expand(len(rankings.items), -1).clone()
        items = rankings.items[:, 0]  # of the youngest
        if items.shape[1] and self._fusion is not None:
            valid = items > 0
            asked = (told.to(self._batches.device) for told in (rankings.scores[:, 0], valid))
            fused = self._fusion(*asked).score.cpu()
            fused = 1 + fused - fused.amin(dim=1, keepdim=True).clamp_max(0)
            scores = scores.scatter_reduce(1, items, fused * valid, "amax")
        return scores
