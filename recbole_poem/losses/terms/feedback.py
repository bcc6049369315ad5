"""What the user consumed is what the model is to find."""

from dataclasses import dataclass
from typing import Any, Dict, Tuple

import torch

from recbole_poem.core.averages import weighted_mean
from recbole_poem.core.settings import FROM_0, setting
from recbole_poem.core.stages import LOSSES
from recbole_poem.losses.positions import Losses, over_positions
from recbole_poem.losses.terms import FieldMaker, Learnt


@LOSSES.register("feedback")
class Feedback:
    """Cross-entropy of the next item at every position (POEM's feedback positives)."""

    teaches_history = True
    teaches_state = True
    stands_alone = True
    asks_softmax = True
    reads_rows_alone = True

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
        return self.weight * weighted_mean(*errors(learnt, log_probability), learnt.n_processes)


def errors(learnt: Learnt, log_probability: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return the cross-entropy of each target, and its weight, (Q + T,) each.

    Those of the requests come first, of their log probabilities (Q, 1), then those of the others.
    """
    at_others = None
    if learnt.others is not None:
        target = learnt.other_target.unsqueeze(1)
        at_others = _all_count(learnt.log_probability(learnt.others, target))
    return over_positions(learnt, _all_count(log_probability), at_others)


def _all_count(log_probability: torch.Tensor) -> Losses:
    """Return the losses of log probabilities (T, 1), of which each counts."""
    loss = -log_probability[:, 0]
    return loss, torch.ones_like(loss, dtype=torch.bool)
