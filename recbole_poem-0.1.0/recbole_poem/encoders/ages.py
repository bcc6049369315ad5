"""One ranking state of those of several previous rankings."""

import torch
from torch import nn

_FALL = 3.0  # from an age to the next, when learning begins


class Ages(nn.Module):
    """``p = sum_a w_a p_a, w = softmax(v)`` over the ages whose ranking is there (ours).

    v is one learned number for each age, the youngest first. It begins at 0, -3, -6: 95 % of the
    weight are on the youngest, and learning begins near the model that reads it alone. Where the
    youngest is empty, the next one takes its place.

    Parameters
    ----------
    n_rankings : int
        A, at least 2.
    """

    def __init__(self, n_rankings: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.empty(n_rankings))

    def reset_parameters(self) -> None:
        """Begin with nearly all weight on the youngest ranking."""
        with torch.no_grad():
            self.value.copy_(-_FALL * torch.arange(len(self.value)))

    def forward(self, states: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
        """Return p.

        Parameters
        ----------
        states : (Q, A, d)
            The youngest first; meaningless where a ranking is empty.
        known : (Q, A) bool
            Whether each ranking has a candidate.

        Returns
        -------
        (Q, d), meaningless where all are empty.
        """
        # finite where all are empty, so that no gradient is lost in NaN
        value = self.value.masked_fill(~known, torch.finfo(self.value.dtype).min)
        weight = value.softmax(dim=-1).unsqueeze(-1)
        mixed: torch.Tensor = (weight * states).sum(dim=1)
        return mixed
