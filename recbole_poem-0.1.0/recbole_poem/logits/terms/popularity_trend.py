"""What was popular lately, beside the embeddings that score the items: a weight for each window.

The trends are those of `recbole_poem.log.trends`. Training knows its rows by heart after a while,
and needs the trends less than rows do that it never saw: weights for those can be chosen on
validation rows. A model that learns none, such as RecBole's, needs them given.
"""

from dataclasses import dataclass
from typing import Any, List, Optional

import torch
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import TREND_STEP
from recbole_poem.core.settings import ABOVE_0, FROM_0, list_of, or_nothing, setting
from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.log.clock import Clock, Dated
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.trends import item_trends
from recbole_poem.logits.scoring import Calendar

_HOURS = list_of(ABOVE_0, "a list of hours above 0, such as [3, 24]")
_WEIGHTS = or_nothing(list_of(FROM_0, "a list of numbers from 0"), "for those that POEM learns")


@LOGIT_TERMS.register("popularity_trend")
class PopularityTrend(nn.Module):
    """What was popular in the last hours, with weights that are learned from zero or given.

    Parameters
    ----------
    settings : Settings
    trends : Dated
        Of P windows; kept with the data set, not with the weights.
    """

    reads_ranking = False
    field = TREND_STEP

    @dataclass(frozen=True)
    class Settings:
        """Of the windows."""

        hours: List[float] = setting([24], _HOURS, "P hours, how far each window looks back")
        weights: Optional[List[float]] = setting(
            None, _WEIGHTS, "P weights in evaluation; ~ = as learned"
        )
        step: float = setting(24, ABOVE_0, "hours from one count to the next")

        def check(self, where: str) -> None:
            """Refuse weights that are not as many as the windows."""
            if self.weights is not None and len(self.weights) != len(self.hours):
                raise InputError(
                    f"{where}.weights: expected one for each window, {len(self.hours)} for hours "
                    f"{self.hours}, not {self.weights}"
                )

    @staticmethod
    def count(settings: Any, log: RequestLog, clock: Clock) -> Dated:
        """Count what is known of the items in a log's training rows."""
        windows = [hours * clock.hour for hours in settings.hours]
        return item_trends(log, windows, settings.step * clock.hour)

    @staticmethod
    def given(settings: Any) -> Optional[List[float]]:
        """Return the weights of evaluation; None where they have to be learned."""
        weights: Optional[List[float]] = settings.weights
        return weights

    def __init__(self, settings: Any, trends: Dated) -> None:
        super().__init__()
        self.now = trends.now
        self.logit: torch.Tensor
        self.register_buffer("logit", trends.logit, persistent=False)
        self.weight = nn.Parameter(torch.zeros(len(trends.logit)))
        given = self.given(settings)
        self.weights: Optional[torch.Tensor]
        weights = None if given is None else torch.tensor(given, dtype=trends.logit.dtype)
        self.register_buffer("weights", weights, persistent=False)

    def reset_parameters(self, std: float) -> None:
        """Begin at 0."""
        nn.init.zeros_(self.weight)

    @property
    def calendar(self) -> Calendar:
        """The trends, with the weights of the mode that the model is in."""
        weight = self.weight if self.training or self.weights is None else self.weights
        return Calendar(self.logit, weight, self.now)
