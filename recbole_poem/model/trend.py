"""What was popular when, as further columns of the items and of the states that score them.

``u . e_i + w trend_b(i)`` is one dot product, of the state with ``w`` at the place of its step b
and of the embedding with the item's trends at all steps, so that whatever scores by a dot product
knows nothing of time.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Trend(nn.Module):
    """One learned number, w, from zero, and the trends that it is multiplied with.

    Parameters
    ----------
    logit : (n_items, K)
        See `recbole_poem.data.trends`; kept with the data set, not with the weights.
    """

    def __init__(self, logit: torch.Tensor) -> None:
        super().__init__()
        self.logit: torch.Tensor
        self.register_buffer("logit", logit, persistent=False)
        self.weight = nn.Parameter(torch.zeros(()))

    def beside(self, items: torch.Tensor) -> torch.Tensor:
        """Append the trends to what scores items: (n_items, d) to (n_items, d + K)."""
        return torch.cat([items, self.logit], dim=1)

    def at(self, step: torch.Tensor) -> torch.Tensor:
        """Return what the trends are multiplied with at steps (...) from 1, 0 = none: (..., K)."""
        return F.one_hot(step, self.logit.shape[1] + 1)[..., 1:] * self.weight
