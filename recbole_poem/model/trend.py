"""What was popular when, beside the embeddings that score the items: a learned weight a window."""

from typing import Optional

import torch
from torch import nn

from recbole_poem.model.scoring import Items, only


class Trend(nn.Module):
    """Weights w, from zero, and the trends that they are multiplied with.

    Parameters
    ----------
    logit : (P, K + 1, n_items)
        See `recbole_poem.data.trends`; kept with the data set, not with the weights.
    """

    def __init__(self, logit: torch.Tensor) -> None:
        super().__init__()
        self.logit: torch.Tensor
        self.register_buffer("logit", logit, persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(logit)))


def scored_by(embedding: torch.Tensor, trend: Optional[Trend]) -> Items:
    """Return what the catalogue is scored by: its embeddings (n_items, d), and trends if any."""
    return only(embedding) if trend is None else Items(embedding, trend.logit, trend.weight)
