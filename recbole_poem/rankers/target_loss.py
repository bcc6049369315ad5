"""The targets of a ranker together: their losses, their average, their predictions."""

from dataclasses import dataclass
from typing import Sequence, Tuple

import torch

from recbole_poem.core.averages import weighted_mean
from recbole_poem.rankers.targets import Target


@dataclass(frozen=True)
class LabelLosses:
    """The labels of a batch, and what outputs lose by them.

    Attributes
    ----------
    labels : (B, M)
        NaN where a row has no label for the target.
    targets : sequence of M targets
    """

    labels: torch.Tensor
    targets: Sequence[Target]

    def __call__(self, outputs: torch.Tensor) -> torch.Tensor:
        """Return the loss of each row for each target, as `row_losses`."""
        return row_losses(outputs, self.labels, self.targets)


def row_losses(
    outputs: torch.Tensor, labels: torch.Tensor, targets: Sequence[Target]
) -> torch.Tensor:
    """Return the loss of each row for each target, (B, M), of outputs (B, M).

    What stands where the label (B, M) is NaN has no meaning, and `averaged` leaves it out.
    """
    labels = torch.where(labels.isnan(), 0, labels).to(outputs.dtype)
    columns = [target.loss(outputs[:, m], labels[:, m]) for m, target in enumerate(targets)]
    return torch.stack(columns, dim=-1)


def averaged(
    rows: torch.Tensor, labels: torch.Tensor, targets: Sequence[Target], n_processes: int = 1
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Average the losses of rows.

    Parameters
    ----------
    rows : (B, M)
        Losses.
    labels : (B, M)
        NaN where a row has no label for the target, which then gives it no gradient.
    targets : sequence of M targets
        Whose weights are not all 0.
    n_processes : int
        See `recbole_poem.core.averages.weighted_mean`.

    Returns
    -------
    parts : (M,)
        weight_m loss_m / sum_m weight_m; their sum is what is learned.
    losses : (M,)
        The mean over the labelled rows; 0 for a target that no row is labelled for.
    """
    known = ~labels.isnan()  # (B, M)
    losses = torch.stack(
        [weighted_mean(rows[:, m], known[:, m], n_processes) for m in range(len(targets))]
    )
    weights = rows.new_tensor([target.settings.weight for target in targets])
    return losses * weights / weights.sum(), losses


def predictions(outputs: torch.Tensor, targets: Sequence[Target]) -> torch.Tensor:
    """Turn outputs (..., M) into predictions (..., M), increasing in the outputs."""
    columns = [target.predict(output) for target, output in zip(targets, outputs.unbind(-1))]
    return torch.stack(columns, dim=-1)
