"""The ranking side of POEM: from the scores of a ranking to the user state."""

from typing import Any, List, NamedTuple, Optional, cast

import torch
from torch import nn

from recbole_poem.core.fields import (
    CACHE_ITEM,
    CACHE_SCORE,
    CACHE_STAGE,
    DRAW_ID,
    ITEM_IDS,
    OLDER,
    RANKING_DRAW,
    RANKING_PLACE,
    REQUEST_ID,
)
from recbole_poem.encoders.ages import Ages
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
        Of several previous ones the youngest.
    state : (Q, d)
        p; meaningless where all that is read is empty.
    known : (Q, 1) bool
        Whether a ranking that is read has a candidate.
    """

    ranking: FusedRanking
    state: torch.Tensor
    known: torch.Tensor


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
        #: whether it reads how far each candidate came
        self.reads_stages: bool = grouping.reads_stages
        reader = config.component("ranking_reader").make(sizes, n_features, grouping)
        self.reader: RankingReader = reader
        self.state_fusion: StateFusion = config.component("state_fusion").make(sizes.hidden_size)
        #: A, previous rankings that are read
        self.n_rankings: int = config["n_rankings"]
        self.ages = Ages(self.n_rankings) if self.n_rankings > 1 else None

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        if self.learns_fusion:
            cast(LearnedFusion, self.score_fusion).reset_parameters()
        self.reader.reset_parameters(std)
        self.state_fusion.reset_parameters(std)
        if self.ages is not None:
            self.ages.reset_parameters()

    @property
    def fields(self) -> List[str]:
        """Fields of prediction rows that `of_rows` reads."""
        younger = self._of_rankings
        older = [OLDER[name] for name in younger] if self.n_rankings > 1 else []
        return [*younger, *older, REQUEST_ID]

    @property
    def _of_rankings(self) -> List[str]:
        return [CACHE_ITEM, CACHE_SCORE, *([CACHE_STAGE] if self.reads_stages else [])]

    def of_windows(
        self,
        table: torch.Tensor,
        batch: Any,
        asks: torch.Tensor,
        context: Optional[torch.Tensor] = None,
    ) -> Read:
        """Read what the Q requests of a training batch read.

        Parameters
        ----------
        table : (n_items, d)
        batch : Interaction
        asks : (B, R) bool
            Which requests there are.
        context : (Q, d), optional
            Who asks. Rankings that several requests share are read for nobody.
        """
        told, ids = [batch[name] for name in self._of_rankings], _ids(batch)
        if self.n_rankings > 1:
            place = batch[RANKING_PLACE][asks]
            return self(table, told, batch[RANKING_DRAW], place=place, ids=ids)
        return self(table, [each[asks] for each in told], batch[DRAW_ID][asks], context, ids=ids)

    def of_rows(
        self, table: torch.Tensor, batch: Any, context: Optional[torch.Tensor] = None
    ) -> Read:
        """Read what B prediction rows read; see `of_windows`."""
        told, draws = [batch[name] for name in self._of_rankings], batch[REQUEST_ID]
        if self.n_rankings == 1:
            return self(table, told, draws, context, ids=_ids(batch))
        older = [batch[OLDER[name]] for name in self._of_rankings]
        both = [torch.cat([a.unsqueeze(1), b], dim=1).flatten(0, 1) for a, b in zip(told, older)]
        draws = draws.repeat_interleave(self.n_rankings)
        place = torch.arange(draws.shape[0], device=draws.device).view(-1, self.n_rankings)
        return self(table, both, draws, place=place, ids=_ids(batch))

    def begin_epoch(self) -> None:
        """Tell the score fusion, where it learns, that another epoch begins."""
        if self.learns_fusion:
            cast(LearnedFusion, self.score_fusion).begin_epoch()

    def forward(
        self,
        table: torch.Tensor,
        told: List[torch.Tensor],
        draws: torch.Tensor,
        context: Optional[torch.Tensor] = None,
        place: Optional[torch.Tensor] = None,
        ids: Optional[torch.Tensor] = None,
    ) -> Read:
        """Read the rankings of Q requests.

        Parameters
        ----------
        table : (n_items, d)
            Embeddings of the items.
        told : items (U, N) int64, 0 = none; scores (U, N, M); and, where it `reads_stages`, stages
            (U, N) int64
        draws : (U,) int64
            Draw ids.
        context : (U, d), optional
            Who asks; None = not known. A learned score fusion is moved by its own loss alone.
        place : (Q, A) int64, optional
            Which of the rankings each request reads, the youngest first; None = its own one.
        ids : (n,) int64, optional
            Of the rows of the table; None = the items are told by their ids.
        """
        items, scores, *stages = told
        keys = items if ids is None else ids[items]
        if self.shuffles_scores:  # and who came how far, which is as much of an order
            both = torch.cat([scores, *(each.unsqueeze(-1) for each in stages)], dim=-1)
            both = shuffled_scores(self.seed, keys, both, draws)
            stages = [both[..., -1].long() for _ in stages]
            scores = both[..., : scores.shape[-1]]
        with torch.no_grad():
            fused = self.score_fusion(scores, items > 0, context)
        stage = stages[0] if stages else None
        gives_weights = self.score_fusion.gives_weights
        ranking = FusedRanking(items, items > 0, *fused, stage, gives_weights, keys)
        state = self.reader(table, ranking, draws)
        if self.ages is None or place is None:
            return Read(ranking, state, ranking.known)
        known = ranking.known.squeeze(1)[place]
        mixed = self.ages(state[place], known)
        return Read(ranking.taken(place[:, 0]), mixed, known.any(dim=1, keepdim=True))

    def fused(self, history: torch.Tensor, read: Optional[Read]) -> torch.Tensor:
        """Return the user states of history states (T, K, d) and what was read, if anything."""
        if read is None:
            return self.state_fusion.without_ranking(history)
        return self.state_fusion(history, read.state, read.known)


def _ids(batch: Any) -> Optional[torch.Tensor]:
    """Return the ids of the items of a batch that has numbered them anew; None for others."""
    if ITEM_IDS not in batch:
        return None
    ids: torch.Tensor = batch[ITEM_IDS]
    return ids
