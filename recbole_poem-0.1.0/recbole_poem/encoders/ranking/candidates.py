"""What the readers of whole rankings share: centred candidates, standardised values, a read-out."""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.settings import one_of, setting
from recbole_poem.encoders.sizes import Sizes, initialise
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.groups import Grouping
from recbole_poem.fusion.places import standardised

#: what a reader knows of a candidate's place
VALUES = one_of("features", "groups")


def values_setting() -> Any:
    """Declare what a reader knows of a candidate's place."""
    return setting(
        "features",
        VALUES,
        "features: those of the score fusion; groups: the group alone, the partial order",
    )


class Candidates(NamedTuple):
    """All candidates of Q rankings.

    Attributes
    ----------
    valid : (Q, N, 1) bool
    mean : (Q, d)
        Of the embeddings of the candidates.
    centred : (Q, N, d)
        Embeddings less their mean; 0 where there is no candidate.
    values : (Q, N, F)
        What is known of their places; mean 0 and variance 1 in each ranking, 0 without candidate.
    """

    valid: torch.Tensor
    mean: torch.Tensor
    centred: torch.Tensor
    values: torch.Tensor


class Values(nn.Module):
    """Says what a reader knows of the places of candidates.

    Parameters
    ----------
    of : str
        ``features`` or ``groups``.
    n_features : int
        F, of the score fusion.
    grouping : Grouping
    """

    def __init__(self, of: str, n_features: int, grouping: Grouping) -> None:
        super().__init__()
        self.grouping = grouping if of == "groups" else None
        self.n_values = 1 if of == "groups" else n_features

    def forward(self, embeddings: torch.Tensor, ranking: FusedRanking) -> Candidates:
        """Look up the embeddings (n_items, d) of the candidates, and centre all that is known."""
        valid = ranking.valid.unsqueeze(-1)
        values = ranking.features
        if self.grouping is not None:
            group = self.grouping(ranking)
            values = -group.to(values.dtype).unsqueeze(-1)
        found = F.embedding(ranking.items, embeddings, padding_idx=0)  # 0 without a candidate
        one = valid.to(found.dtype)
        count = one.sum(dim=1, keepdim=True).clamp_min(1)
        mean = (one / count).transpose(1, 2) @ found  # (Q, 1, d)
        centred = torch.baddbmm(found, one, mean, alpha=-1)
        return Candidates(valid, mean.squeeze(1), centred, standardised(values, ranking.valid))


class ReadOut(nn.Module):
    """``p = W a + MLP(LayerNorm(a))`` of what a reader found, a = [x; mean].

    W begins by passing x on, and the MLP's last layer at zero, so that learning begins with x.

    Parameters
    ----------
    sizes : Sizes
    n_found : int
        Vectors of d numbers in x.
    """

    def __init__(self, sizes: Sizes, n_found: int = 1) -> None:
        super().__init__()
        size, width = sizes.hidden_size, (n_found + 1) * sizes.hidden_size
        self.linear = nn.Linear(width, size, bias=False)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Linear(width, sizes.inner_size)
        self.dropout = Dropout(sizes.dropout)
        self.output = nn.Linear(sizes.inner_size, size, bias=False)

    def reset_parameters(self, std: float) -> None:
        """Begin by passing on the mean of what was found."""
        initialise(self, std)
        nn.init.zeros_(self.output.weight)
        size = self.linear.out_features
        n_found = self.linear.in_features // size - 1
        with torch.no_grad():
            self.linear.weight.zero_()
            for block in self.linear.weight.split(size, dim=1)[:n_found]:
                block.copy_(torch.eye(size) / n_found)

    def forward(self, found: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
        """Return p (Q, d) of what was found (Q, n_found * d) and the mean (Q, d)."""
        both = torch.cat([found, mean], dim=-1)
        curved = self.dropout(F.gelu(self.hidden(self.norm(both))))
        state: torch.Tensor = self.linear(both) + self.output(curved)
        return state
