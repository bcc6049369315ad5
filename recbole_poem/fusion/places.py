"""Places of scores among those of the training part, and shares of a ranking.

The scores of objectives have units of their own: a probability, seconds, a count. A learned fusion
reads the *place* of a score instead: where it stands among the scores that training rankings gave.
"""

import torch
import torch.nn.functional as F
from torch import nn


class Places(nn.Module):
    """Cuts the scores of each objective into cells with equally many different training scores.

    A score that occurs often counts once, so that no cell is empty. Beyond the outermost cells a
    score goes on by its logarithm: it is told from others, and does not weigh too much.

    Parameters
    ----------
    n_objectives : int
        M.
    n_cells : int
        S.
    """

    knots: torch.Tensor

    def __init__(self, n_objectives: int, n_cells: int) -> None:
        super().__init__()
        self.n_cells = n_cells
        even = torch.linspace(0, 1, n_cells + 1).expand(n_objectives, -1).clone()
        self.register_buffer("knots", even)

    @torch.no_grad()
    def fit(self, scores: torch.Tensor) -> None:
        """Put the knots between the cells.

        Parameters
        ----------
        scores : (n, M)
            Of candidates of training rankings; none leaves the knots evenly from 0 to 1.
        """
        if not len(scores):
            return
        levels = torch.linspace(0, 1, self.n_cells + 1, dtype=torch.float64)
        for objective, column in enumerate(scores.double().T):
            distinct = column.unique()
            if len(distinct) == 1:
                distinct = torch.cat([distinct, distinct + 1])
            place = levels * (len(distinct) - 1)
            left = place.floor().long().clamp_max(len(distinct) - 2)
            between = torch.lerp(distinct[left], distinct[left + 1], place - left)
            self.knots[objective] = between.to(self.knots)

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        """Return how much of each cell lies below scores (..., M): (..., M, S).

        From 0 to 1, but in the outermost cells; nowhere falling in the score.
        """
        low, high = self.knots[:, :-1], self.knots[:, 1:]
        width = (high - low).clamp_min(1e-12)
        raw = (scores.unsqueeze(-1) - low) / width
        beyond = (raw[..., -1:] - 1).clamp_min(0).log1p()
        short = (-raw[..., :1]).clamp_min(0).log1p()
        rest = self.n_cells - 1
        return raw.clamp(0, 1) + F.pad(beyond, (rest, 0)) - F.pad(short, (0, rest))


def standardised(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return values (Q, N, F) with mean 0 and variance 1 over the candidates of each ranking.

    Values that are all alike become 0; what is no candidate says nothing.
    """
    there = valid.unsqueeze(-1)
    count = there.sum(dim=-2, keepdim=True).clamp_min(1)
    mean = (values * there).sum(dim=-2, keepdim=True) / count
    centred = (values - mean) * there
    variance = centred.square().sum(dim=-2, keepdim=True) / count
    return centred * (variance + 1e-12).rsqrt()


def shares(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Return what stands in the place of rank weights: a softmax of standardised values.

    Parameters
    ----------
    values : (Q, N, F)
        Higher is better.
    valid : (Q, N) bool

    Returns
    -------
    (Q, N, F)
        Sums to 1 over the candidates of a ranking; 0 where there is no candidate.
    """
    there = valid.unsqueeze(-1)
    lowest = torch.finfo(values.dtype).min
    share = standardised(values, valid).masked_fill(~there, lowest).softmax(dim=-2)
    return share * there
