"""The score of an item: the dot product with the interest, and what is added for single items.

``x(u, i) = u . e_i + the additional logits that name i``.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F


class Interest(NamedTuple):
    """What T requests ask for.

    Attributes
    ----------
    state : (T, d)
        u.
    item : (T, S) int64
        Items with an additional logit; one that stands there twice gets both, and 0 none.
    logit : (T, S)
        The additional logits.
    """

    state: torch.Tensor
    item: torch.Tensor
    logit: torch.Tensor


def plus(interest: Interest, item: torch.Tensor, logit: torch.Tensor) -> Interest:
    """Add further logits (T, S) of the items (T, S)."""
    return Interest(
        interest.state,
        torch.cat([interest.item, item], dim=1),
        torch.cat([interest.logit, logit], dim=1),
    )


def of_state(state: torch.Tensor) -> Interest:
    """Return the interest of a state (T, d) and nothing else."""
    nothing = state.new_zeros(state.shape[0], 0)
    return Interest(state, nothing.long(), nothing)


def all_logits(interest: Interest, items: torch.Tensor) -> torch.Tensor:
    """Score the catalogue, with embeddings (n_items, d), for every request: (T, n_items)."""
    logits = interest.state @ items.T
    # under automatic mixed precision the product is of half precision, and what is added is not
    return logits.scatter_add_(1, interest.item, interest.logit.to(logits.dtype))


def logits_of(interest: Interest, items: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Score some items of each request: ids (T, P), embeddings (n_items, d); returns (T, P)."""
    return torch.einsum("td,tpd->tp", interest.state, items[chosen]) + _added(interest, chosen)


def shared_logits(interest: Interest, items: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """Score the same items for every request: ids (K,), embeddings (n_items, d); returns (T, K)."""
    chosen = shared.expand(len(interest.state), -1)
    return interest.state @ items[shared].T + _added(interest, chosen)


def _added(interest: Interest, chosen: torch.Tensor) -> torch.Tensor:
    """Sum the additional logits of the items `chosen` (T, P): (T, P)."""
    item, order = interest.item.sort(dim=1)
    summed = F.pad(interest.logit.gather(1, order).cumsum(dim=1), (1, 0))
    chosen = chosen.contiguous()
    begin = torch.searchsorted(item, chosen)
    end = torch.searchsorted(item, chosen, right=True)
    return summed.gather(1, end) - summed.gather(1, begin)
