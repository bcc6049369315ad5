"""A watch time in seconds, of the columns that the key ``watch_time`` names.

Watch time has a heavy tail: a few exposures last a hundred times the median, so a squared error in
seconds would be theirs alone. The Huber loss (Huber, 1964) of log(1 + seconds) has a bounded
gradient, and a minimiser near the median, which is what the mean absolute error asks for. (Weighted
logistic regression, Covington et al., RecSys 2016, learns the mean instead, with gradients that
grow with the seconds.)
"""

from dataclasses import dataclass
from typing import Dict

import numpy as np
import torch
import torch.nn.functional as F

from recbole_poem.core.settings import ABOVE_0, setting
from recbole_poem.core.stages import TARGETS
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.watch_time import play_seconds
from recbole_poem.rankers.measures import mean_absolute_error, xauc
from recbole_poem.rankers.targets import TargetSettings, watch_time_of


@TARGETS.register("watch_time")
class WatchTime:
    """Seconds of watching, by the Huber loss of log(1 + seconds)."""

    @dataclass(frozen=True)
    class Settings(TargetSettings):
        """How far the loss is squared."""

        huber_delta: float = setting(
            1.0, ABOVE_0, "error in log(1 + seconds) from which the loss is absolute, not squared"
        )

    def __init__(self, settings: "WatchTime.Settings", name: str) -> None:
        self.settings, self.name = settings, name

    def labels(self, log: RequestLog) -> np.ndarray:
        """Return seconds; NaN where the log has none or less than 0.

        Raises
        ------
        InputError
            If the key ``watch_time`` names no columns.
        """
        seconds = play_seconds(log.values, watch_time_of(log, self.name))
        return np.where(seconds >= 0, seconds, np.nan)

    def loss(self, output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Return the Huber loss of each row: outputs (B,), labels (B,) in seconds, from 0."""
        delta = self.settings.huber_delta
        return F.huber_loss(output, label.log1p(), reduction="none", delta=delta)

    def predict(self, output: torch.Tensor) -> torch.Tensor:
        """Return seconds, from 0, of the shape of `output`."""
        return output.clamp(min=0).expm1()

    def measures(
        self, users: np.ndarray, labels: np.ndarray, scores: np.ndarray, durations: np.ndarray
    ) -> Dict[str, float]:
        """Return the mean absolute error in seconds, and XAUC."""
        return {"mae": mean_absolute_error(labels, scores), "xauc": xauc(labels, scores)}

    def answers(self, labels: np.ndarray) -> None:
        """Return None: seconds are no answers."""
