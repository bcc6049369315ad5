"""What was popular when, beside the embeddings that score the items: a weight a window."""

from typing import Optional, Sequence

import torch
from torch import nn

from recbole_poem.model.scoring import Items, only


class Trend(nn.Module):
    """Weights w and the trends that they are multiplied with.

    Parameters
    ----------
    logit : (P, K + 1, n_items)
        See `recbole_poem.data.trends`; kept with the data set, not with the weights.
    weight : (P,), optional
        w, which training leaves alone; None = learned, from zero.
    """

    def __init__(self, logit: torch.Tensor, weight: Optional[Sequence[float]] = None) -> None:
        super().__init__()
        self.logit: torch.Tensor
        self.register_buffer("logit", logit, persistent=False)
        self.weight: torch.Tensor
        if weight is None:
            self.weight = nn.Parameter(torch.zeros(len(logit)))
        else:
            self.register_buffer("weight", torch.tensor(weight, dtype=torch.float32))


def scored_by(embedding: torch.Tensor, trend: Optional[Trend]) -> Items:
    """Return what the catalogue is scored by: its embeddings (n_items, d), and trends if any."""
    return only(embedding) if trend is None else Items(embedding, trend.logit, trend.weight)
