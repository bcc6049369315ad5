"""The score of an item: a dot product, what is popular lately, and what single items get beside it.

``x(u, i) = u . e_i + sum_p w_p trend_p,b(i) + the additional logits that name i``, at a request in
step b of time; see `recbole_poem.data.trends`.
"""

from typing import NamedTuple, Tuple

import torch
import torch.nn.functional as F


class Items(NamedTuple):
    """What the catalogue is scored by.

    Attributes
    ----------
    embedding : (n_items, d)
        e.
    trend : (P, K + 1, n_items)
        Of P windows at the steps 0 to K; 0 at step 0.
    weight : (P,)
        w.
    """

    embedding: torch.Tensor
    trend: torch.Tensor
    weight: torch.Tensor

    def detach(self) -> "Items":
        """Return the same without gradients."""
        return Items(*(part.detach() for part in self))

    def at_the_last_step(self) -> Tuple[torch.Tensor, torch.Tensor]:
        """Return vectors whose products are the scores at step K, additional logits apart.

        Returns
        -------
        (n_items, d + P), and (P,): what a state is continued by.
        """
        return torch.cat([self.embedding, self.trend[:, -1].T], dim=1), self.weight


class Interest(NamedTuple):
    """What T requests ask for.

    Attributes
    ----------
    state : (T, d)
        u.
    step : (T,) int64
        b, from 1; 0 for a request before the first step.
    item : (T, S) int64
        Items with an additional logit; one that stands there twice gets both, and 0 none.
    logit : (T, S)
        The additional logits.
    """

    state: torch.Tensor
    step: torch.Tensor
    item: torch.Tensor
    logit: torch.Tensor


def plus(interest: Interest, item: torch.Tensor, logit: torch.Tensor) -> Interest:
    """Add further logits (T, S) of the items (T, S)."""
    return interest._replace(
        item=torch.cat([interest.item, item], dim=1),
        logit=torch.cat([interest.logit, logit], dim=1),
    )


def of_state(state: torch.Tensor, step: torch.Tensor) -> Interest:
    """Return the interest of a state (T, d) at a step (T,), and nothing else."""
    nothing = state.new_zeros(state.shape[0], 0)
    return Interest(state, step, nothing.long(), nothing)


def only(embedding: torch.Tensor) -> Items:
    """Return items that nothing but their embeddings (n_items, d) scores."""
    nothing = embedding.new_zeros(0)
    return Items(embedding, nothing.view(0, 1, 1).expand(0, 1, len(embedding)), nothing)


def all_logits(interest: Interest, items: Items) -> torch.Tensor:
    """Score the catalogue for every request: (T, n_items)."""
    logits = interest.state @ items.embedding.T
    for weight, trend in zip(items.weight, items.trend):
        logits = logits + weight * trend[interest.step]
    # under automatic mixed precision the product is of half precision, and what is added is not
    return logits.scatter_add_(1, interest.item, interest.logit.to(logits.dtype))


def logits_of(interest: Interest, items: Items, chosen: torch.Tensor) -> torch.Tensor:
    """Score some items of each request: ids (T, P); returns (T, P)."""
    logits = torch.einsum("td,tpd->tp", interest.state, items.embedding[chosen])
    return logits + _added(interest, items, chosen)


def shared_logits(interest: Interest, items: Items, shared: torch.Tensor) -> torch.Tensor:
    """Score the same items for every request: ids (K,); returns (T, K)."""
    chosen = shared.expand(len(interest.state), -1)
    return interest.state @ items.embedding[shared].T + _added(interest, items, chosen)


def _added(interest: Interest, items: Items, chosen: torch.Tensor) -> torch.Tensor:
    """Sum the trends and the additional logits of the items `chosen` (T, P): (T, P)."""
    added = interest.state.new_zeros(())
    if interest.item.shape[1]:
        item, order = interest.item.sort(dim=1)
        summed = F.pad(interest.logit.gather(1, order).cumsum(dim=1), (1, 0))
        chosen = chosen.contiguous()
        begin = torch.searchsorted(item, chosen)
        end = torch.searchsorted(item, chosen, right=True)
        added = summed.gather(1, end) - summed.gather(1, begin)
    for weight, trend in zip(items.weight, items.trend):
        added = added + weight * trend[interest.step.unsqueeze(1), chosen]
    return added
