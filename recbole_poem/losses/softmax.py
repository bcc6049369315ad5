"""POEM's losses: feedback, system, margin (arXiv 2606.29946), as functions of interests and scores.

L = CE(feedback) + beta * CE(system) + lambda * mean max(0, delta - x(u, i+) + x(u, i-))
"""

from typing import Any, Tuple

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

from recbole_poem.core.averages import weighted_mean
from recbole_poem.logits.scoring import Interest, Items, all_logits, logits_of, shared_logits


def full_log_probability(interest: Interest, items: Items, positives: torch.Tensor) -> torch.Tensor:
    """Log softmax over the whole catalogue, of the positives of each interest.

    Parameters
    ----------
    interest : Interest
        Of T requests.
    items : Items
        Row 0 is padding and takes no part.
    positives : (T, P) int64
        Item ids, 0 = none.

    Returns
    -------
    (T, P); meaningless where there is no positive.
    """
    return _LogProbability.apply(all_logits(interest, items), positives)


class _LogProbability(torch.autograd.Function):
    """Log softmax at positives (T, P) of logits (T, n_items), whose item 0 is overwritten.

    Autograd's own way back makes three matrices (T, n_items): of zeros, of the softmax's gradient,
    and of that without item 0. Here it makes one.
    """

    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, positives: torch.Tensor) -> torch.Tensor:
        logits[:, 0] = -torch.inf
        log_probability = logits.log_softmax(dim=-1)
        ctx.save_for_backward(log_probability, positives)
        return log_probability.gather(1, positives)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[torch.Tensor, None]:
        log_probability, positives = ctx.saved_tensors
        of_logits = log_probability.exp().mul_(-gradient.sum(dim=1, keepdim=True))
        of_logits.scatter_add_(1, positives, gradient)
        of_logits[:, 0] = 0
        return of_logits, None


def sampled_log_probability(
    interest: Interest,
    items: Items,
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
    interest, items, positives
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
    positive_logit = logits_of(interest, items, positives)[row, column] - log_q[positive]
    negative_logit = (shared_logits(interest, items, negatives) - log_q[negatives])[row]  # (E, K)
    negative_logit = negative_logit.masked_fill(positive.unsqueeze(1) == negatives, -torch.inf)
    log_probability = log_share(positive_logit, negative_logit)
    return log_probability.new_zeros(positives.shape).index_put((row, column), log_probability)


def log_share(positive: torch.Tensor, negative: torch.Tensor) -> torch.Tensor:
    """Return ``log(exp(p) / (exp(p) + sum_j exp(n_j)))``.

    Parameters
    ----------
    positive : (...)
    negative : (..., n)
        -inf takes no part.
    """
    logits = torch.cat([positive.unsqueeze(-1), negative], dim=-1)
    return logits.log_softmax(dim=-1)[..., 0]


def margin_loss(
    positive_score: torch.Tensor,
    negative_score: torch.Tensor,
    present: torch.Tensor,
    margin: float,
    n_processes: int = 1,
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
    n_processes : int
        See `weighted_mean`.
    """
    missing = F.relu(margin - positive_score.unsqueeze(1) + negative_score)
    return weighted_mean(missing, present, n_processes)
