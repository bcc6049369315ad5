"""Multi-gate mixture of experts (Ma et al., KDD 2018): shared experts, a gate and a tower a target.

f_k(x) = tower_k(sum_e g_k(x)_e expert_e(x)), with g_k(x) = softmax(W_k x)
"""

from dataclasses import dataclass
from typing import List, Sequence

import torch
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.settings import PROBABILITY, Range, at_least, list_of, setting
from recbole_poem.core.stages import RANKERS

_WIDTHS = "a list of whole numbers from 1"
_HIDDEN = list_of(at_least(1), _WIDTHS)
_ANY_HIDDEN = Range(lambda v: v == [] or _HIDDEN.holds(v), f"{_WIDTHS}, or [] for none")


@RANKERS.register("mmoe")
class MixtureOfExperts(nn.Module):
    """Experts that all targets share and each target mixes for itself (Ma et al., KDD 2018).

    With a single expert every gate is 1, and the module is the shared-bottom network that the
    paper compares with.

    Parameters
    ----------
    settings : MixtureOfExperts.Settings
    input_size : int
        F, the width of the features.
    n_targets : int
        M.
    """

    @dataclass(frozen=True)
    class Settings:
        """Sizes; the last width of an expert is what it gives out."""

        n_experts: int = setting(4, at_least(1), "experts; 1 = shared bottom")
        expert_sizes: List[int] = setting([64, 32], _HIDDEN, "widths of an expert's layers")
        tower_sizes: List[int] = setting(
            [32], _ANY_HIDDEN, "widths of a tower's hidden layers; [] = linear towers"
        )
        dropout: float = setting(0.1, PROBABILITY, "dropout behind every hidden layer")

    def __init__(
        self, settings: "MixtureOfExperts.Settings", input_size: int, n_targets: int
    ) -> None:
        super().__init__()
        sizes, tower_sizes = settings.expert_sizes, settings.tower_sizes
        self.n_targets, self.n_experts = n_targets, settings.n_experts
        self.experts = nn.ModuleList(
            hidden_layers(input_size, sizes, settings.dropout) for _ in range(self.n_experts)
        )
        self.gates = nn.Linear(input_size, n_targets * self.n_experts, bias=False)
        last_size = [*sizes, *tower_sizes][-1]
        self.towers = nn.ModuleList(
            nn.Sequential(
                hidden_layers(sizes[-1], tower_sizes, settings.dropout), nn.Linear(last_size, 1)
            )
            for _ in range(n_targets)
        )

    def gate_weights(self, features: torch.Tensor) -> torch.Tensor:
        """Return what each target takes of each expert, (..., F) to (..., M, E), its sum 1."""
        logits = self.gates(features)
        return logits.unflatten(-1, (self.n_targets, self.n_experts)).softmax(dim=-1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Turn features (..., F) into one output per target (..., M), without an activation."""
        experts = torch.stack([expert(features) for expert in self.experts], dim=-2)  # (..., E, e)
        mixed = self.gate_weights(features) @ experts  # (..., M, e)
        outputs = [tower(target) for tower, target in zip(self.towers, mixed.unbind(-2))]
        return torch.cat(outputs, dim=-1)


def hidden_layers(input_size: int, sizes: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers of the given widths, a ReLU and dropout behind each; none is the identity."""
    layers: List[nn.Module] = []
    for size_in, size_out in zip([input_size, *sizes], sizes):
        layers += [nn.Linear(size_in, size_out), nn.ReLU(), Dropout(dropout)]
    return nn.Sequential(*layers)
