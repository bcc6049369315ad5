"""Dropout whose noise is cheap on a CPU.

torch draws the mask of `nn.Dropout` on the CPU one Bernoulli number at a time, which costs several
times what the layer around it does; uniform numbers are drawn a vector at a time
(``benchmarks/dropout.py``).
"""

from typing import Optional

import torch
import torch.nn.functional as F
from torch import nn


def dropout_mask(like: torch.Tensor, probability: float) -> torch.Tensor:
    """Draw the factors of inverted dropout: 0 with `probability`, else 1 / (1 - probability).

    Parameters
    ----------
    like : (...) float
        Tensor whose shape, dtype and device the mask takes.
    probability : float
        In [0, 1).
    """
    noise = torch.rand(like.shape, device=like.device)
    return noise.ge_(probability).div_(1 - probability).to(like.dtype)


class Dropout(nn.Dropout):
    """`nn.Dropout`, with the mask of `dropout_mask` where the CPU computes."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Drop entries of `input` (...) in training; return it as it is at evaluation."""
        if not self.training or self.p == 0 or self.p == 1 or input.device.type != "cpu":
            return super().forward(input)
        return input * dropout_mask(input, self.p)


def attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    may_attend: Optional[torch.Tensor],
    dropout: Dropout,
) -> torch.Tensor:
    """Scaled dot-product attention with dropout of the weights.

    torch's own materialises the weights as well once it has to drop some of them on a CPU.

    Parameters
    ----------
    query, key, value : (B, heads, T, e)
    may_attend : (B, 1, T, T) bool, or None for causal attention
    dropout : Dropout
        Of the attention weights, (B, heads, T, T).

    Returns
    -------
    (B, heads, T, e)
    """
    drops = dropout.training and dropout.p > 0
    if not drops or query.device.type != "cpu":
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=may_attend,
            dropout_p=dropout.p if drops else 0.0,
            is_causal=may_attend is None,
        )
    if may_attend is None:
        length = query.shape[-2]
        may_attend = torch.ones(length, length, dtype=torch.bool).tril()
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    weights = scores.masked_fill(~may_attend, -torch.inf).softmax(dim=-1)
    return dropout(weights) @ value
