"""The towers of a multi-task network: what the tasks share in, one output per target out."""

from typing import Iterator, List, Sequence

import torch
from torch import nn

from recbole_poem.core.dropout import Dropout
from recbole_poem.core.settings import Range, at_least, list_of

_WIDTHS = "a list of whole numbers from 1"
#: widths of layers of which there is at least one
HIDDEN = list_of(at_least(1), _WIDTHS)
#: widths of layers of which there may be none
ANY_HIDDEN = Range(lambda v: v == [] or HIDDEN.holds(v), f"{_WIDTHS}, or [] for none")


def hidden_layers(input_size: int, sizes: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear layers of the given widths, a ReLU and dropout behind each; none is the identity."""
    layers: List[nn.Module] = []
    for size_in, size_out in zip([input_size, *sizes], sizes):
        layers += [nn.Linear(size_in, size_out), nn.ReLU(), Dropout(dropout)]
    return nn.Sequential(*layers)


class Towers(nn.ModuleList):
    """A tower of its own for every target: hidden layers, and a linear head.

    Parameters
    ----------
    n_targets : int
        M.
    input_size : int
        e.
    sizes : sequence of int
        Widths of the hidden layers; none = linear towers.
    dropout : float
        Behind every hidden layer.

    Attributes
    ----------
    size : int
        d, the width of a tower's last hidden layer; e without one.
    """

    def __init__(
        self, n_targets: int, input_size: int, sizes: Sequence[int], dropout: float
    ) -> None:
        self.size = [input_size, *sizes][-1]
        super().__init__(
            nn.Sequential(hidden_layers(input_size, sizes, dropout), nn.Linear(self.size, 1))
            for _ in range(n_targets)
        )

    def _targets(self) -> Iterator[nn.Sequential]:
        for tower in self:
            assert isinstance(tower, nn.Sequential)
            yield tower

    def head(self, target: int) -> nn.Linear:
        """Return the last layer of one tower."""
        head = list(self._targets())[target][1]
        assert isinstance(head, nn.Linear)
        return head

    def hidden(self, inputs: Sequence[torch.Tensor]) -> List[torch.Tensor]:
        """Return the last hidden layer of every tower: M times (..., e) to M times (..., d)."""
        return [tower[0](of) for tower, of in zip(self._targets(), inputs)]

    def read(self, hidden: Sequence[torch.Tensor]) -> torch.Tensor:
        """Turn the last hidden layers, M times (..., d), into outputs (..., M)."""
        heads = [tower[1](of) for tower, of in zip(self._targets(), hidden)]
        return torch.cat(heads, dim=-1)
