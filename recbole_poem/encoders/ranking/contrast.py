"""The ranking reader that sets high candidates against low ones."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recbole_poem.core.stages import RANKING_READERS
from recbole_poem.encoders.ranking.candidates import ReadOut, Values, values_setting
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.groups import Grouping


@RANKING_READERS.register("contrast")
class Contrast(nn.Module):
    """The sum of embeddings weighted by standardised places, for each value one (ours).

    ``x_f = 1 / N * sum_i z_if (e_i - mean)``: a ridge regression without whitening.

    Parameters
    ----------
    settings, sizes, n_features, grouping
        See `recbole_poem.encoders.ranking.ridge.Ridge`.
    """

    unread_keys = ("n_heads", "attn_dropout_prob")

    @dataclass(frozen=True)
    class Settings:
        """Of what is known of a place."""

        values: str = values_setting()

    @staticmethod
    def reads_groups(settings: Any) -> bool:
        """Tell whether groups are its values."""
        return bool(settings.values == "groups")

    def __init__(self, settings: Any, sizes: Sizes, n_features: int, grouping: Grouping) -> None:
        super().__init__()
        self.values = Values(settings.values, n_features, grouping)
        self.read_out = ReadOut(sizes, self.values.n_values)

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        self.read_out.reset_parameters(std)

    def forward(
        self, embeddings: torch.Tensor, ranking: FusedRanking, draws: torch.Tensor
    ) -> torch.Tensor:
        """Weigh and sum; see `recbole_poem.encoders.ranking.RankingReader`."""
        found = self.values(embeddings, ranking)
        sums = found.values.transpose(1, 2) @ found.centred  # (Q, F, d)
        sums = sums / found.valid.sum(dim=1, keepdim=True).clamp_min(1)
        state: torch.Tensor = self.read_out(sums.flatten(1), found.mean)
        return state
