"""The ranking side of POEM: from the scores of a ranking to the user state."""

from typing import Any, List, NamedTuple, Optional

import torch
from torch import nn

from recbole_poem.core.fields import CACHE_STAGE
from recbole_poem.encoders.fusion import StateFusion
from recbole_poem.encoders.ranking import RankingReader
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.fusion.draws import shuffled_scores
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.scores import ScoreFusion


class Read(NamedTuple):
    """The rankings of Q requests, and what their reader made of them.

    Attributes
    ----------
    ranking : FusedRanking
    state : (Q, d)
        p; meaningless where a ranking is empty.
    """

    ranking: FusedRanking
    state: torch.Tensor


class RankingSide(nn.Module):
    """Score fusion, ranking reader and state fusion, as a configuration chooses them.

    Parameters
    ----------
    config : Config
    sizes : Sizes
    n_objectives : int
        M, scores of a candidate.
    """

    def __init__(self, config: Any, sizes: Sizes, n_objectives: int) -> None:
        super().__init__()
        self.seed, self.shuffles_scores = config["seed"], config["shuffle_scores"]
        self.score_fusion: ScoreFusion = config.component("score_fusion").make(n_objectives)
        grouping = config.component("grouping").make()
        n_features = self.score_fusion.n_features
        #: fields of a batch that it reads beside candidates, scores and draw ids
        self.more_fields: List[str] = [CACHE_STAGE] if grouping.reads_stages else []
        reader = config.component("ranking_reader").make(sizes, n_features, grouping)
        self.reader: RankingReader = reader
        self.state_fusion: StateFusion = config.component("state_fusion").make(sizes.hidden_size)

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        self.reader.reset_parameters(std)
        self.state_fusion.reset_parameters(std)

    def forward(self, table: torch.Tensor, ranked: List[torch.Tensor]) -> Read:
        """Read the rankings of Q requests.

        Parameters
        ----------
        table : (n_items, d)
            Embeddings of the items.
        ranked : items (Q, N) int64, 0 = none; scores (Q, N, M); draw ids (Q,) int64; and what
            `more_fields` asks for, stages (Q, N) int64
        """
        items, scores, draws, *stages = ranked
        if self.shuffles_scores:  # and who came how far, which is as much of an order
            told = torch.cat([scores, *(each.unsqueeze(-1) for each in stages)], dim=-1)
            told = shuffled_scores(self.seed, items, told, draws)
            stages = [told[..., -1].long() for _ in stages]
            scores = told[..., : scores.shape[-1]]
        fused = self.score_fusion(scores, items > 0)
        stage = stages[0] if stages else None
        ranking = FusedRanking(items, items > 0, *fused, stage, self.score_fusion.gives_weights)
        return Read(ranking, self.reader(table, ranking, draws))

    def fused(self, history: torch.Tensor, read: Optional[Read]) -> torch.Tensor:
        """Return the user states of history states (T, K, d) and what was read, if anything."""
        if read is None:
            return self.state_fusion.without_ranking(history)
        return self.state_fusion(history, read.state, read.ranking.known)
