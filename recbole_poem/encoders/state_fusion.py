"""How the state of the history and that of the previous ranking become one interest."""

from typing import Dict, Type, Union

import torch
from torch import nn


class Gate(nn.Module):
    """``g = sigmoid(W [h; p]), u = g * h + (1 - g) * p``, our reading of the paper's fusion.

    A learned vector stands for p where the entry is empty.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * size, size)
        self.empty_entry = nn.Parameter(torch.empty(size))

    def forward(
        self, history: torch.Tensor, cascade: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """Return the interest.

        Parameters
        ----------
        history, cascade : (..., d)
            h and p.
        known : (..., 1) bool
            Whether the entry has a candidate; p means nothing where it has none.

        Returns
        -------
        (..., d)
        """
        cascade = torch.where(known, cascade, self.empty_entry)
        gate = torch.sigmoid(self.gate(torch.cat([history, cascade], dim=-1)))
        return gate * history + (1 - gate) * cascade

    def without_entry(self, history: torch.Tensor) -> torch.Tensor:
        """Return the interest where there is no entry, (..., d)."""
        known = history.new_zeros((1, 1), dtype=torch.bool)
        return self(history, torch.zeros_like(history), known)


class Residual(nn.Module):
    """``u = h + W p`` with a W that starts at zero, and ``u = h`` where the entry is empty.

    The history encoder is a model of its own: without an entry it is a plain Transformer, and the
    entry moves its state as far as that helps.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.residual = nn.Linear(size, size, bias=False)

    def start_at_zero(self) -> None:
        """Make the interest the state of the history."""
        nn.init.zeros_(self.residual.weight)

    def forward(
        self, history: torch.Tensor, cascade: torch.Tensor, known: torch.Tensor
    ) -> torch.Tensor:
        """Return the interest (..., d); see `Gate.forward`."""
        return history + torch.where(known, self.residual(cascade), 0)

    def without_entry(self, history: torch.Tensor) -> torch.Tensor:
        """Return the interest where there is no entry, (..., d)."""
        return history


Fusion = Union[Gate, Residual]

#: value of the key ``fusion`` -> module
FUSIONS: Dict[str, Union[Type[Gate], Type[Residual]]] = {"gate": Gate, "residual": Residual}
