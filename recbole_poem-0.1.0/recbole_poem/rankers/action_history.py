"""The recent items with what the user did with them (A2Gen, arXiv 2604.25834).

The paper's *hierarchical sequence encoder* nests two levels of context-aware attention: the actions
in an item, then the items of the history. Its equations are our reading, with the attention of
`recbole_poem.rankers.context_attention`. e_m is the token of action m, i an item, c the candidate::

    i' = i + W attention(x = i, c = i; tokens = i and e_m of each action m that the user took on it)
    interest = m + W' attention(x = m, c = candidate; tokens = all i'),  m = mean of i'

Actions have no times here, and as in the other poolings the order of the items does not matter.
The actions of the exposure that is asked about are no part of it.
"""

from typing import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.rankers.context_attention import ContextAttention
from recbole_poem.rankers.feature_fields import masked_average

_HEADS = 2


class ActionHistory(nn.Module):
    """Pools the recent items for each candidate, by what the user did with them.

    Parameters
    ----------
    hidden_size : int
        d.
    actions : sequence of int
        The targets that are actions: columns of the labels.
    """

    columns: torch.Tensor

    def __init__(self, hidden_size: int, actions: Sequence[int]) -> None:
        super().__init__()
        columns = torch.tensor(actions, dtype=torch.int64)
        self.register_buffer("columns", columns, persistent=False)
        self.action = nn.Parameter(torch.randn(len(actions), hidden_size) * hidden_size**-0.5)
        self.in_item = ContextAttention(hidden_size, _HEADS)
        self.in_history = ContextAttention(hidden_size, _HEADS)
        self.of_item = nn.Linear(hidden_size, hidden_size)
        self.of_history = nn.Linear(hidden_size, hidden_size)

    def items(self, history: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Add to recent items (R, H, d) what the user did with them.

        Parameters
        ----------
        history : (R, H, d)
        labels : (R, H, M)
            1 = the user did; anything else gives no token.
        """
        item = history.unsqueeze(2)
        took = F.pad(labels[..., self.columns] == 1, (1, 0), value=True)  # (R, H, 1 + K)
        itself, actions = self.in_item.read(item), self.in_item.read(self.action)
        states = self.in_item(item, item, itself, took.unsqueeze(2), actions)
        return history + self.of_item(states.squeeze(2))

    def forward(
        self,
        history: torch.Tensor,
        present: torch.Tensor,
        candidates: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """Pool as `recbole_poem.rankers.features.CandidateAttention` does."""
        items = self.items(history, labels)
        mean = masked_average(items, present).unsqueeze(1)  # (R, 1, d)
        tokens = self.in_history.read(items)
        states = self.in_history(mean, candidates, tokens, present.unsqueeze(1))
        return (mean + self.of_history(states)) * present.any(dim=1)[:, None, None]
