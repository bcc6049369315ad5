"""Averages over a batch that several processes may share."""

import torch
import torch.distributed


def weighted_mean(values: torch.Tensor, weight: torch.Tensor, n_processes: int = 1) -> torch.Tensor:
    """Average `values` by `weight`; 0 (with a gradient of 0) where no weight is above 0.

    Where several processes share a batch, the sum of this one is divided by the average weight of
    all, so that the average of the processes' results, which is what their gradients are averaged
    to, is the mean over the whole batch.

    Parameters
    ----------
    values : (...)
        May be infinite where the weight is 0.
    weight : (...)
        Not negative; a bool counts as 0 or 1.
    n_processes : int
        That share the batch and all call this. A process group may be there without: the first
        process trains the ranking stage while the others wait for it.
    """
    weight = weight.to(values.dtype)
    total = weight.sum()
    if n_processes > 1:
        torch.distributed.all_reduce(total)
        total = total / n_processes
    return torch.where(weight > 0, weight * values, 0).sum() / torch.where(total > 0, total, 1)
