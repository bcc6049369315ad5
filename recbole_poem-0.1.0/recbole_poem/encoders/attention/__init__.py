"""Attentions: queries, keys and values to a mixture of the values."""

from typing import Optional, Protocol

import torch


class Attention(Protocol):
    """A component of the stage ``attention``: a torch module, made of its settings and `Sizes`."""

    def __call__(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        may_attend: Optional[torch.Tensor],
        bias: Optional[torch.Tensor] = None,
    ) -> torch.Tensor:
        """Mix values.

        Parameters
        ----------
        query : (B, heads, T, e)
        key, value : (B, heads, T', e)
        may_attend : (B, 1, T, T') bool, or None for causal attention, of T = T'
        bias : (B, heads, T, T'), optional
            Added to the scores, after their division by the root of e.

        Returns
        -------
        (B, heads, T, e)
        """
