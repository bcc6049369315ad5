"""The ranking reader that regresses the places of candidates on their embeddings."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from recbole_poem.core.number_types import is_number
from recbole_poem.core.settings import Range, setting
from recbole_poem.core.stages import RANKING_READERS
from recbole_poem.encoders.ranking.candidates import ReadOut, Values, values_setting
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.fusion.fused_ranking import FusedRanking
from recbole_poem.fusion.groups import Grouping

#: below it, rounding in single precision makes equations that have no solution
_LEAST_PENALTY = 1e-4
_PENALTY = Range(lambda v: is_number(v) and v >= _LEAST_PENALTY, f"a number from {_LEAST_PENALTY}")


def ridge_solution(
    centred: torch.Tensor, wanted: torch.Tensor, penalty: torch.Tensor
) -> torch.Tensor:
    """Solve ``(C'C + penalty * tr(C'C) / d * I) x = C' y`` for each ranking.

    With fewer candidates than numbers, the same x is found from the N equations of
    ``(C C' + ...) a = y, x = C' a``.

    Parameters
    ----------
    centred : (Q, N, d)
        C, of zero mean; rows of 0 take no part.
    wanted : (Q, N)
        y.
    penalty : scalar
        Above 0.

    Returns
    -------
    (Q, d); 0 where C is, NaN where C is no number.
    """
    transposed, n, size = centred.transpose(1, 2), *centred.shape[1:]
    few = n < size
    flat = centred.flatten(1)
    trace = flat.unsqueeze(1) @ flat.unsqueeze(2)  # (Q, 1, 1)
    # a ranking of one candidate, or of candidates that are alike, has C = 0
    ridge = penalty * trace / size + (trace <= 0) + 1e-12
    y = wanted.unsqueeze(-1)
    right = y if few else transposed @ y

    def left(solution: torch.Tensor) -> torch.Tensor:
        """Multiply by the matrix of the equations, which is never differentiated as a whole."""
        if few:
            return centred @ (transposed @ solution) + ridge * solution
        return transposed @ (centred @ solution) + ridge * solution

    with torch.no_grad():
        square = centred @ transposed if few else transposed @ centred
        # not torch.eye: a recorded model would keep the size that it was recorded with
        unit = torch.ones_like(square.diagonal(dim1=1, dim2=2)).diag_embed()
        factor, failed = torch.linalg.cholesky_ex(square + ridge * unit)
        # what is no number stays none, so that a training can name what went wrong
        factor = factor.masked_fill(failed.view(-1, 1, 1) > 0, torch.nan)
        solved = torch.cholesky_solve(right, factor)
    # a step of refinement: its gradient is the implicit one, A^-1 (dy - dA x), which needs no more
    # than the factor, where that of a Cholesky factor costs several times the forward pass
    solved = solved + torch.cholesky_solve(right - left(solved), factor)
    return (transposed @ solved if few else solved).squeeze(-1)


@RANKING_READERS.register("ridge")
class Ridge(nn.Module):
    """Which direction would rank the candidates as they were ranked: ridge regression (ours).

    y_i = exp(t) * z_i . w, with z_i what is known of candidate i's place, standardised over the
    ranking; x is the ridge solution of y on the candidates' embeddings, less their mean. All
    candidates are read, and the gradient goes through the solution to the embeddings.

    Parameters
    ----------
    settings : Settings
    sizes : Sizes
    n_features : int
        F, of a candidate.
    grouping : Grouping
    """

    unread_keys = ("n_heads", "attn_dropout_prob")

    @dataclass(frozen=True)
    class Settings:
        """Of the regression."""

        values: str = values_setting()
        penalty: float = setting(
            0.5, _PENALTY, "where the learned penalty begins, against the mean variance"
        )

    @staticmethod
    def reads_groups(settings: Any) -> bool:
        """Tell whether groups are its values."""
        return bool(settings.values == "groups")

    def __init__(self, settings: Any, sizes: Sizes, n_features: int, grouping: Grouping) -> None:
        super().__init__()
        self.values, self.penalty = Values(settings.values, n_features, grouping), settings.penalty
        self.weight = nn.Parameter(torch.empty(self.values.n_values))
        self.log_scale = nn.Parameter(torch.empty(()))
        self.log_penalty = nn.Parameter(torch.empty(()))
        self.read_out = ReadOut(sizes)

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation, and all values alike."""
        self.read_out.reset_parameters(std)
        nn.init.constant_(self.weight, 1 / self.values.n_values)
        nn.init.zeros_(self.log_scale)
        with torch.no_grad():
            self.log_penalty.fill_(self.penalty).log_()

    def forward(
        self, embeddings: torch.Tensor, ranking: FusedRanking, draws: torch.Tensor
    ) -> torch.Tensor:
        """Solve for the state; see `recbole_poem.encoders.ranking.RankingReader`."""
        found = self.values(embeddings, ranking)
        wanted = self.log_scale.exp() * (found.values @ self.weight)
        penalty = self.log_penalty.exp().clamp_min(_LEAST_PENALTY)
        with torch.autocast(embeddings.device.type, enabled=False):
            solution = ridge_solution(found.centred.float(), wanted.float(), penalty)
        state: torch.Tensor = self.read_out(solution.to(found.mean.dtype), found.mean)
        return state
