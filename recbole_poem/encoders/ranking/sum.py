"""The ranking reader that is the sum of two others."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import setting_of
from recbole_poem.core.stage import Choice
from recbole_poem.core.stages import RANKING_READERS
from recbole_poem.encoders.ranking import reads_groups
from recbole_poem.encoders.sizes import Sizes, initialise
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.groups import Grouping


@RANKING_READERS.register("sum")
class Sum(nn.Module):
    """``p = p_first + W p_second`` with a W from zero: the second learns what the first leaves.

    Parameters
    ----------
    settings, sizes, n_features, grouping
        See `recbole_poem.encoders.ranking.ridge.Ridge`.
    """

    unread_keys = ("n_heads", "attn_dropout_prob")

    @dataclass(frozen=True)
    class Settings:
        """The two readers."""

        first: Choice = setting_of(RANKING_READERS, "ridge", "the reader that learning begins with")
        second: Choice = setting_of(RANKING_READERS, "partial_order", "the reader that is added")

        def check(self, where: str) -> None:
            """Refuse a sum without a part.

            Raises
            ------
            InputError
                Naming the part that is none.
            """
            for name in ("first", "second"):
                if getattr(self, name) is None:
                    raise InputError(
                        f"{where}.{name}: a sum has two readers; take the other one alone instead"
                    )

    @staticmethod
    def reads_groups(settings: Any) -> bool:
        """Tell whether one of the two asks the grouping."""
        return any(map(reads_groups, (settings.first, settings.second)))

    def __init__(self, settings: Any, sizes: Sizes, n_features: int, grouping: Grouping) -> None:
        super().__init__()
        self.first = settings.first.make(sizes, n_features, grouping)
        self.second = settings.second.make(sizes, n_features, grouping)
        self.projection = nn.Linear(sizes.hidden_size, sizes.hidden_size, bias=False)

    def reset_parameters(self, std: float) -> None:
        """Begin with the first reader alone."""
        self.first.reset_parameters(std)
        self.second.reset_parameters(std)
        initialise(self.projection, std)
        nn.init.zeros_(self.projection.weight)

    def forward(
        self, embeddings: torch.Tensor, ranking: FusedRanking, draws: torch.Tensor
    ) -> torch.Tensor:
        """Add the two states; see `recbole_poem.encoders.ranking.RankingReader`."""
        first: torch.Tensor = self.first(embeddings, ranking, draws)
        return first + self.projection(self.second(embeddings, ranking, draws))
