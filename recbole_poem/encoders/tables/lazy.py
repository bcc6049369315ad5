"""Adam and a moving average that touch the rows of a step alone."""

import math
from typing import Any, Dict, Optional

import torch

#: of Adam; those of torch's and RecBole's
_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class LazyAdam:
    """Adam for rows that seldom have a gradient: the others and their moments stay as they are.

    The steps of its bias correction are those of the training, not of the row. So it is
    `torch.optim.SparseAdam`, whose equations these are.

    Parameters
    ----------
    rows : (n, d)
        Whose moments it keeps.
    """

    def __init__(self, rows: torch.Tensor) -> None:
        self.n_steps = 0
        self.mean, self.square = torch.zeros_like(rows), torch.zeros_like(rows)

    def moved(
        self, old: torch.Tensor, touched: torch.Tensor, gradient: torch.Tensor, rate: float
    ) -> torch.Tensor:
        """Return the touched rows after one step.

        Parameters
        ----------
        old : (U, d)
            The rows before it.
        touched : (U,) int64
            Their places, each once.
        gradient : (U, d)
        rate : float
            Learning rate.
        """
        self.n_steps += 1
        mean = self.mean[touched].lerp_(gradient, 1 - _BETA_1)
        square = self.square[touched].lerp_(gradient.square(), 1 - _BETA_2)
        self.mean[touched], self.square[touched] = mean, square
        size = rate * math.sqrt(1 - _BETA_2**self.n_steps) / (1 - _BETA_1**self.n_steps)
        return old - size * mean / square.sqrt_().add_(_EPSILON)


class LazyAverage:
    """What `recbole_poem.training.weight_average.WeightAverage` is, row by row where needed.

    While a row stays, its average comes nearer by the product of the decays, which is known for any
    number of steps. So a row is brought up to date where it moves, or where all are asked for.

    Parameters
    ----------
    rows : (n, d)
        What it begins with.
    decay : float
        In (0, 1).
    """

    def __init__(self, rows: torch.Tensor, decay: float) -> None:
        self.decay, self.n_steps, self._settled = decay, 0, 0
        self.average = rows.clone()
        #: (n,) the step up to which each average is right
        self.since = torch.zeros(len(rows), dtype=torch.int32, device=rows.device)

    def follow(self, touched: torch.Tensor, old: torch.Tensor, new: torch.Tensor) -> None:
        """Take part in a step that changes the touched rows (U,) from `old` to `new`, (U, d)."""
        before = self._up_to_date(self.average[touched], old, self.since[touched])
        self.n_steps += 1
        decay = min(self.decay, (1 + self.n_steps) / (10 + self.n_steps))
        self.average[touched] = before.lerp_(new, 1 - decay)
        self.since[touched] = self.n_steps

    def settle(self, rows: torch.Tensor) -> None:
        """Bring all averages up to date, those of `rows` (n, d), unless they are."""
        if self._settled == self.n_steps:
            return
        parts = (each.split(1 << 16) for each in (self.average, rows, self.since))
        for average, row, since in zip(*parts):
            average.copy_(self._up_to_date(average, row, since))
        self.since.fill_(self.n_steps)
        self._settled = self.n_steps

    def _up_to_date(
        self, average: torch.Tensor, rows: torch.Tensor, since: torch.Tensor
    ) -> torch.Tensor:
        now = self._log_products(torch.full_like(since[:1], self.n_steps))
        left = (now - self._log_products(since)).exp().to(rows.dtype).unsqueeze(1)
        return torch.lerp(rows, average, left)

    def _log_products(self, n_steps: torch.Tensor) -> torch.Tensor:
        """Return ``log(b_1 ... b_n)``, float64, of ``b_n = min(decay, (1 + n) / (10 + n))``.

        The first of them are ``10! / ((n+2) ... (n+10))``, all behind are the decay.
        """
        first = max(0, math.ceil((10 * self.decay - 1) / (1 - self.decay)) - 1)
        begun = n_steps.double().clamp_max(first)
        warming = math.lgamma(11) - sum((begun + j).log() for j in range(2, 11))
        return warming + (n_steps - begun) * math.log(self.decay)


def state_of(adam: LazyAdam, average: Optional[LazyAverage]) -> Dict[str, Any]:
    """Return what a training goes on with: arrays of the rows, and numbers of steps."""
    state = {"mean": adam.mean, "square": adam.square, "n_steps": adam.n_steps}
    if average is not None:
        state.update(average=average.average, since=average.since)
        state.update(n_averaged=average.n_steps, decay=average.decay)
    return state
