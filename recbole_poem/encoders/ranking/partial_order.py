"""The ranking reader of POEM: a draw from ordered groups, read by a partial-order encoder."""

from dataclasses import dataclass
from typing import Any, ClassVar, Tuple

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.core.settings import FLAG, at_least, one_of, setting, setting_of
from recbole_poem.core.stage import Choice
from recbole_poem.core.stages import ATTENTIONS, RANKING_READERS
from recbole_poem.encoders.partial_order_encoder import PartialOrderEncoder
from recbole_poem.encoders.sizes import Sizes, initialise
from recbole_poem.fusion.draws import draw
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.groups import Grouping


@RANKING_READERS.register("partial_order")
class PartialOrder(nn.Module):
    """A Transformer over items drawn from ordered groups, blind to the order inside one (POEM).

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    n_features : int
        F, of a candidate.
    grouping : Grouping
    """

    unread_keys: ClassVar[Tuple[str, ...]] = ()

    @dataclass(frozen=True)
    class Settings:
        """Of the draw, and of its encoder."""

        group_samples: int = setting(4, at_least(1), "items drawn from each group")
        n_layers: int = setting(2, at_least(1), "Transformer layers")
        mask: str = setting(
            "better",
            one_of("better", "all"),
            "groups that a token attends to: its own and better ones, or all",
        )
        attention: Choice = setting_of(ATTENTIONS, "softmax", "how tokens are mixed")
        features: bool = setting(True, FLAG, "whether a token knows its candidate's features")

        def check(self, where: str) -> None:
            """Refuse a mask that changes nothing.

            Raises
            ------
            InputError
                With one layer, of which the query token alone is read, and it sees all groups.
            """
            if self.mask == "better" and self.n_layers == 1:
                raise InputError(
                    f"{where}.mask: with one layer it changes nothing; set {where}.n_layers: 2, "
                    f"or {where}.mask: all"
                )

    @staticmethod
    def reads_groups(settings: Any) -> bool:
        """Return True: items are drawn from groups."""
        return True

    def __init__(self, settings: Any, sizes: Sizes, n_features: int, grouping: Grouping) -> None:
        super().__init__()
        self.seed, self.reads_features = sizes.seed, settings.features
        self.grouping, self.group_samples = grouping, settings.group_samples
        self.encoder = PartialOrderEncoder(
            sizes,
            n_features,
            grouping.n_groups,
            settings.n_layers,
            settings.mask,
            settings.attention,
        )

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""
        nn.init.normal_(self.encoder.query, std=std)
        initialise(self, std)

    def forward(
        self, embeddings: torch.Tensor, ranking: FusedRanking, draws: torch.Tensor
    ) -> torch.Tensor:
        """Group, draw and encode; see `recbole_poem.encoders.ranking.RankingReader`."""
        groups, index, present = self.drawn(ranking, draws)
        relative = ranking.relative
        if not self.reads_features:
            relative = torch.ones_like(relative)
        state: torch.Tensor = self.encoder(
            F.embedding(ranking.items.gather(1, index) * present, embeddings, padding_idx=0),
            relative.gather(1, index.unsqueeze(-1).expand(-1, -1, relative.shape[-1])),
            groups.gather(1, index).clamp_max(self.grouping.n_groups - 1),
            present,
        )
        return state

    def drawn(
        self, ranking: FusedRanking, draws: torch.Tensor
    ) -> Tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Draw the sequence.

        Returns
        -------
        groups : (Q, N) int64
            Of all candidates.
        index : (Q, T) int64
            Slots of the candidates in the sequence, best group first.
        present : (Q, T) bool
            False where a group had nothing more to draw.
        """
        groups = self.grouping(ranking)
        noise = uniform(self.seed, Purpose.PARTIAL_ORDER, draws.unsqueeze(1), ranking.keys)
        return groups, *draw(groups, noise, self.grouping.n_groups, self.group_samples)
