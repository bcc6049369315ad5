"""POEM's losses: feedback, system, margin (arXiv 2606.29946), as functions of states and scores.

    L = CE(feedback) + beta * CE(system) + lambda * mean max(0, delta - x(u, i+) + x(u, i-))
"""

import torch
import torch.nn.functional as F


def sampled_logits(
    states: torch.Tensor,
    positive: torch.Tensor,
    negative: torch.Tensor,
    positive_id: torch.Tensor,
    negative_id: torch.Tensor,
    positive_log_q: torch.Tensor,
    negative_log_q: torch.Tensor,
) -> torch.Tensor:
    """Score one positive per state against shared negatives, with the logQ correction.

    The logits of a softmax over a sample are unbiased for the full softmax once the log
    probability of having been sampled is subtracted (Bengio and Senecal, 2008). A negative that
    equals the positive is left out.

    Parameters
    ----------
    states : (T, d)
    positive : (T, d)
        Embeddings of the positives.
    negative : (K, d)
        Embeddings of the negatives, shared by all states.
    positive_id, negative_id : (T,) and (K,) int64
    positive_log_q, negative_log_q : (T,) and (K,)
        Log probabilities under the negatives' distribution.

    Returns
    -------
    (T, 1 + K), the positive in column 0.
    """
    positive_logit = (states * positive).sum(-1) - positive_log_q
    negative_logit = states @ negative.T - negative_log_q
    same = positive_id.unsqueeze(1) == negative_id
    negative_logit = negative_logit.masked_fill(same, -torch.inf)
    return torch.cat([positive_logit.unsqueeze(1), negative_logit], dim=1)


def masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Average `values` where `mask` holds; 0 (with a gradient of 0) where it holds nowhere."""
    return torch.where(mask, values, 0).sum() / mask.sum().clamp_min(1)


def system_loss(
    log_probability: torch.Tensor, preferred: torch.Tensor, present: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of the items that the ranking stage put on top of the current request.

    Parameters
    ----------
    log_probability : (Q, n_items)
        Log softmax of the scores of each request.
    preferred : (Q, k) int64
        System positives.
    present : (Q, k) bool
    """
    return masked_mean(-log_probability.gather(1, preferred), present)


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
