"""The ranking stage alone, as a model to compare with: what feeds POEM, POEM must beat."""

from typing import Any, ClassVar, Tuple

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import nn

from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE
from recbole_poem.core.stage import Stage
from recbole_poem.core.stages import (
    OBJECTIVES,
    RANKER_INPUTS,
    RANKER_OPTIMIZERS,
    RANKERS,
    RANKING_SOURCES,
    RERANKERS,
    SCORE_FUSIONS,
    TARGETS,
)
from recbole_poem.models.keys import POEMKeys


class Upstream(SequentialRecommender):
    """Ranks the cached candidates by fused score, everything else below them; nothing to train."""

    input_type = InputType.POINTWISE
    keys = POEMKeys
    stages: ClassVar[Tuple[Stage, ...]] = (
        RANKING_SOURCES, OBJECTIVES, TARGETS, RANKER_INPUTS, RANKERS, RANKER_OPTIMIZERS,
        SCORE_FUSIONS, RERANKERS,
    )  # fmt: skip

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        self.objectives = list(dataset.objectives)
        self.score_fusion = config.component("score_fusion").make(len(self.objectives))
        self.unused = nn.Parameter(torch.zeros(1))  # RecBole's optimizer wants a parameter

    @staticmethod
    def reads_rankings(config: Any) -> bool:
        """Return True: rankings are all that it has."""
        return True

    def calculate_loss(self, interaction: Interaction) -> torch.Tensor:
        """Return 0: there is nothing to learn."""
        return 0 * self.unused.sum()

    def full_sort_predict(self, interaction: Interaction) -> torch.Tensor:
        """Return the fused scores over the catalogue, (B, n_items)."""
        items, scores = interaction[CACHE_ITEM], interaction[CACHE_SCORE]
        fused = self.score_fusion(scores, items > 0).score
        everything = torch.zeros(len(items), self.n_items, device=items.device)
        return everything.scatter_add(1, items, fused)

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Return the fused score of the item of each prediction row, (B,)."""
        item = interaction[self.ITEM_ID].unsqueeze(1)
        return self.full_sort_predict(interaction).gather(1, item).squeeze(1)
