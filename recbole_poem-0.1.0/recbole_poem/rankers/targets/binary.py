"""A yes/no answer: click, long view, like, rare action."""

from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Union

import numpy as np
import torch
import torch.nn.functional as F

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import ABOVE_0, Range, setting
from recbole_poem.core.stages import TARGETS
from recbole_poem.log.feedback import estimated_labels, feedback_column, positive_rows
from recbole_poem.log.requests import RequestLog
from recbole_poem.rankers.measures import auc, gauc
from recbole_poem.rankers.targets import Target, TargetSettings

Condition = Dict[str, Any]


def _are_conditions(value: Any) -> bool:
    listed = value if isinstance(value, list) else [value]
    return bool(listed) and all(isinstance(each, dict) and each for each in listed)


CONDITIONS = Range(
    _are_conditions,
    "a condition such as {is_click: '[1,1]'}, or a list of them of which one has to hold",
)


@TARGETS.register("binary")
class Binary:
    """A yes/no answer by its cross-entropy; the prediction is a probability.

    A condition is that of `recbole_poem.log.feedback`; of several, one has to hold.
    """

    @dataclass(frozen=True)
    class Settings(TargetSettings):
        """What is asked, and how much a yes counts."""

        feedback: Union[Condition, List[Condition], None] = setting(
            None, CONDITIONS, "condition on columns of .inter that makes a row a yes"
        )
        positive_weight: float = setting(
            1.0, ABOVE_0, "negatives that a positive counts as in the loss, not in the prediction"
        )

    def __init__(self, settings: "Binary.Settings", name: str) -> None:
        self.settings, self.name = settings, name

    def labels(self, log: RequestLog) -> np.ndarray:
        """Return 1 where a condition holds, 0 where the log rules out all of them, NaN elsewhere.

        Raises
        ------
        InputError
            For a column that is not there or is estimated from later rows.
        """
        return answers_to(log, self.settings.feedback, f"targets.{self.name}.feedback")

    def loss(self, output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Return the binary cross-entropy of each row: logits (B,), labels (B,) in [0, 1]."""
        weight = output.new_tensor(self.settings.positive_weight)
        return F.binary_cross_entropy_with_logits(
            output, label, reduction="none", pos_weight=weight
        )

    def predict(self, output: torch.Tensor) -> torch.Tensor:
        """Return the probability of a positive, of the shape of `output`.

        Weighting the positives by w multiplies the odds that the logit learns by w.
        """
        return torch.sigmoid(output - output.new_tensor(self.settings.positive_weight).log())

    def measures(
        self, users: np.ndarray, labels: np.ndarray, scores: np.ndarray, durations: np.ndarray
    ) -> Dict[str, float]:
        """Return GAUC and AUC."""
        return {"gauc": gauc(users, labels, scores), "auc": auc(labels, scores)}

    def answers(self, labels: np.ndarray) -> np.ndarray:
        """Return the labels: they are answers."""
        return labels


def actions_of(targets: Sequence[Target]) -> List[int]:
    """List the numbers of the targets that are yes/no answers."""
    return [number for number, target in enumerate(targets) if isinstance(target, Binary)]


def answers_to(log: RequestLog, feedback: Any, key: str) -> np.ndarray:
    """Return 1 where a condition holds, 0 where the log rules out all of them, NaN elsewhere.

    Parameters
    ----------
    log : RequestLog
        R rows.
    feedback : condition or list of conditions
    key : str
        The configuration key that they stand under, for the error.

    Returns
    -------
    (R,) float64

    Raises
    ------
    InputError
        For a column that is not there or is estimated from later rows.
    """
    conditions = feedback if isinstance(feedback, list) else [feedback]
    estimated = [name for each in conditions for name in estimated_labels(log, each)]
    if estimated:
        raise InputError(
            f"{key}: {', '.join(estimated)} is estimated from many rows, later ones too, and a "
            "label has to stand when its row does; use watch_ratio or long_view"
        )
    positive = np.zeros(len(log), dtype=bool)
    negative = np.ones(len(log), dtype=bool)
    for condition in conditions:
        positive |= positive_rows(log, condition, key)
        fails = np.zeros(len(log), dtype=bool)
        for name, interval in condition.items():
            known = ~np.isnan(feedback_column(log, name, key))
            fails |= known & ~positive_rows(log, {name: interval}, key)
        negative &= fails
    return np.where(positive, 1.0, np.where(negative, 0.0, np.nan))
