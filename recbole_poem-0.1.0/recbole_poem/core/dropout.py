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
    bias: Optional[torch.Tensor] = None,
) -> torch.Tensor:
    """Scaled dot-product attention with dropout of the weights.

    torch's own materialises the weights as well once it has to drop some of them on a CPU.

    Parameters
    ----------
    query, key, value : (B, heads, T, e)
    may_attend : (B, 1, T, T) bool, or None for causal attention
    dropout : Dropout
        Of the attention weights, (B, heads, T, T).
    bias : (B, heads, T, T), optional
        Added to the scores.

    Returns
    -------
    (B, heads, T, e)
    """
    drops = dropout.training and dropout.p > 0
    if bias is not None:
        if may_attend is None:
            may_attend = _causal(query.shape[-2], query.device)
        may_attend = bias.masked_fill(~may_attend, -torch.inf)
    if not drops or query.device.type != "cpu":
        return F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=may_attend,
            dropout_p=dropout.p if drops else 0.0,
            is_causal=may_attend is None,
        )
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if bias is not None:
        scores = scores + may_attend
    else:
        allowed = _causal(query.shape[-2], query.device) if may_attend is None else may_attend
        scores = scores.masked_fill(~allowed, -torch.inf)
    return dropout(scores.softmax(dim=-1)) @ value


def _causal(length: int, device: torch.device) -> torch.Tensor:
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()
