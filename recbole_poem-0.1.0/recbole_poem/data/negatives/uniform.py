"""Negatives from the whole catalogue: what hard ones compare to."""

from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import torch

from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.core.settings import SHARE, at_least, setting
from recbole_poem.core.stages import NEGATIVES
from recbole_poem.data.negatives import TrainingData
from recbole_poem.data.negatives.lots import asks, consumed_keys, contains
from recbole_poem.log.requests import RequestLog


@NEGATIVES.register("uniform")
class UniformNegatives:
    """Items drawn uniformly from the catalogue, for the very requests that would get hard ones.

    Parameters
    ----------
    settings : Settings
    data : TrainingData
    """

    @dataclass(frozen=True)
    class Settings:
        """Of the draw."""

        number: int = setting(4, at_least(1), "n, negatives of a request")
        share: float = setting(1.0, SHARE, "of the requests that get negatives")

    def __init__(self, settings: Any, data: TrainingData) -> None:
        self._cumulative = torch.from_numpy(np.cumsum(self.weights(data.log)))
        self._log, self._seed = data.log, data.config["seed"]
        self._number, self._share = settings.number, settings.share
        self._consumed = consumed_keys(data.log)

    def weights(self, log: RequestLog) -> np.ndarray:
        """Return in proportion to what items are drawn, (n_items,) float64; 0 for padding."""
        return np.r_[0.0, np.ones(log.n_items - 1)]

    def draw(
        self, requests: torch.Tensor, draws: torch.Tensor, preferred: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Draw negatives for the requests of a batch; see `NegativeSource.draw`."""
        which = torch.arange(self._number)
        noise = uniform(self._seed, Purpose.UNIFORM_NEGATIVE, draws.unsqueeze(-1), which)
        item = torch.searchsorted(self._cumulative, noise * self._cumulative[-1], right=True)
        user = torch.from_numpy(self._log.user[requests.clamp_min(0).numpy()]).unsqueeze(-1)
        excluded = contains(self._consumed, user * self._log.n_items + item)
        excluded |= ~asks(requests, draws, self._share, self._seed).unsqueeze(-1)
        if preferred is not None:
            excluded |= (preferred.unsqueeze(-2) == item.unsqueeze(-1)).any(-1)
        return item.masked_fill(excluded, 0)
