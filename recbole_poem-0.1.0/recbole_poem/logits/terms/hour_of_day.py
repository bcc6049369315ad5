"""What is popular at this hour of the day, on all days alike; see `recbole_poem.log.hours`."""

from dataclasses import dataclass
from typing import Any, List, Optional

import torch
from torch import nn

from recbole_poem.core.fields import HOUR_STEP
from recbole_poem.core.number_types import is_whole_number
from recbole_poem.core.settings import FROM_0, Range, at_least, setting
from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.log.clock import Clock, Dated
from recbole_poem.log.hours import hour_trends
from recbole_poem.log.requests import RequestLog
from recbole_poem.logits.scoring import Calendar

_ODD = Range(
    lambda v: is_whole_number(v) and v in range(1, 24, 2), "an odd number of hours below 24"
)


@LOGIT_TERMS.register("hour_of_day")
class HourOfDay(nn.Module):
    """What is popular at this hour of the day, in evaluation alone, with a weight that is given.

    Parameters
    ----------
    settings : Settings
    trends : Dated
        Of one window; kept with the data set, not with the weights.
    """

    reads_ranking = False
    field = HOUR_STEP

    @dataclass(frozen=True)
    class Settings:
        """Of the window."""

        hours: int = setting(3, _ODD, "its length: this hour, and as many before as after it")
        weight: float = setting(0.5, FROM_0, "multiplies the trend")
        days: int = setting(
            14, at_least(1), "days that are counted, before the steps of a day begin"
        )

    @staticmethod
    def count(settings: Any, log: RequestLog, clock: Clock) -> Dated:
        """Count what is known of the items in a log's training rows."""
        return hour_trends(log, clock, settings.hours, settings.days)

    @staticmethod
    def given(settings: Any) -> Optional[List[float]]:
        """Return the weight of evaluation."""
        return [settings.weight]

    def __init__(self, settings: Any, trends: Dated) -> None:
        super().__init__()
        self.now = trends.now
        self.logit: torch.Tensor
        self.register_buffer("logit", trends.logit, persistent=False)
        self.weight: torch.Tensor
        weight = torch.tensor(self.given(settings), dtype=trends.logit.dtype)
        self.register_buffer("weight", weight, persistent=False)

    def reset_parameters(self, std: float) -> None:
        """Keep the weight, which is given."""

    @property
    def calendar(self) -> Optional[Calendar]:
        """The trends; None in training, which learns from rows that are counted here."""
        return None if self.training else Calendar(self.logit, self.weight, self.now)
