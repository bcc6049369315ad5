"""Another sequential model beside the one that recommends, for losses that need two."""

from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.encoders.history import HistoryEncoder, KnowsItemGraph
from recbole_poem.encoders.positions import Rows
from recbole_poem.encoders.sizes import initialise
from recbole_poem.logits.scoring import Items
from recbole_poem.losses.parts import Parts
from recbole_poem.losses.terms import Learnt


class SecondNetwork(nn.Module):
    """Item embeddings and a history encoder like the model's, with weights of their own.

    It scores by the product of state and item alone: logit terms and rankings are the model's.

    Parameters
    ----------
    parts : Parts
        Of the model.
    """

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.item_embedding = nn.Embedding(parts.n_items, parts.sizes.hidden_size, padding_idx=0)
        encoder: Any = parts.history_encoder()
        self.history_encoder: HistoryEncoder = encoder
        initialise(self.item_embedding, parts.initial_std)
        self.history_encoder.reset_parameters(parts.initial_std)

    def become(self, item_embedding: nn.Embedding, history_encoder: HistoryEncoder) -> None:
        """Take the weights of another network of the same kind as they are now."""
        self.item_embedding.load_state_dict(item_embedding.state_dict())
        encoder = cast(nn.Module, self.history_encoder)
        encoder.load_state_dict(cast(nn.Module, history_encoder).state_dict())

    def forward(self, learnt: Learnt) -> torch.Tensor:
        """Return its history states at every position of the windows, (B, W, K, d)."""
        seen = cast(torch.Tensor, learnt.seen)
        items = F.embedding(seen, self._table(), self.item_embedding.padding_idx)
        return self.history_encoder(items, cast(Rows, learnt.rows))

    def scoring_items(self) -> Items:
        """Return what its states score the catalogue by."""
        return Items(self.history_encoder.scoring(self.item_embedding.weight))

    def _table(self) -> torch.Tensor:
        """Return what rows are read from, (n_items, d)."""
        embedding, encoder = self.item_embedding.weight, self.history_encoder
        return encoder.table(embedding) if isinstance(encoder, KnowsItemGraph) else embedding
