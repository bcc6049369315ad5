"""POEM's losses: feedback, system, margin (arXiv 2606.29946), as functions of states and scores.

L = CE(feedback) + beta * CE(system) + lambda * mean max(0, delta - x(u, i+) + x(u, i-))
"""

from typing import NamedTuple, Optional

import torch
import torch.distributed
import torch.nn.functional as F


class ExtraLogits(NamedTuple):
    """Logits that some states give to some items beside the dot product.

    Attributes
    ----------
    row : (Q,) int64
        Which of the T states.
    item : (Q, S) int64
        Item ids, each at most once a row apart from 0.
    logit : (Q, S)
    """

    row: torch.Tensor
    item: torch.Tensor
    logit: torch.Tensor


def full_log_probability(
    states: torch.Tensor,
    items: torch.Tensor,
    positives: torch.Tensor,
    extra: Optional[ExtraLogits] = None,
) -> torch.Tensor:
    """Log softmax over the whole catalogue, of the positives of each state.

    Parameters
    ----------
    states : (T, d)
    items : (n_items, d)
        Item embeddings; row 0 is padding and takes no part.
    positives : (T, P) int64
        Item ids, 0 = none.
    extra : ExtraLogits, optional
        Logits to add before the softmax.

    Returns
    -------
    (T, P); meaningless where there is no positive.
    """
    logits = states @ items.T
    logits[:, 0] = -torch.inf
    if extra is not None:
        logits = logits.index_put((extra.row.unsqueeze(1), extra.item), extra.logit, True)
    return logits.log_softmax(dim=-1).gather(1, positives)


def sampled_log_probability(
    states: torch.Tensor,
    items: torch.Tensor,
    positives: torch.Tensor,
    negatives: torch.Tensor,
    log_q: torch.Tensor,
) -> torch.Tensor:
    """Log softmax of each positive among shared sampled negatives, with the logQ correction.

    The logits of a softmax over a sample are unbiased for the full softmax once the log
    probability of having been sampled is subtracted (Bengio and Senecal, 2008). A negative that
    equals the positive is left out.

    Parameters
    ----------
    states, items, positives
        As in `full_log_probability`.
    negatives : (K,) int64
    log_q : (n_items,)
        Log probability of each item under the negatives' distribution.

    Returns
    -------
    (T, P); 0 where there is no positive.
    """
    row, column = positives.nonzero(as_tuple=True)
    positive = positives[row, column]  # (E,)
    positive_logit = (states[row] * items[positive]).sum(-1) - log_q[positive]
    negative_logit = (states @ items[negatives].T - log_q[negatives])[row]  # (E, K)
    negative_logit = negative_logit.masked_fill(positive.unsqueeze(1) == negatives, -torch.inf)
    logits = torch.cat([positive_logit.unsqueeze(1), negative_logit], dim=1)
    log_probability = logits.log_softmax(dim=-1)[:, 0]
    return states.new_zeros(positives.shape).index_put((row, column), log_probability)


def masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average `values` where `mask` holds; 0 (with a gradient of 0) where it holds nowhere.

    Where several processes share a batch, the sum of this one is divided by the average count of
    all, so that the average of the processes' results, which is what their gradients are averaged
    to, is the mean over the whole batch.
    """
    count = _average_over_processes(mask.sum().to(values.dtype))
    return torch.where(mask, values, 0).sum() / torch.where(count > 0, count, 1)


def _average_over_processes(value: torch.Tensor) -> torch.Tensor:
    if not torch.distributed.is_initialized():
        return value
    torch.distributed.all_reduce(value)
    return value / torch.distributed.get_world_size()


def margin_loss(
    positive_score: torch.Tensor,
    negative_score: torch.Tensor,
    present: torch.Tensor,
    margin: float,
) -> torch.Tensor:
    """Pairwise hinge between a positive and its hard negatives.

    Parameters
    ----------
    positive_score : (Q,)
    negative_score : (Q, n)
    present : (Q, n) bool
        False where fewer hard negatives exist.
    margin : float
        delta, in units of the score.
    """
    return masked_mean(F.relu(margin - positive_score.unsqueeze(1) + negative_score), present)
