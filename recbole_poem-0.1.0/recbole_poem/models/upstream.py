"""The ranking stage alone, as a model to compare with: what feeds POEM, POEM must beat.

Its score fusion is all that there may be to learn, by the loss of the term ``fusion``.
"""

from typing import Any, ClassVar, Dict, Tuple, cast

import torch
from recbole.data.interaction import Interaction
from recbole.model.abstract_recommender import SequentialRecommender
from recbole.utils import InputType
from torch import nn

from recbole_poem.core.fields import CACHE_ITEM, CACHE_SCORE, REQUEST_ID
from recbole_poem.core.processes import n_processes
from recbole_poem.core.stage import Choice, Stage
from recbole_poem.core.stages import (
    LOSSES,
    OBJECTIVES,
    RANKER_INPUTS,
    RANKER_OPTIMIZERS,
    RANKERS,
    RANKING_SOURCES,
    RERANKERS,
    SCORE_FUSIONS,
    TARGETS,
)
from recbole_poem.fusion.learned import learns
from recbole_poem.fusion.scores import LearnedFusion
from recbole_poem.models.fusing import score_fusion_of
from recbole_poem.models.keys import POEMKeys


class Upstream(SequentialRecommender):
    """Ranks the cached candidates by fused score, everything else below them.

    It trains a score fusion that learns, and else nothing.
    """

    input_type = InputType.POINTWISE
    keys = POEMKeys
    stages: ClassVar[Tuple[Stage, ...]] = (
        RANKING_SOURCES, OBJECTIVES, TARGETS, RANKER_INPUTS, RANKERS, RANKER_OPTIMIZERS,
        SCORE_FUSIONS, RERANKERS,
    )  # fmt: skip

    def __init__(self, config: Any, dataset: Any) -> None:
        super().__init__(config, dataset)
        #: names of what a ranking's scores mean, for whoever brings rankings to a checkpoint
        self.objectives = list(dataset.objectives)
        self.other_parameter_name = ["objectives"]
        self.n_processes = n_processes(config)
        self.score_fusion = score_fusion_of(config, dataset, context_size=0)
        self.losses = {name: term.make() for name, term in self.loss_terms(config).items()}
        self.unused = nn.Parameter(torch.zeros(1))  # RecBole's optimizer wants a parameter

    @staticmethod
    def reads_rankings(config: Any) -> bool:
        """Return True: rankings are all that it has."""
        return True

    @staticmethod
    def loss_terms(config: Any) -> Dict[str, Choice]:
        """Return the term of a score fusion that learns; no key chooses it."""
        if not learns(config.component("score_fusion").component):
            return {}
        terms: Dict[str, Choice] = LOSSES.choose("fusion", "losses")
        return terms

    def calculate_loss(self, interaction: Interaction) -> torch.Tensor:
        """Return the loss of the score fusion; 0 where there is nothing to learn."""
        loss = 0 * self.unused.sum()
        asks = interaction[REQUEST_ID] >= 0
        for term in self.losses.values():
            loss = loss + term.part(self.score_fusion, interaction, asks, None, self.n_processes)
        return loss

    def begin_epoch(self) -> None:
        """Tell the score fusion, where it learns, that another epoch begins."""
        if self.losses:
            cast(LearnedFusion, self.score_fusion).begin_epoch()

    def full_sort_predict(self, interaction: Interaction) -> torch.Tensor:
        """Return the fused scores over the catalogue, (B, n_items), all others below them."""
        items, scores = interaction[CACHE_ITEM], interaction[CACHE_SCORE]
        valid = items > 0
        fused = self.score_fusion(scores, valid).score
        lowest = fused.masked_fill(~valid, torch.inf).amin(dim=1, keepdim=True)
        below = torch.where(lowest > 0, 0, lowest - 1)  # weights leave the others at 0
        everything = below.repeat(1, self.n_items)
        return everything.scatter(1, items, torch.where(valid, fused, below))

    def predict(self, interaction: Interaction) -> torch.Tensor:
        """Return the fused score of the item of each prediction row, (B,)."""
        item = interaction[self.ITEM_ID].unsqueeze(1)
        return self.full_sort_predict(interaction).gather(1, item).squeeze(1)
