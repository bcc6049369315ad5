"""An additional logit for each cached candidate: what one state for all items cannot say.

The ranking stage knows single items; a dot product with an embedding table that all requests share
keeps little of it. The head reads, for each candidate, what the ranking said of it and what the
model itself thinks of it, and returns a correction of its logit. Of several previous rankings it
reads the youngest alone.
"""

from dataclasses import dataclass
from typing import Any, Optional

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.settings import at_least, setting
from recbole_poem.core.stages import LOGIT_TERMS
from recbole_poem.encoders.sizes import initialise
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.logits.scoring import logits_of
from recbole_poem.logits.terms import Asked, Named


@LOGIT_TERMS.register("candidate_head")
class CandidateHead(nn.Module):
    """A small network over the candidates of a ranking, one by one; it starts at zero.

    What the model itself thinks of a candidate is given to it, not trained by it.

    Parameters
    ----------
    settings : Settings
    n_features : int
        F, of a candidate.
    n_candidates : int
        N, of a full ranking; one whose weight is less than so many times below the best one's is
        told from it, see `log_above_floor`. What is no weight is read as it is.
    """

    reads_ranking = True

    @dataclass(frozen=True)
    class Settings:
        """Of the network."""

        hidden_size: int = setting(32, at_least(1), "width of its hidden layer")

    def __init__(self, settings: Any, n_features: int, n_candidates: int) -> None:
        super().__init__()
        self.n_candidates = n_candidates
        self.hidden = nn.Linear(n_features + 3, settings.hidden_size)
        self.linear = nn.Linear(n_features + 3, 1, bias=False)
        self.output = nn.Linear(settings.hidden_size, 1, bias=False)

    def reset_parameters(self, std: float) -> None:
        """Begin with every correction at zero."""
        initialise(self, std)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.output.weight)

    def forward(self, asked: Asked) -> Optional[Named]:
        """Return the correction of each candidate's logit, 0 where there is no candidate."""
        ranking = asked.ranking
        if ranking is None:
            return None
        own = logits_of(asked.interest, asked.items, ranking.items).detach()
        return Named(ranking.items, self.correction(ranking, own))

    def correction(self, ranking: FusedRanking, own: torch.Tensor) -> torch.Tensor:
        """Return the corrections (Q, N) of candidates whose own logits are `own` (Q, N)."""
        told = torch.cat([ranking.features, ranking.fused.unsqueeze(-1)], dim=-1)
        features = torch.cat(
            [
                log_above_floor(told, self.n_candidates) if ranking.are_weights else told,
                standardise(own, ranking.valid).unsqueeze(-1),
                torch.ones_like(own).unsqueeze(-1),  # to be a candidate at all
            ],
            dim=-1,
        )
        correction = self.linear(features) + self.output(F.gelu(self.hidden(features)))
        return correction.squeeze(-1) * ranking.valid


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
