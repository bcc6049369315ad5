"""The ranking side of POEM: from the scores of a ranking to the user state."""

from typing import Any, List, NamedTuple, Optional, cast

import torch
from torch import nn

from recbole_poem.core.fields import CACHE_STAGE
from recbole_poem.encoders.fusion import StateFusion
from recbole_poem.encoders.ranking import RankingReader
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.fusion.draws import shuffled_scores
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.learned import learns
from recbole_poem.fusion.scores import LearnedFusion, ScoreFusion


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
    score_fusion : ScoreFusion
        Made for who asks as the mean of the history states, d numbers.
    """

    def __init__(self, config: Any, sizes: Sizes, score_fusion: ScoreFusion) -> None:
        super().__init__()
        self.seed, self.shuffles_scores = config["seed"], config["shuffle_scores"]
        self.score_fusion = score_fusion
        self.learns_fusion = learns(type(score_fusion))
        grouping = config.component("grouping").make()
        n_features = self.score_fusion.n_features
        #: fields of a batch that it reads beside candidates, scores and draw ids
        self.more_fields: List[str] = [CACHE_STAGE] if grouping.reads_stages else []
        reader = config.component("ranking_reader").make(sizes, n_features, grouping)
        self.reader: RankingReader = reader
        self.state_fusion: StateFusion = config.component("state_fusion").make(sizes.hidden_size)

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        if self.learns_fusion:
            cast(LearnedFusion, self.score_fusion).reset_parameters()
        self.reader.reset_parameters(std)
        self.state_fusion.reset_parameters(std)

    def begin_epoch(self) -> None:
        """Tell the score fusion, where it learns, that another epoch begins."""
        if self.learns_fusion:
            cast(LearnedFusion, self.score_fusion).begin_epoch()

    def forward(
        self,
        table: torch.Tensor,
        ranked: List[torch.Tensor],
        context: Optional[torch.Tensor] = None,
    ) -> Read:
        """Read the rankings of Q requests.

        Parameters
        ----------
        table : (n_items, d)
            Embeddings of the items.
        ranked : items (Q, N) int64, 0 = none; scores (Q, N, M); draw ids (Q,) int64; and what
            `more_fields` asks for, stages (Q, N) int64
        context : (Q, d), optional
            Who asks; None = not known. A learned score fusion is moved by its own loss alone.
        """
        items, scores, draws, *stages = ranked
        if self.shuffles_scores:  # and who came how far, which is as much of an order
            told = torch.cat([scores, *(each.unsqueeze(-1) for each in stages)], dim=-1)
            told = shuffled_scores(self.seed, items, told, draws)
            stages = [told[..., -1].long() for _ in stages]
            scores = told[..., : scores.shape[-1]]
        with torch.no_grad():
            fused = self.score_fusion(scores, items > 0, context)
        ranking = FusedRanking(items, items > 0, *fused, *stages)
        return Read(ranking, self.reader(table, ranking, draws))

    def fused(self, history: torch.Tensor, read: Optional[Read]) -> torch.Tensor:
        """Return the user states of history states (T, K, d) and what was read, if anything."""
        if read is None:
            return self.state_fusion.without_ranking(history)
        return self.state_fusion(history, read.state, read.ranking.known)
