"""The score of an item: a dot product, what is popular when, and what single items get beside it.

``x(u, i) = max_k u_k . e_i + sum_c sum_p w_cp trend_cp,b_c(i) + the additional logits naming i``,
at a request in step b_c of calendar c; see `recbole_poem.log.trends` and `recbole_poem.log.hours`.
"""

from typing import Iterable, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F

from recbole_poem.logits.products import products_of


class Calendar(NamedTuple):
    """Trends of P kinds, which change from one step of time to the next.

    Attributes
    ----------
    trend : (P, K + 1, n_items)
        At the steps 0 to K; 0 at step 0.
    weight : (P,)
        w.
    now : int
        The first of the steps, up to K, in which somebody may still ask.
    """

    trend: torch.Tensor
    weight: torch.Tensor
    now: int

    def of(self, ids: torch.Tensor) -> "Calendar":
        """Return the trends of some items (n,) int64 alone."""
        return self._replace(trend=self.trend[..., ids])


class Items(NamedTuple):
    """What the catalogue is scored by.

    Attributes
    ----------
    embedding : (n_items, d)
        e.
    calendars : C of them
    """

    embedding: torch.Tensor
    calendars: Tuple[Calendar, ...] = ()

    def detach(self) -> "Items":
        """Return the same without gradients."""
        fixed = tuple(each._replace(weight=each.weight.detach()) for each in self.calendars)
        return Items(self.embedding.detach(), fixed)

    def from_now_on(self) -> torch.Tensor:
        """Return vectors whose products with continued states are the scores of requests made now.

        Additional logits apart; see `Interest.continued`.

        Returns
        -------
        (n_items, d + D), where D counts all trends in all the steps in which somebody may ask.
            Without trends it is the embeddings themselves, and no second table.
        """
        if not self.calendars:
            return self.embedding
        trends = [each.trend[:, each.now :].flatten(0, 1).T for each in self.calendars]
        return torch.cat([self.embedding, *trends], dim=1)


class Interest(NamedTuple):
    """What T requests ask for.

    Attributes
    ----------
    state : (T, K, d)
        u_k: a request has K interests, and an item goes with the one that fits it best.
    step : (T, C) int64
        b_c, from 1; 0 for a request before the first step.
    item : (T, S) int64
        Items with an additional logit; one that stands there twice gets both, and 0 none.
    logit : (T, S)
        The additional logits.
    """

    state: torch.Tensor
    step: torch.Tensor
    item: torch.Tensor
    logit: torch.Tensor

    def continued(self, calendars: Tuple[Calendar, ...]) -> torch.Tensor:
        """Return the states with the weights of the trends at their places, (T, K, d + D)."""
        n_interests = self.state.shape[1]
        parts = [self.state]
        for calendar, step in zip(calendars, self.step.unbind(1)):
            steps = torch.arange(calendar.now, calendar.trend.shape[1], device=step.device)
            here = (step.unsqueeze(1) == steps).to(self.state.dtype)  # (T, steps)
            here = (calendar.weight.unsqueeze(1) * here.unsqueeze(1)).flatten(1)
            parts.append(here.unsqueeze(1).expand(-1, n_interests, -1))
        return torch.cat(parts, dim=2)


def plus(interest: Interest, item: torch.Tensor, logit: torch.Tensor) -> Interest:
    """Add further logits (T, S) of the items (T, S)."""
    return interest._replace(
        item=torch.cat([interest.item, item], dim=1),
        logit=torch.cat([interest.logit, logit], dim=1),
    )


def of_state(state: torch.Tensor, step: Optional[torch.Tensor] = None) -> Interest:
    """Return the interest of states (T, K, d) at their steps (T, C), if any, and nothing else."""
    nothing = state.new_zeros(state.shape[0], 0)
    return Interest(state, nothing.long() if step is None else step, nothing.long(), nothing)


def best_matching(interest: Interest, items: Items, wanted: torch.Tensor) -> Interest:
    """Return the interests of T requests in single items: the state that fits each best.

    So an item is learned by the interest that it belongs to (Cen et al., KDD 2020).

    Parameters
    ----------
    interest : Interest
        Of T requests.
    items : Items
    wanted : (T, P) int64

    Returns
    -------
    Interest
        Of T * P requests, one item after the other, with K = 1.
    """
    fit = torch.einsum("tkd,tpd->tpk", interest.state, items.embedding[wanted])
    best = fit.argmax(dim=2).flatten()
    row = torch.arange(len(wanted), device=wanted.device).repeat_interleave(wanted.shape[1])
    state = interest.state[row, best].unsqueeze(1)
    return Interest(state, interest.step[row], interest.item[row], interest.logit[row])


