"""The targets of a ranker together: their losses, their average, their predictions."""

from typing import Sequence, Tuple

import torch

from recbole_poem.core.averages import weighted_mean
from recbole_poem.rankers.targets import Target


def target_losses(
    outputs: torch.Tensor, labels: torch.Tensor, targets: Sequence[Target], n_processes: int = 1
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return the part of each target in the loss, and its own loss.

    Parameters
    ----------
    outputs : (B, M)
        One column per target.
    labels : (B, M)
        NaN where a row has no label for the target, which then gives it no gradient.
    targets : sequence of M targets
        Whose weights are not all 0.
    n_processes : int
        See `recbole_poem.losses.loss.weighted_mean`.

    Returns
    -------
    parts : (M,)
        weight_m loss_m / sum_m weight_m; their sum is what is learned.
    losses : (M,)
        The mean over the labelled rows; 0 for a target that no row is labelled for.
    """
    known = ~labels.isnan()  # (B, M)
    labels = torch.where(known, labels, 0).to(outputs.dtype)
    losses = torch.stack(
        [
            weighted_mean(target.loss(outputs[:, m], labels[:, m]), known[:, m], n_processes)
            for m, target in enumerate(targets)
        ]
    )
    weights = outputs.new_tensor([target.settings.weight for target in targets])
    return losses * weights / weights.sum(), losses


def predictions(outputs: torch.Tensor, targets: Sequence[Target]) -> torch.Tensor:
    """Turn outputs (..., M) into predictions (..., M), increasing in the outputs."""
    columns = [target.predict(output) for target, output in zip(targets, outputs.unbind(-1))]
    return torch.stack(columns, dim=-1)
