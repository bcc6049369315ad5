"""Multi-gate mixture of experts (Ma et al., KDD 2018): shared experts, a gate and a tower a task.

f_k(x) = tower_k(sum_e g_k(x)_e expert_e(x)), with g_k(x) = softmax(W_k x)
"""

from typing import List, Sequence

import torch
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.errors import InputError


class MixtureOfExperts(nn.Module):
    """One output per task from experts that all tasks share and each task mixes for itself.

    With a single expert every gate is 1, and the module is the shared-bottom network that the
    paper compares with.

    Parameters
    ----------
    input_size : int
        F, the width of the features.
    n_tasks : int
        M.
    n_experts : int
        E.
    expert_sizes : sequence of int
        Widths of an expert's layers, at least one; the last is e, the width of what it gives out.
    tower_sizes : sequence of int
        Widths of the hidden layers of a tower; empty for a linear one.
    dropout : float
        Behind every hidden layer.

    Raises
    ------
    InputError
        If a number or a width is not at least 1, or an expert has no layer.
    """

    def __init__(
        self,
        input_size: int,
        n_tasks: int,
        n_experts: int,
        expert_sizes: Sequence[int],
        tower_sizes: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        _check_sizes(n_experts, expert_sizes, tower_sizes)
        self.n_tasks = n_tasks
        self.n_experts = n_experts
        self.experts = nn.ModuleList(
            hidden_layers(input_size, expert_sizes, dropout) for _ in range(n_experts)
        )
        self.gates = nn.Linear(input_size, n_tasks * n_experts, bias=False)
        last_size = [*expert_sizes, *tower_sizes][-1]
        self.towers = nn.ModuleList(
            nn.Sequential(
                hidden_layers(expert_sizes[-1], tower_sizes, dropout), nn.Linear(last_size, 1)
            )
            for _ in range(n_tasks)
        )

    def gate_weights(self, features: torch.Tensor) -> torch.Tensor:
        """How much each task takes of each expert: (..., F) to (..., M, E), summing to 1 over E."""
        logits = self.gates(features)
        return logits.unflatten(-1, (self.n_tasks, self.n_experts)).softmax(dim=-1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Turn features (..., F) into one output per task (..., M), without an activation."""
        experts = torch.stack([expert(features) for expert in self.experts], dim=-2)  # (..., E, e)
        mixed = self.gate_weights(features) @ experts  # (..., M, e)
        outputs = [tower(task) for tower, task in zip(self.towers, mixed.unbind(-2))]
        return torch.cat(outputs, dim=-1)


def hidden_layers(input_size: int, sizes: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers of the given widths, a ReLU and dropout behind each; none is the identity."""
    layers: List[nn.Module] = []
    for size_in, size_out in zip([input_size, *sizes], sizes):
        layers += [nn.Linear(size_in, size_out), nn.ReLU(), Dropout(dropout)]
    return nn.Sequential(*layers)


def _check_sizes(n_experts: int, expert_sizes: Sequence[int], tower_sizes: Sequence[int]) -> None:
    if n_experts < 1:
        raise InputError(f"n_experts: there must be at least 1 expert, not {n_experts}")
    if not expert_sizes:
        raise InputError("expert_sizes: an expert needs at least one layer")
    for key, sizes in {"expert_sizes": expert_sizes, "tower_sizes": tower_sizes}.items():
        if any(size < 1 for size in sizes):
            raise InputError(f"{key}: a layer must be at least 1 wide; got {list(sizes)}")
