"""The ranking reader that pools the embeddings of candidates by attention."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recbole_poem.core.settings import at_least, setting
from recbole_poem.core.stages import RANKING_READERS
from recbole_poem.encoders.ranking.candidates import ReadOut, Values, values_setting
from recbole_poem.encoders.sizes import Sizes, initialise
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.groups import Grouping


@RANKING_READERS.register("pooling")
class Pooling(nn.Module):
    """Attention over all candidates whose values are the item embeddings themselves (ours).

    ``x_k = sum_i a_ki (e_i - mean)`` with ``a_k = softmax_i(w_k . z_i + q_k . e_i)``, for each
    query k, and z what is known of a candidate's place, standardised over the ranking.

    Parameters
    ----------
    settings, sizes, n_features, grouping
        See `recbole_poem.encoders.ranking.ridge.Ridge`.
    """

    unread_keys = ("n_heads", "attn_dropout_prob")

    @dataclass(frozen=True)
    class Settings:
        """Of the attention."""

        values: str = values_setting()
        n_queries: int = setting(4, at_least(1), "weighted means that are read")

    @staticmethod
    def reads_groups(settings: Any) -> bool:
        """Tell whether groups are its values."""
        return bool(settings.values == "groups")

    def __init__(self, settings: Any, sizes: Sizes, n_features: int, grouping: Grouping) -> None:
        super().__init__()
        self.values = Values(settings.values, n_features, grouping)
        self.by_place = nn.Linear(self.values.n_values, settings.n_queries, bias=False)
        self.by_item = nn.Linear(sizes.hidden_size, settings.n_queries, bias=False)
        self.read_out = ReadOut(sizes, settings.n_queries)

    def reset_parameters(self, std: float) -> None:
        """Begin with queries that look for the best, and differ a little."""
        self.read_out.reset_parameters(std)
        initialise(self.by_item, std)
        nn.init.normal_(self.by_place.weight, 1 / self.values.n_values, std)

    def forward(
        self, embeddings: torch.Tensor, ranking: FusedRanking, draws: torch.Tensor
    ) -> torch.Tensor:
        """Weigh and pool; see `recbole_poem.encoders.ranking.RankingReader`."""
        found = self.values(embeddings, ranking)
        asked = self.by_place(found.values) + self.by_item(found.centred)  # (Q, N, K)
        # an empty ranking has no weight that is finite, and its state means nothing
        weight = asked.masked_fill(~found.valid, torch.finfo(asked.dtype).min).softmax(dim=1)
        means = weight.transpose(1, 2) @ found.centred  # (Q, K, d), from the plain mean
        state: torch.Tensor = self.read_out(means.flatten(1), found.mean)
        return state
