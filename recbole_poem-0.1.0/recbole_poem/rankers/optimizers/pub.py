"""PUB, parameter update balancing (arXiv 2410.05806): Adam whose targets have an equal say.

Adam makes an update of a gradient, so balancing gradients does not balance updates. PUB computes
what Adam's update would be for the gradient g_t of each target alone, from moments that all share,
and weighs these updates::

    d_t = m_t / (sqrt(v_t) + eps),  m_t = (b1 m + (1 - b1) g_t) / (1 - b1^k)    v_t with g_t^2
    G a = 1 / a,  a > 0,            G = D D' / P
    w  <- w - lr sum_t a_t d_t
    m  <- b1 m + (1 - b1) sum_t a_t g_t                                         v with its square

D has the updates d_t of the shared weights as rows, and P is the number of its columns. The
authors' code has G = D D', whose steps are too short for many weights; the division by P is our
reading. It makes the root mean square of a step lr sqrt(T), for good: the steps do not shrink near
an optimum.
So PUB wants a smaller ``learning_rate`` than Adam, and ``ema_decay`` where the end should be still.

A target's weight in the loss hardly matters, since d_t does not change with the scale of g_t. The
weights that one target alone reaches, such as its tower, follow Adam. Weight decay is decoupled and
applied once a step.
"""

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

import torch
import torch.distributed
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import ABOVE_0, FROM_0, at_least, setting
from recbole_poem.core.stages import RANKER_OPTIMIZERS
from recbole_poem.rankers.balance import balanced_weights
from recbole_poem.rankers.networks import UsualOptimizer


@RANKER_OPTIMIZERS.register("pub")
class UpdateBalancing:
    """Adam's updates of the targets, weighed so that each has an equal say (arXiv 2410.05806).

    Parameters
    ----------
    settings : UpdateBalancing.Settings
    n_processes : int
        That share a batch.

    Attributes
    ----------
    gradients : list
        Of the last batch, by parameter: (T, ...) by target, or None where no target reaches it.
    """

    @dataclass(frozen=True)
    class Settings:
        """How often the weights are solved for, and what keeps them finite."""

        every: int = setting(1, at_least(1), "steps between two solutions for the weights")
        ridge: float = setting(
            1e-6, FROM_0, "added to the squared length of each update, as a share of it"
        )
        largest: float = setting(100.0, ABOVE_0, "weight at which a target's update is cut")

    def __init__(self, settings: "UpdateBalancing.Settings", n_processes: int = 1) -> None:
        self.settings, self.n_processes = settings, n_processes
        self.gradients: List[Optional[torch.Tensor]] = []

    def optimizer(self, parameters: List[nn.Parameter], usual: UsualOptimizer) -> "BalancedAdam":
        """Return Adam with weighed updates.

        Raises
        ------
        InputError
            If the key ``learner`` is not adam.
        """
        adam = usual(parameters)
        if type(adam) is not torch.optim.Adam:
            raise InputError(
                "learner: ranker_optimizer pub balances the updates of adam; write adam"
            )
        return BalancedAdam(parameters, self, adam.defaults)

    def backward(self, losses: Sequence[torch.Tensor], parameters: List[nn.Parameter]) -> None:
        """Keep each target's gradient for the step, and leave their sum as usual."""
        by_target = [
            torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
            for loss in losses
        ]
        self.gradients = [
            None
            if all(gradient is None for gradient in each)
            else torch.stack([torch.zeros_like(w) if g is None else g for g in each])
            for w, each in zip(parameters, zip(*by_target))
        ]
        for parameter, each in zip(parameters, self.gradients):
            if each is not None:
                self._average(each)
                parameter.grad = each.sum(dim=0)

    def _average(self, gradients: torch.Tensor) -> None:
        if self.n_processes > 1:
            torch.distributed.all_reduce(gradients)
            gradients /= self.n_processes


