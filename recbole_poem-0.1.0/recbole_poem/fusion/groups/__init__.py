"""Groupings: what cuts the candidates of a ranking into ordered groups."""

from typing import ClassVar, Protocol

import torch

from recbole_poem.fusion.fused_ranking import FusedRanking


class Grouping(Protocol):
    """A component of the stage ``grouping``, made of its settings.

    Attributes
    ----------
    n_groups : int
        G.
    reads_stages : bool
        Of the class: whether rankings have to tell the stage of each candidate.
    """

    n_groups: int
    reads_stages: ClassVar[bool]

    def __call__(self, ranking: FusedRanking) -> torch.Tensor:
        """Return the group of each candidate, whatever the order of the slots.

        Returns
        -------
        (Q, N) int64
            0 (best) to G - 1; G where there is no candidate.
        """
