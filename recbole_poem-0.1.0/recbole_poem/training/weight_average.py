"""A moving average of the weights over the steps of a training: what is evaluated and kept.

With a constant learning rate the weights of the last step circle around what they have learned;
their average lies nearer to it (Polyak and Juditsky, SIAM J. Control Optim. 1992).
"""

from contextlib import contextmanager
from typing import Any, Dict, Iterator

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of a model's parameters; buffers are left as they are.

    ``a <- b a + (1 - b) w`` after step n, from 1, of the optimizers that it follows, with
    ``b = min(decay, (1 + n) / (10 + n))``, so that the initial weights are soon forgotten.

    Parameters
    ----------
    model : Module
        On the device of its training.
    decay : float
        In (0, 1); about ``1 / (1 - decay)`` steps are averaged.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self._weights = dict(model.named_parameters())
        self.start()

    def start(self) -> None:
        """Begin with the weights that the model has."""
        self.n_steps = 0
        self._averages = {name: weight.detach().clone() for name, weight in self._weights.items()}

    def follow(self, optimizer: torch.optim.Optimizer) -> None:
        """Take part in every step of `optimizer` from now on."""
        optimizer.register_step_post_hook(self._update)

    @torch.no_grad()
    def _update(self, *_: Any) -> None:
        self.n_steps += 1
        decay = min(self.decay, (1 + self.n_steps) / (10 + self.n_steps))
        for name, weight in self._weights.items():
            self._averages[name].lerp_(weight, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Give the model its averages, and back what it had at the end."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    @torch.no_grad()
    def _exchange(self) -> None:
        for name, weight in self._weights.items():
            last = weight.clone()
            weight.copy_(self._averages[name])
            self._averages[name] = last

    @torch.no_grad()
    def settle(self) -> None:
        """Give the model its averages for good."""
        for name, weight in self._weights.items():
            weight.copy_(self._averages[name])

    def state_dict(self) -> Dict[str, Any]:
        """Return what `load_state_dict` continues from, as tensors and plain values."""
        return {"n_steps": self.n_steps, "averages": dict(self._averages)}

    @torch.no_grad()
    def load_state_dict(self, state: Dict[str, Any]) -> None:
        """Continue from another average's `state_dict` of the same model."""
        self.n_steps = state["n_steps"]
        for name, average in self._averages.items():
            average.copy_(state["averages"][name])