def all_logits(interest: Interest, items: Items) -> torch.Tensor:
    """Score the catalogue for every request: (T, n_items)."""
    logits = _best_products(interest.state, items.embedding)
    logits = with_trends(logits, items.calendars, interest.step.unbind(1))
    # under automatic mixed precision the product is of half precision, and what is added is not
    return logits.scatter_add_(1, interest.item, interest.logit.to(logits.dtype))


def logits_of(interest: Interest, items: Items, chosen: torch.Tensor) -> torch.Tensor:
    """Score some items of each request: ids (T, P); returns (T, P)."""
    embedding = items.embedding[chosen]
    if interest.state.shape[1] == 1:
        logits = torch.einsum("td,tpd->tp", interest.state[:, 0], embedding)
    else:
        logits = torch.einsum("tkd,tpd->tkp", interest.state, embedding).amax(dim=1)
    return logits + _added(interest, items, chosen)


def logits_of_many(interest: Interest, items: Items, chosen: torch.Tensor) -> torch.Tensor:
    """Score as `logits_of` does, for requests of one interest and many items (T, P) of each."""
    products = products_of(interest.state[:, 0], items.embedding, chosen)
    return products + _added(interest, items, chosen)


def shared_logits(interest: Interest, items: Items, shared: torch.Tensor) -> torch.Tensor:
    """Score the same items for every request: ids (K,); returns (T, K)."""
    chosen = shared.expand(len(interest.state), -1)
    logits = _best_products(interest.state, items.embedding[shared]) + _named(interest, shared)
    return with_trends(logits, items.calendars, interest.step.unbind(1), chosen)


def _best_products(state: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
    """Return the largest product of each item (n, d) with states (T, K, d): (T, n)."""
    best = state[:, 0] @ embedding.T
    for another in state[:, 1:].unbind(1):
        best = torch.maximum(best, another @ embedding.T)
    return best


def _named(interest: Interest, shared: torch.Tensor) -> torch.Tensor:
    """Sum the additional logits of the items `shared` (K,), (T, K).

    The few items that a request names are looked up among the K, not the K among them.
    """
    if not interest.item.shape[1] or not len(shared):
        return interest.state.new_zeros(())
    distinct, place = shared.unique(return_inverse=True)
    column = torch.searchsorted(distinct, interest.item).clamp_max(len(distinct) - 1)
    logit = interest.logit.masked_fill(distinct[column] != interest.item, 0)
    summed = logit.new_zeros(len(logit), len(distinct)).scatter_add(1, column, logit)
    return summed.index_select(1, place)


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
    return with_trends(added, items.calendars, interest.step.unbind(1), chosen)


def with_trends(
    logits: torch.Tensor,
    calendars: Iterable[Calendar],
    steps: Iterable[torch.Tensor],
    chosen: Optional[torch.Tensor] = None,
) -> torch.Tensor:
    """Add the trends of all items to logits (T, n_items), or those of `chosen` (T, P) to (T, P).

    Parameters
    ----------
    logits
    calendars : C of them
    steps : C of (T,) int64
    chosen : (T, P) int64, optional
    """
    for calendar, step in zip(calendars, steps):
        if chosen is None:
            # in place, of which autograd needs no former value: it spares a matrix (T, n_items)
            logits = _trends_of_all(calendar, step).add_(logits)
            continue
        for weight, trend in zip(calendar.weight, calendar.trend):
            logits = logits + weight * trend[step.unsqueeze(1), chosen]
    return logits


def _trends_of_all(calendar: Calendar, step: torch.Tensor) -> torch.Tensor:
    """Return the weighted trends of all items, (T, n_items), new.

    Many requests are of one step. So trends are weighted once a step, and not once a request.
    """
    distinct, place = step.unique(return_inverse=True)
    kinds = zip(calendar.weight, calendar.trend)
    weighted = sum(
        (weight * trend[distinct] for weight, trend in kinds), calendar.trend.new_zeros(())
    )
    return weighted.index_select(0, place)