class BalancedAdam(torch.optim.Optimizer):
    """Adam whose step is the weighed sum of what it would do for each target.

    Parameters
    ----------
    parameters : list
    of : UpdateBalancing
        Who keeps the gradients of the targets.
    defaults : dict
        Of RecBole's Adam: ``lr``, ``betas``, ``eps``, ``weight_decay``.
    """

    def __init__(
        self, parameters: List[nn.Parameter], of: UpdateBalancing, defaults: Dict[str, Any]
    ) -> None:
        names = ("lr", "betas", "eps", "weight_decay")
        super().__init__(parameters, {name: defaults[name] for name in names})
        self._of = of
        self.param_groups[0].update(n_steps=0, weights=[])

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Follow the gradients of the last backward pass."""
        group = self.param_groups[0]
        group["n_steps"] += 1
        reached = [(w, g) for w, g in zip(group["params"], self._of.gradients) if g is not None]
        # by parameter, which targets reach it: (T,)
        some = [gradients.flatten(1).abs().amax(dim=1) > 0 for _, gradients in reached]
        is_shared = [int(targets.sum()) > 1 for targets in some]
        shared = [pair for pair, is_one in zip(reached, is_shared) if is_one]
        if shared:
            those = [targets for targets, is_one in zip(some, is_shared) if is_one]
            self._move(shared, torch.stack(those).any(dim=0))
        for (parameter, gradients), is_one in zip(reached, is_shared):
            if not is_one:
                total = gradients.sum(dim=0)
                self._apply(parameter, self._update(parameter, total), total)

    def _move(self, shared: List[Tuple[torch.Tensor, torch.Tensor]], present: torch.Tensor) -> None:
        """Move shared parameters by what the `present` (T,) targets would do."""
        shared = [(parameter, gradients[present]) for parameter, gradients in shared]
        updates = [self._update(parameter, gradients) for parameter, gradients in shared]
        weights = self._weights([g for _, g in shared], updates, present)
        for (parameter, gradients), update in zip(shared, updates):
            weigh = weights.to(update)
            self._apply(
                parameter,
                torch.tensordot(weigh, update, dims=1),
                torch.tensordot(weigh, gradients, dims=1),
            )

    def _weights(
        self, gradients: List[torch.Tensor], updates: List[torch.Tensor], present: torch.Tensor
    ) -> torch.Tensor:
        """Return the weights of the present targets, solved for again when it is time."""
        group, settings = self.param_groups[0], self._of.settings
        if (group["n_steps"] - 1) % settings.every == 0:
            gram = gram_matrix(gradients, updates).cpu().numpy()
            found = torch.ones(len(present), dtype=torch.float64)
            found[present.cpu()] = torch.from_numpy(
                balanced_weights(gram, settings.ridge, settings.largest)
            )
            group["weights"] = found.tolist()
        weights = torch.tensor(group["weights"] or [1.0] * len(present), dtype=torch.float64)
        return weights[present.cpu()]

    def _update(self, parameter: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor:
        """Return Adam's update for gradients (..., of the parameter's shape), unscaled."""
        group, state = self.param_groups[0], self._state_of(parameter)
        (b1, b2), k = group["betas"], group["n_steps"]
        mean = (b1 * state["mean"] + (1 - b1) * gradient) / (1 - b1**k)
        square = (b2 * state["square"] + (1 - b2) * gradient**2) / (1 - b2**k)
        return mean / (square.sqrt_().add_(group["eps"]))

    def _apply(self, parameter: torch.Tensor, update: torch.Tensor, gradient: torch.Tensor) -> None:
        """Move a parameter, and let the moments absorb the gradient that was followed."""
        group, state = self.param_groups[0], self._state_of(parameter)
        b1, b2 = group["betas"]
        parameter.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=group["lr"])
        state["mean"].lerp_(gradient, 1 - b1)
        state["square"].mul_(b2).addcmul_(gradient, gradient, value=1 - b2)

    def _state_of(self, parameter: torch.Tensor) -> Dict[str, torch.Tensor]:
        state = self.state[parameter]
        if not state:
            state.update(mean=torch.zeros_like(parameter), square=torch.zeros_like(parameter))
        return state


def gram_matrix(gradients: List[torch.Tensor], updates: List[torch.Tensor]) -> torch.Tensor:
    """Return D D' / P over the weights that some target's gradient reaches.

    A row of an embedding that the batch does not hold has a momentum and no gradient; it would
    count for weights that no target speaks of.

    Parameters
    ----------
    gradients, updates : lists of (T, ...)
        By parameter.

    Returns
    -------
    (T, T) float64
    """
    n_targets = len(updates[0])
    gram = torch.zeros(n_targets, n_targets, dtype=torch.float64)
    n_weights = 0
    for gradient, update in zip(gradients, updates):
        touched = gradient.flatten(1).abs().amax(dim=0) > 0  # (p,); any() is slower
        rows = update.flatten(1) * touched
        gram += (rows @ rows.T).to(gram)
        n_weights += int(touched.sum())
    return gram / n_weights
