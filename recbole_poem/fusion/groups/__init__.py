"""Groupings: what cuts the candidates of a ranking into ordered groups."""

from typing import Protocol

import torch


class Grouping(Protocol):
    """A component of the stage ``grouping``, made of its settings."""

    n_groups: int

    def __call__(
        self, fused: torch.Tensor, items: torch.Tensor, valid: torch.Tensor
    ) -> torch.Tensor:
        """Return the group of each candidate.

        Parameters
        ----------
        fused : (..., N)
            Fused scores, higher is better.
        items : (..., N) int64
            They break ties, so that the order of the slots changes nothing.
        valid : (..., N) bool

        Returns
        -------
        (..., N) int64
            0 (best) to G - 1; G where there is no candidate.
        """
