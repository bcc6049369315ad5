"""What was popular when, beside the embeddings that score the items: a weight a window."""

from typing import Any, Optional, Sequence

import torch
from torch import nn

from recbole_poem.model.scoring import Items, only


class Trend(nn.Module):
    """Weights w of the trends, learned from zero; evaluation may take others.

    Training knows its rows by heart after a while, and needs the trends less than rows do that it
    never saw: weights for those can be chosen on validation rows.

    Parameters
    ----------
    logit : (P, K + 1, n_items)
        See `recbole_poem.data.trends`; kept with the data set, not with the weights.
    in_evaluation : sequence of P float, optional
        w in evaluation; None = as learned.
    """

    def __init__(
        self, logit: torch.Tensor, in_evaluation: Optional[Sequence[float]] = None
    ) -> None:
        super().__init__()
        self.logit: torch.Tensor
        self.register_buffer("logit", logit, persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(logit)))
        self.in_evaluation: Optional[torch.Tensor]
        given = None if in_evaluation is None else torch.tensor(in_evaluation, dtype=logit.dtype)
        self.register_buffer("in_evaluation", given, persistent=False)

    @property
    def weight_now(self) -> torch.Tensor:
        """(P,), w of the mode that the model is in."""
        if self.training or self.in_evaluation is None:
            return self.weight
        return self.in_evaluation


def trend_of(trends: Any) -> Optional[Trend]:
    """Return the module for `recbole_poem.data.trends.Trends`, or None for None."""
    return None if trends is None else Trend(trends.logit, trends.weight)


def scored_by(embedding: torch.Tensor, trend: Optional[Trend]) -> Items:
    """Return what the catalogue is scored by: its embeddings (n_items, d), and trends if any."""
    return only(embedding) if trend is None else Items(embedding, trend.logit, trend.weight_now)
