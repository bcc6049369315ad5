"""An additional logit for each cached candidate: what one state for all items cannot say.

The ranking stage knows single items; a dot product with an embedding table that all requests share
keeps little of it. The head reads, for each candidate of the entry, what the ranking said of it and
what the model itself thinks of it, and returns a correction of its logit.
"""

import torch
import torch.nn.functional as F
from torch import nn

_HIDDEN = 32


class CascadeHead(nn.Module):
    """A small network over the candidates, one by one; it starts at zero.

    Parameters
    ----------
    n_objectives : int
        M.
    n_candidates : int
        Of a full entry; one whose weight is less than so many times below the best one's is told
        from it, see `log_above_floor`.
    """

    def __init__(self, n_objectives: int, n_candidates: int) -> None:
        super().__init__()
        self.n_candidates = n_candidates
        n_features = n_objectives + 3
        self.hidden = nn.Linear(n_features, _HIDDEN)
        self.linear = nn.Linear(n_features, 1, bias=False)
        self.output = nn.Linear(_HIDDEN, 1, bias=False)

    def start_at_zero(self) -> None:
        """Make every correction zero, so that training starts from the model without the head."""
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.output.weight)

    def forward(
        self, quintuple: torch.Tensor, fused: torch.Tensor, own: torch.Tensor, valid: torch.Tensor
    ) -> torch.Tensor:
        """Return the correction of each candidate's logit.

        Parameters
        ----------
        quintuple : (Q, N, M)
            Normalised rank weights.
        fused : (Q, N)
            Fused scores.
        own : (Q, N)
            The model's own logits of the candidates.
        valid : (Q, N) bool
            Whether there is a candidate.

        Returns
        -------
        (Q, N), 0 where there is no candidate.
        """
        features = torch.cat(
            [
                log_above_floor(quintuple, self.n_candidates),
                log_above_floor(fused.unsqueeze(-1), self.n_candidates),
                standardise(own, valid).unsqueeze(-1),
                torch.ones_like(own).unsqueeze(-1),  # to be a candidate at all
            ],
            dim=-1,
        )
        correction = self.linear(features) + self.output(F.gelu(self.hidden(features)))
        return correction.squeeze(-1) * valid


def log_above_floor(weights: torch.Tensor, n: int) -> torch.Tensor:
    """Return ``log max(n w / max w, 1)``: log n for the best candidate, 0 for what is far below.

    Parameters
    ----------
    weights : (Q, N, ...)
        Not negative.
    n : int
    """
    relative = weights / weights.amax(dim=1, keepdim=True).clamp_min(1e-12)
    return (relative * n).clamp_min(1).log()


def standardise(values: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """Subtract the mean of the valid values of each row, divide by their standard deviation.

    Parameters
    ----------
    values : (Q, N)
    valid : (Q, N) bool
    """
    count = valid.sum(dim=1, keepdim=True).clamp_min(1)
    centred = values - (values * valid).sum(dim=1, keepdim=True) / count
    variance = (centred.square() * valid).sum(dim=1, keepdim=True) / count
    return centred * (variance + 1e-6).rsqrt()
