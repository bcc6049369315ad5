"""D2Co: the interest behind a watch time that its duration biases and idle watching blurs.

Zhao et al., *Uncovering User Interest from Biased and Noised Watch Time in Video Recommendation*,
RecSys 2023, arXiv 2308.08120: among videos of one duration d, the watch time w mixes a bias level
w+, of those whom a video interests, and a noise level w-, of the rest, see
`recbole_poem.log.two_levels`. What a ranker learns is how far w lies from w- to w+,

    r = (e^{a w} - e^{a w-}) / (e^{a w+} - e^{a w-}),

cut to [0, 1]. The sensitivity a makes the seconds near w+ count more; a = 0 is the limit, a
straight line. Three things differ from the authors' code (github.com/hyz20/D2Co):

- It estimates the levels from all dates before it splits them; here they are those of training
  rows.
- It has no level for a duration that was not there; here such a one lies between its neighbours.
- It leaves out videos outside of 5 to 240 s; here all rows stay.

What counts as a yes for GAUC is our reading: a row that lies nearer to w+ than to w- after the
correction, r >= 1/2. The paper's own yes is a fixed number of seconds.
"""

from dataclasses import dataclass
from typing import Dict

import numpy as np
import torch
import torch.nn.functional as F

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import FROM_0, at_least, setting
from recbole_poem.core.stages import TARGETS
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.two_levels import TwoLevels, two_levels
from recbole_poem.log.watch_time import watched_part
from recbole_poem.rankers.measures import auc, gauc, xauc
from recbole_poem.rankers.targets import TargetSettings, watch_time_of, watched_training_rows

_LEAST_WIDTH = 1e-6  # s, between levels that averages have brought together


@TARGETS.register("d2co")
class D2Co:
    """Interest behind the watch time, of bias and noise level of the duration (D2Co, RecSys 2023).

    The prediction is in [0, 1], and is learned by cross-entropy.
    """

    @dataclass(frozen=True)
    class Settings(TargetSettings):
        """How the levels are averaged, and how the seconds between them count."""

        window: int = setting(
            3, at_least(1), "T: levels are averaged over durations less than T seconds away"
        )
        sensitivity: float = setting(
            0.3, FROM_0, "per second, how much more the seconds near the bias level count"
        )

    levels: TwoLevels

    def __init__(self, settings: "D2Co.Settings", name: str) -> None:
        self.settings, self.name = settings, name

    def fit(self, log: RequestLog) -> None:
        """Estimate the levels of every duration from training rows.

        Raises
        ------
        InputError
            For a log without watch times, or too few of them.
        """
        watched, duration = watched_training_rows(log, self.name)
        self.levels = two_levels(watched, duration, self.settings.window)
        if not len(self.levels.durations):
            raise InputError(
                f"targets.{self.name}: no duration in seconds has three training rows that were "
                "not all watched equally long, so there are no levels to tell apart"
            )

    def labels(self, log: RequestLog) -> np.ndarray:
        """Return the interest, in [0, 1]; NaN where play time or duration say nothing."""
        watched, duration = watched_part(log.values, watch_time_of(log, self.name))
        known = ~np.isnan(watched)
        interest = np.full(len(log), np.nan)
        interest[known] = corrected(
            watched[known], *self.levels.at(duration[known]), self.settings.sensitivity
        )
        return interest

    def loss(self, output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Return the cross-entropy of each row: logits (B,), labels (B,) in [0, 1]."""
        return F.binary_cross_entropy_with_logits(output, label, reduction="none")

    def predict(self, output: torch.Tensor) -> torch.Tensor:
        """Return the interest, in [0, 1], of the shape of `output`."""
        return torch.sigmoid(output)

    def measures(
        self, users: np.ndarray, labels: np.ndarray, scores: np.ndarray, durations: np.ndarray
    ) -> Dict[str, float]:
        """Return GAUC and AUC of the answers, and XAUC of the interest."""
        answers = self.answers(labels)
        return {
            "gauc": gauc(users, answers, scores),
            "auc": auc(answers, scores),
            "xauc": xauc(labels, scores),
        }

    def answers(self, labels: np.ndarray) -> np.ndarray:
        """Return 1 where the interest is at least 1/2, 0 below, NaN where there is none."""
        return np.where(np.isnan(labels), np.nan, labels >= 0.5)


def corrected(
    watched: np.ndarray, low: np.ndarray, high: np.ndarray, sensitivity: float
) -> np.ndarray:
    """Return how far watch times lie from the noise to the bias level, (N,), in [0, 1].

    Parameters
    ----------
    watched, low, high : (N,) float64
        Seconds, low <= high.
    sensitivity : float
        a, from 0, per second.
    """
    width = np.maximum(high - low, _LEAST_WIDTH)
    above = np.clip(watched - low, 0, width)
    if sensitivity == 0:
        return above / width
    # both exponentials divided by the greater one, which may be too great for a number
    share = np.expm1(-sensitivity * above) / np.expm1(-sensitivity * width)
    return np.exp(sensitivity * (above - width)) * share
