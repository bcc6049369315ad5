"""What was popular when, beside the embeddings that score the items: a weight a trend."""

from typing import Any, Optional, Sequence, Tuple

import torch
from torch import nn

from recbole_poem.logits.scoring import Calendar, Items


class Trend(nn.Module):
    """Weights w of the trends, learned from zero; evaluation may take others.

    Training knows its rows by heart after a while, and needs the trends less than rows do that it
    never saw: weights for those can be chosen on validation rows. The trends of the hours are for
    evaluation alone, as they are counted from the very rows that training learns from.

    Parameters
    ----------
    logit : (P, K + 1, n_items)
        See `recbole_poem.log.trends`; kept with the data set, not with the weights.
    in_evaluation : sequence of P float, optional
        w in evaluation; None = as learned.
    hours : (D, H + 1, n_items), optional
        See `recbole_poem.log.hours`.
    of_hours : sequence of D float
        Their weights.
    """

    def __init__(
        self,
        logit: torch.Tensor,
        in_evaluation: Optional[Sequence[float]] = None,
        hours: Optional[torch.Tensor] = None,
        of_hours: Sequence[float] = (),
    ) -> None:
        super().__init__()
        self.logit: torch.Tensor
        self.register_buffer("logit", logit, persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(logit)), requires_grad=len(logit) > 0)
        self.in_evaluation: Optional[torch.Tensor]
        given = None if in_evaluation is None else torch.tensor(in_evaluation, dtype=logit.dtype)
        self.register_buffer("in_evaluation", given, persistent=False)
        self.hours: Optional[torch.Tensor]
        self.register_buffer("hours", hours, persistent=False)
        self.of_hours: torch.Tensor
        weight_of_hours = torch.tensor(of_hours, dtype=logit.dtype)
        self.register_buffer("of_hours", weight_of_hours, persistent=False)

    @property
    def calendars(self) -> Tuple[Calendar, ...]:
        """The trends with the weights of the mode that the model is in."""
        steps = self.logit.shape[1]
        if self.training:
            return (Calendar(self.logit, self.weight, steps - 1),)
        weight = self.weight if self.in_evaluation is None else self.in_evaluation
        lately = Calendar(self.logit, weight, steps - 1)
        if self.hours is None:
            return (lately,)
        return lately, Calendar(self.hours, self.of_hours, 1)


def trend_of(trends: Any) -> Optional[Trend]:
    """Return the module for `recbole_poem.log.trends.Trends`, or None for None."""
    if trends is None:
        return None
    if trends.hours is None:
        return Trend(trends.logit, trends.weight)
    return Trend(trends.logit, trends.weight, trends.hours.logit, trends.hours.weight)


def scored_by(embedding: torch.Tensor, trend: Optional[Trend]) -> Items:
    """Return what the catalogue is scored by: its embeddings (n_items, d), and trends if any."""
    return Items(embedding, () if trend is None else trend.calendars)
