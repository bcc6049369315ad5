"""What the user consumed is what the model is to find."""

from dataclasses import dataclass
from typing import Any, Dict

import torch

from recbole_poem.core.settings import FROM_0, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.losses.positions import mean_over_positions
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("feedback")
class Feedback:
    """Cross-entropy of the next item at every position (POEM's feedback positives)."""

    teaches_history = True

    @dataclass(frozen=True)
    class Settings:
        """Of the term."""

        weight: float = setting(1, FROM_0, "of the term")

    def __init__(self, settings: Any) -> None:
        self.weight = settings.weight

    @staticmethod
    def fields(settings: Any, data: Any) -> Dict[str, FieldMaker]:
        """Return nothing: the targets are there."""
        return {}

    @staticmethod
    def reads_rankings(settings: Any) -> bool:
        """Return False: the feedback is the log's."""
        return False

    def positives(self, learnt: Learnt) -> torch.Tensor:
        """Return the targets, (Q, 1)."""
        return learnt.target.unsqueeze(1)

    def __call__(self, learnt: Learnt, log_probability: torch.Tensor) -> torch.Tensor:
        """Average over the requests, each `request_weight` times, and over the other positions."""
        at_requests, at_others = -log_probability[:, 0], None
        if learnt.others is not None:
            target = learnt.other_target.unsqueeze(1)
            other = -learnt.log_probability(learnt.others, target)[:, 0]
            at_others = (other, torch.ones_like(other, dtype=torch.bool))
        everywhere = torch.ones_like(at_requests, dtype=torch.bool)
        return self.weight * mean_over_positions(learnt, (at_requests, everywhere), at_others)
