"""Attention whose query knows its context, and whose heads are gated (A2Gen, arXiv 2604.25834).

The paper's *context-aware attention module* is known to us by digests: multi-head attention with
the item's content in the query, a gate that tells how much each head matters, a network behind. Its
equations are our reading. For a query token x in a context c, over tokens t::

    q_h = Q_h [x; c];  k_h = K_h t;  v_h = V_h t;  o_h = softmax(cap(q_h . k_h / sqrt(size))) v_h
    g   = sigmoid(G [x; c]);  state = relu(b + sum_h g_h o_h);  cap(a) = 10 tanh(a / 10)

The sum is the first layer of a network on all heads, whose part for head h is in V_h; the second is
left to whoever reads the state, and so is adding x. Where x is a task, the gate is the paper's
"importance of each head" for that task.

The cap (Bello et al., arXiv 1611.09940) is ours. A context that is a token meets itself in q . k,
whose square grows in training. And where no token's share can vanish, those of the tokens that are
present follow from one softmax over all, however many sets of them are asked for.
"""

from typing import NamedTuple, Optional

import torch
from torch import nn

_CAP = 10.0
_LEAST = 1e-12  # less than exp(-2 cap) / L, the least share of one of L tokens


class Tokens(NamedTuple):
    """Keys (..., L, H, size) and values (..., L, H, d) of L tokens."""

    keys: torch.Tensor
    values: torch.Tensor

    def first(self, number: int) -> "Tokens":
        """Return some of them."""
        return Tokens(self.keys[..., :number, :, :], self.values[..., :number, :, :])


class ContextAttention(nn.Module):
    """Gated attention to tokens of a context.

    Parameters
    ----------
    size : int
        d, of tokens, contexts and states.
    n_heads : int
        H; their keys are as wide as d / H, rounded down, and at least 1.
    """

    def __init__(self, size: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads, self.key_size = n_heads, max(1, size // n_heads)
        inner = n_heads * self.key_size
        self.key = nn.Linear(size, inner)
        self.value = nn.Linear(size, n_heads * size, bias=False)
        self.query = nn.Linear(size, inner + n_heads)
        self.context = nn.Linear(size, inner + n_heads, bias=False)
        self.bias = nn.Parameter(torch.zeros(size))

    def read(self, tokens: torch.Tensor) -> Tokens:
        """Turn tokens (..., L, d) into keys and values."""
        heads = (self.n_heads, -1)
        return Tokens(
            self.key(tokens).unflatten(-1, heads), self.value(tokens).unflatten(-1, heads)
        )

    def forward(
        self,
        query: torch.Tensor,
        context: torch.Tensor,
        tokens: Tokens,
        present: torch.Tensor,
        shared: Optional[Tokens] = None,
    ) -> torch.Tensor:
        """Attend to the tokens that are present.

        Parameters
        ----------
        query, context : (..., Q, d)
            x and c; of one query where all Q have the same.
        tokens : Tokens
            L of their own for each query's context.
        present : (..., Q, L + K) bool
        shared : Tokens, optional
            K more, (K, H, size) and (K, H, d), that are the same everywhere.

        Returns
        -------
        (..., Q, d), from 0; without a present token it is that of o = 0.
        """
        mixed = self.query(query) + self.context(context)
        asked, gates = mixed.split([mixed.shape[-1] - self.n_heads, self.n_heads], dim=-1)
        asked = asked.unflatten(-1, (self.n_heads, self.key_size)) * self.key_size**-0.5
        logits = asked.transpose(-3, -2) @ tokens.keys.transpose(-3, -2).transpose(-1, -2)
        logits = logits.transpose(-3, -2)  # (..., Q, H, L)
        if shared is not None:
            of_shared = torch.einsum("...hs,khs->...hk", asked, shared.keys)
            logits = torch.cat([logits, of_shared], dim=-1)
        shares = (_CAP * torch.tanh(logits / _CAP)).softmax(dim=-1) * present.unsqueeze(-2)
        total = shares.sum(dim=-1, keepdim=True).clamp(min=_LEAST)
        weights = shares * (gates.sigmoid().unsqueeze(-1) / total)
        n_own = tokens.keys.shape[-3]
        mixed = weights[..., :n_own].flatten(-2) @ _by_head(tokens.values)
        if shared is not None:
            mixed = mixed + weights[..., n_own:].flatten(-2) @ _by_head(shared.values)
        # in place: new memory for many queries costs more than the sums
        return mixed.add_(self.bias).relu_()


def _by_head(values: torch.Tensor) -> torch.Tensor:
    """Put values (..., L, H, d) under each other, (..., H L, d)."""
    return values.transpose(-3, -2).flatten(-3, -2)
