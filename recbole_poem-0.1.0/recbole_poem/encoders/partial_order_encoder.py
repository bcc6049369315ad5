"""The encoder of the partially ordered sequence that is drawn from a ranking."""

from typing import Tuple, cast

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.stage import Choice
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.encoders.transformer_block import TransformerBlock


class PartialOrderEncoder(nn.Module):
    """A Transformer over the partially ordered sequence, blind to the order inside a group.

    A token is item embedding + projection of the features + group embedding, with no position;
    a learned query token reads the sequence. A token may attend to its own and better groups
    (``mask: better``) or everywhere (``mask: all``); the query token reads everything.
    """

    def __init__(
        self,
        sizes: Sizes,
        n_features: int,
        n_groups: int,
        n_layers: int,
        mask: str,
        attention: Choice,
    ) -> None:
        super().__init__()
        self.sees_worse_groups = {"better": False, "all": True}[mask]
        self.n_groups = n_groups
        self.feature_projection = nn.Linear(n_features, sizes.hidden_size)
        self.group_embedding = nn.Embedding(n_groups, sizes.hidden_size)
        self.query = nn.Parameter(torch.empty(sizes.hidden_size))
        self.dropout = Dropout(sizes.dropout)
        self.blocks = nn.ModuleList(
            TransformerBlock(attention=attention.make(sizes), **sizes.block)
            for _ in range(n_layers)
        )
        self.norm = nn.LayerNorm(sizes.hidden_size)

    def forward(
        self,
        items: torch.Tensor,
        features: torch.Tensor,
        groups: torch.Tensor,
        present: torch.Tensor,
    ) -> torch.Tensor:
        """Encode one sequence per request; the parameters are those of `tokens`.

        Returns
        -------
        (Q, d), the state of the query token.
        """
        tokens, may_attend = self._prepared(items, features, groups, present)
        for block in self.blocks[:-1]:
            tokens = block(tokens, may_attend)
        query = groups.new_full(groups.shape[:1], groups.shape[1])
        last = cast(TransformerBlock, self.blocks[-1])
        return self.norm(last.at(tokens, query, may_attend[:, :, -1:]))

    def tokens(
        self,
        items: torch.Tensor,
        features: torch.Tensor,
        groups: torch.Tensor,
        present: torch.Tensor,
    ) -> torch.Tensor:
        """Return the state of each drawn candidate, and of the query token behind them.

        Parameters
        ----------
        items : (Q, T, d)
            Item embeddings of the drawn candidates.
        features : (Q, T, F)
            Of the candidates; weights are relative to their mean (1 = average).
        groups : (Q, T) int64
            0 (best) to G - 1.
        present : (Q, T) bool
            False where nothing was drawn.

        Returns
        -------
        (Q, T + 1, d); meaningless where nothing was drawn.
        """
        tokens, may_attend = self._prepared(items, features, groups, present)
        for block in self.blocks:
            tokens = block(tokens, may_attend)
        return self.norm(tokens)

    def _prepared(
        self,
        items: torch.Tensor,
        features: torch.Tensor,
        groups: torch.Tensor,
        present: torch.Tensor,
    ) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return what the first block reads: tokens (Q, T + 1, d), and what each may attend to."""
        tokens = items + self.feature_projection(features)
        tokens = tokens + self.group_embedding(groups)
        query = self.query.expand(tokens.shape[0], 1, -1)
        tokens = self.dropout(torch.cat([tokens, query], dim=1))
        # the query token stands behind the worst group, so that it reads every candidate
        groups = F.pad(groups, (0, 1), value=self.n_groups)
        present = F.pad(present, (0, 1), value=True)
        may_attend = present.unsqueeze(1)  # (Q, 1, T + 1)
        if not self.sees_worse_groups:
            may_attend = may_attend & (groups.unsqueeze(1) <= groups.unsqueeze(2))
        # a slot where nothing was drawn reads the query token: some weight must be finite
        may_attend = may_attend | ~present.unsqueeze(2)
        may_attend = may_attend.expand(-1, groups.shape[1], -1).unsqueeze(1)
        return tokens, may_attend
