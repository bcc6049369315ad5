"""A loss of every target of a batch: at the requests, and at the other positions."""

from typing import Callable, Optional, Tuple

import torch

from recbole_poem.core.averages import weighted_mean
from recbole_poem.logits.scoring import Interest, Items, best_matching, logits_of_many
from recbole_poem.losses.terms import Learnt, Places

#: a loss (T,), and which of its entries count (T,) bool
Losses = Tuple[torch.Tensor, torch.Tensor]
#: from the interest of T positions, their targets (T,) and negatives (T, n) to their losses
LossOfTargets = Callable[[Interest, torch.Tensor, torch.Tensor], Losses]


def over_positions(
    learnt: Learnt, at_requests: Losses, at_others: Optional[Losses]
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return losses and their weights, (Q + T,) each: those of the requests, then the others.

    Parameters
    ----------
    learnt : Learnt
        A request counts `request_weight` times.
    at_requests : (Q,) and (Q,) bool
    at_others : (T,) and (T,) bool, or None
        None where these are learned from elsewhere.
    """
    loss, counts = at_requests
    weight = learnt.request_weight * counts.to(loss.dtype)
    if at_others is not None:
        loss = torch.cat([loss, at_others[0]])
        weight = torch.cat([weight, at_others[1].to(weight.dtype)])
    return loss, weight


def mean_of_targets(learnt: Learnt, field: Optional[str], loss: LossOfTargets) -> torch.Tensor:
    """Average what a function makes of the targets and their negatives.

    Of several interests the one that fits the target best is asked, as for the softmax.

    Parameters
    ----------
    learnt : Learnt
    field : str or None
        Of the negatives of all positions, (B, W, n); None = there are none.
    loss : callable
    """

    def of(interest: Interest, target: torch.Tensor, places: Places) -> Losses:
        none = target.new_zeros(len(target), 0)
        negative = none if field is None else learnt.batch[field][places]
        return loss(_of_one(interest, learnt.items, target), target, negative)

    at_requests = of(learnt.asking, learnt.target, learnt.places)
    at_others = None
    if learnt.others is not None:
        at_others = of(learnt.others, learnt.other_target, learnt.other_places)
    return weighted_mean(*over_positions(learnt, at_requests, at_others), learnt.n_processes)


def scores_beside(
    interest: Interest, items: Items, target: torch.Tensor, negative: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return the logits of targets, (T, 1), and of the negatives of each, (T, n)."""
    chosen = torch.cat([target.unsqueeze(1), negative], dim=1)
    scores = logits_of_many(interest, items, chosen)
    return scores[:, :1], scores[:, 1:]


def _of_one(interest: Interest, items: Items, target: torch.Tensor) -> Interest:
    """Return the interests that fit the targets best."""
    if interest.state.shape[1] == 1:
        return interest
    return best_matching(interest, items, target.unsqueeze(1))
