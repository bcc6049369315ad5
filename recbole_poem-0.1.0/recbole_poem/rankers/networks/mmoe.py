"""Multi-gate mixture of experts (Ma et al., KDD 2018): shared experts, a gate and a tower a target.

f_k(x) = tower_k(sum_e g_k(x)_e expert_e(x)), with g_k(x) = softmax(W_k x)
"""

from dataclasses import dataclass
from typing import List

import torch
from torch import nn

from recbole_poem.core.settings import PROBABILITY, at_least, setting
from recbole_poem.core.stages import RANKERS
from recbole_poem.rankers.towers import ANY_HIDDEN, HIDDEN, Towers, hidden_layers


@RANKERS.register("mmoe")
class MixtureOfExperts(nn.Module):
    """Experts that all targets share and each target mixes for itself (Ma et al., KDD 2018).

    With a single expert every gate is 1, and the module computes what ``shared_bottom`` does.

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
        expert_sizes: List[int] = setting([64, 32], HIDDEN, "widths of an expert's layers")
        tower_sizes: List[int] = setting(
            [32], ANY_HIDDEN, "widths of a tower's hidden layers; [] = linear towers"
        )
        dropout: float = setting(0.1, PROBABILITY, "dropout behind every hidden layer")

    def __init__(
        self, settings: "MixtureOfExperts.Settings", input_size: int, n_targets: int
    ) -> None:
        super().__init__()
        sizes = settings.expert_sizes
        self.n_targets, self.n_experts = n_targets, settings.n_experts
        self.experts = nn.ModuleList(
            hidden_layers(input_size, sizes, settings.dropout) for _ in range(self.n_experts)
        )
        self.gates = nn.Linear(input_size, n_targets * self.n_experts, bias=False)
        self.towers = Towers(n_targets, sizes[-1], settings.tower_sizes, settings.dropout)

    def gate_weights(self, features: torch.Tensor) -> torch.Tensor:
        """Return what each target takes of each expert, (..., F) to (..., M, E), its sum 1."""
        logits = self.gates(features)
        return logits.unflatten(-1, (self.n_targets, self.n_experts)).softmax(dim=-1)

    def hidden(self, features: torch.Tensor) -> List[torch.Tensor]:
        """Turn features (..., F) into the last hidden layer of every tower, M times (..., d)."""
        experts = torch.stack([expert(features) for expert in self.experts], dim=-2)  # (..., E, e)
        mixed = self.gate_weights(features) @ experts  # (..., M, e)
        return self.towers.hidden(mixed.unbind(-2))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Turn features (..., F) into one output per target (..., M), without an activation."""
        return self.towers.read(self.hidden(features))
