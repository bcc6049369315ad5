"""Lists that are filled place by place, by what each candidate is beside the items above it.

What P candidates know of the items above them is kept running: an item that is placed costs each
candidate one product, however long the list is. So a list of m items costs O(P m).
"""

from typing import NamedTuple, Optional, Sequence

import torch


class Features(NamedTuple):
    """What P candidates of B lists are beside the items above them; 0 without one, all (B, P).

    Attributes
    ----------
    max_similarity, mean_similarity
        Products of vectors.
    same_category
        Share of the items above that have a category of the candidate, in [0, 1].
    """

    max_similarity: torch.Tensor
    mean_similarity: torch.Tensor
    same_category: torch.Tensor


class Above:
    """The items above the next place of B lists, as P candidates of each see them.

    Parameters
    ----------
    vector : (B, P, d)
        Of the candidates.
    category : (B, P, C) of 0 and 1, optional
        Of the candidates; without, none share any.
    """

    def __init__(self, vector: torch.Tensor, category: Optional[torch.Tensor]) -> None:
        self._vector, self._category = vector, category
        self._max = self._sum = self._sharing = vector.new_zeros(vector.shape[:2])
        self._number = 0

    def features(self) -> Features:
        """Return what is known by now."""
        number = max(1, self._number)
        return Features(self._max, self._sum / number, self._sharing / number)

    def place(self, vector: torch.Tensor, category: Optional[torch.Tensor]) -> None:
        """Put an item below those of each list: its vector (B, d), its categories (B, C)."""
        similar = (self._vector @ vector.unsqueeze(2)).squeeze(2)  # (B, P)
        self._max = similar if self._number == 0 else torch.maximum(self._max, similar)
        self._sum = self._sum + similar
        if self._category is not None and category is not None:
            shared = (self._category @ category.unsqueeze(2)).squeeze(2)
            self._sharing = self._sharing + (shared > 0)
        self._number += 1


def filled(
    vector: torch.Tensor,
    category: Optional[torch.Tensor],
    alone: torch.Tensor,
    weights: Sequence[float],
    length: int,
) -> torch.Tensor:
    """Fill B lists, each place with the best candidate that is left.

    Parameters
    ----------
    vector, category
        Of the candidates; see `Above`.
    alone : (B, P)
        What each is worth whatever stands above it; -inf = not to be recommended, which comes last.
    weights : sequence of float
        Of `Features`, in their order.
    length : int
        m, places of a list, from 1 to P.

    Returns
    -------
    (B, m) int64
        Columns of the candidates, best first; of equal ones the first.
    """
    above = Above(vector, category)
    left = alone.clamp_min(torch.finfo(alone.dtype).min)  # -inf = has its place
    row = torch.arange(len(alone), device=alone.device)
    chosen = torch.empty(len(alone), length, dtype=torch.int64, device=alone.device)
    best = row
    for place in range(length):
        if place > 0:
            above.place(vector[row, best], None if category is None else category[row, best])
        worth = left
        for weight, feature in zip(weights, above.features()):
            if weight != 0:
                worth = worth + weight * feature
        best = worth.argmax(dim=1)
        chosen[:, place] = best
        left[row, best] = -torch.inf
    return chosen
