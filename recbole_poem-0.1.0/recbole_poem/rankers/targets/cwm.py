"""CWM: the watch time had the video not ended, from rows of which some were watched to the end.

Zhao et al., *Counteracting Duration Bias in Video Recommendation via Counterfactual Watch Time*,
KDD 2024, arXiv 2406.07932: a watch time w is min(w^c, d) of a counterfactual watch time w^c and the
duration d, so that a row watched to the end tells w^c >= d and no more. A user stops where the
interest no longer pays the cost of watching, which ties the interest r, in (0, 1), to w^c:

    r = exp(-c / (w^c + 1)),    w^c = -c / log r - 1.

What is predicted is the logit z of r, with an error of deviation s. With t the logit that belongs
to w, a row that stopped before the end has the loss (z - t)^2 / (2 s^2), and one that did not the
logarithm of its survival, -log S((t - z) / s), where S is the logistic function in the authors'
code (github.com/hyz20/CWM) and the normal one for the error that the first term has. That code
averages both kinds of rows apart and adds the averages, which is ``finished_weight: ~`` here, by
the shares of training rows; 1 is the likelihood of the log. A ranker's output o stands for
z = m + s o, with m the mean of t over training rows: a network begins near 0, and t lies far away.

The interest ranks: predictions are w^c, without a limit. As a prediction of w itself, for MAE and
XAUC, they end at the duration. A yes for GAUC is that code's: watched to the end, or longer than
a quantile of the watch times, which is that of training rows here.
"""

from dataclasses import dataclass
from typing import Callable, Dict, Optional

import numpy as np
import torch
import torch.nn.functional as F

from recbole_poem.core.settings import ABOVE_0, SHARE, Range, one_of, or_nothing, setting
from recbole_poem.core.stages import TARGETS
from recbole_poem.log.requests import RequestLog
from recbole_poem.log.watch_time import watched_part
from recbole_poem.rankers.measures import gauc, mean_absolute_error, xauc
from recbole_poem.rankers.targets import TargetSettings, watch_time_of, watched_training_rows

#: logarithm of the chance to exceed -x, by the name that a configuration uses
SURVIVALS: Dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "logistic": F.logsigmoid,
    "normal": torch.special.log_ndtr,
}
_EDGE = Range(lambda v: ABOVE_0.holds(v) and v < 0.5, "a number above 0, below 1/2")


@TARGETS.register("cwm")
class CWM:
    """Seconds of watching had the video not ended, by a censored likelihood (CWM, KDD 2024)."""

    @dataclass(frozen=True)
    class Settings(TargetSettings):
        """The cost of watching, the likelihood, and what counts as interest."""

        inverse_cost: float = setting(
            40.0, ABOVE_0, "c, what ties interest to seconds: the greater, the less a second says"
        )
        deviation: float = setting(2.0, ABOVE_0, "s, of the error of the interest's logit")
        edge: float = setting(
            1e-6, _EDGE, "how near the interest of a label comes to 0 and 1, for a finite logit"
        )
        survival: str = setting(
            "logistic", one_of(*SURVIVALS), "how the error of rows watched to the end is spread"
        )
        finished_weight: Optional[float] = setting(
            None, or_nothing(ABOVE_0, "for as much as all others"), "rows that one of them counts"
        )
        quantile: float = setting(
            0.7, SHARE, "of the watch times, beyond which a row not watched to the end is a yes"
        )

    centre: float
    weight_of_stopped: float
    weight_of_finished: float
    long: float

    def __init__(self, settings: "CWM.Settings", name: str) -> None:
        self.settings, self.name = settings, name

    def fit(self, log: RequestLog) -> None:
        """Estimate mean, quantile and the share watched to the end from training rows.

        Raises
        ------
        InputError
            For a log without watch times.
        """
        watched, duration = watched_training_rows(log, self.name)
        self.centre = float(self.logit(torch.from_numpy(watched)).mean())
        self.long = float(np.quantile(watched, self.settings.quantile))
        n_rows, n_finished = len(watched), int((watched >= duration).sum())
        self.weight_of_stopped, self.weight_of_finished = 1.0, self.settings.finished_weight or 1.0
        if self.settings.finished_weight is None and 0 < n_finished < n_rows:
            self.weight_of_stopped = n_rows / (n_rows - n_finished)
            self.weight_of_finished = n_rows / n_finished

    def labels(self, log: RequestLog) -> np.ndarray:
        """Return seconds, negative where they are the duration: watched at least so long.

        A row that the log does not tell, or whose duration is not above 0, has NaN.
        """
        watched, duration = watched_part(log.values, watch_time_of(log, self.name))
        return np.where(watched >= duration, -watched, watched)

    def loss(self, output: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        """Return the negative log-likelihood of each row, up to a constant.

        Parameters
        ----------
        output : (B,)
        label : (B,)
            As `labels`.
        """
        error = output - (self.logit(label.abs()) - self.centre) / self.settings.deviation
        survived = SURVIVALS[self.settings.survival](error)
        return torch.where(
            label < 0, -survived * self.weight_of_finished, error**2 / 2 * self.weight_of_stopped
        )

    def logit(self, seconds: torch.Tensor) -> torch.Tensor:
        """Return the logit of the interest behind seconds of watching, increasing."""
        cost = self.settings.inverse_cost / (seconds + 1)
        furthest = float(np.log1p(-self.settings.edge) - np.log(self.settings.edge))
        return (-cost - torch.log(-torch.expm1(-cost))).clamp(-furthest, furthest)

    def predict(self, output: torch.Tensor) -> torch.Tensor:
        """Return seconds, from 0 and without a limit, of the shape of `output`."""
        interest = self.centre + self.settings.deviation * output  # its logit
        seconds = self.settings.inverse_cost / F.softplus(-interest) - 1
        return seconds.clamp(0, torch.finfo(output.dtype).max)

    def measures(
        self, users: np.ndarray, labels: np.ndarray, scores: np.ndarray, durations: np.ndarray
    ) -> Dict[str, float]:
        """Return MAE and XAUC of the seconds, ended at the duration, and GAUC of the interest."""
        seconds, within = np.abs(labels), np.fmin(scores, durations)
        return {
            "mae": mean_absolute_error(seconds, within),
            "xauc": xauc(seconds, within),
            "gauc": gauc(users, self.answers(labels), scores),
        }

    def answers(self, labels: np.ndarray) -> np.ndarray:
        """Return 1 for rows watched to the end or longer than the quantile, 0 for others."""
        return np.where(np.isnan(labels), np.nan, (labels < 0) | (labels > self.long))
