"""A score fusion that learned, in the world's place: it orders as it does in the service."""

from typing import Tuple

import numpy as np
import torch

from recbole_poem.serving.fusing import ServedFusion
from recbole_poem.world.cascade import Fused, Ranker, best_by
from recbole_poem.world.checkpoint_retrieval import columns_of, require_own_ranker
from recbole_poem.world.history import NONE
from recbole_poem.world.queries import Queries
from recbole_poem.world.retrieval import Asked
from recbole_poem.world.world import World


class LearnedOrder:
    """Orders the candidates that were chosen before anything was learned.

    As in training, ``score_fusion.candidates`` chooses the candidates of the ranking, and the
    learned fusion orders these alone.

    Parameters
    ----------
    fusion : ServedFusion
    world : World
    ranker : Ranker
        Whose scores it orders by.

    Raises
    ------
    InputError
        If it reads a score that the ranker does not give, or learned from another ranker.
    """

    def __init__(self, fusion: ServedFusion, world: World, ranker: Ranker) -> None:
        self._fusion, self._candidates = fusion, Fused(fusion.candidates)
        self._columns = columns_of(fusion.objectives, ranker.objectives, fusion.checkpoint)
        require_own_ranker(fusion.checkpoint, ranker)
        self._queries = Queries(world.n_items, fusion.config)

    def best(
        self, asked: Asked, items: np.ndarray, scores: np.ndarray, n: int
    ) -> Tuple[np.ndarray, np.ndarray]:
        """Return the best candidates; see `recbole_poem.world.cascade.Order.best`."""
        read = scores[..., self._columns]
        chosen, _ = self._candidates.best(asked, items, read, n)
        of_chosen = np.take_along_axis(items, chosen, axis=1)
        told = np.take_along_axis(read, chosen[..., None], axis=1).astype(np.float32)
        queries = [self._queries.of(asked, row) for row in range(len(items))]
        by = self._fusion(queries, *map(torch.from_numpy, (told, of_chosen != NONE)))
        places, by = best_by(by, of_chosen, n)
        return np.take_along_axis(chosen, places, axis=1), by
