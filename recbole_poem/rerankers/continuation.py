"""Lists of the greatest value for a user who may leave after every item.

Item i is worth u_i where it is seen, and the user sees what follows with the probability q_i
(STCRank, arXiv 2601.10027, whose equations are not public; our reading). A list i_1, i_2, ... is
worth::

    V = u_1 + q_1 (u_2 + q_2 (u_3 + ...))

The best order of a set is by the index ``u / (1 - q)``: of two neighbours i, j, i comes first where
``u_i + q_i u_j > u_j + q_j u_i``. To sort all items by it and to cut is not the best list. That is
found by taking or skipping each item, from the lowest index up: an item that is taken stands before
all that were taken, so the best value of k items is ``max(V_k, u_i + q_i V_(k-1))``.
"""

from typing import Callable, NamedTuple, Tuple

import torch

_LEAST_EXIT = 1e-6  # an index is finite


class Lists(NamedTuple):
    """Lists of B requests.

    Attributes
    ----------
    column : (B, n) int64
        Columns of the items, first one first; -1 where a request has fewer.
    value : (B,)
        V.
    """

    column: torch.Tensor
    value: torch.Tensor


def index_of(worth: torch.Tensor, continues: torch.Tensor) -> torch.Tensor:
    """Return ``u / (1 - q)``, the order of the best list of a set, as wide as both."""
    return worth / (1 - continues).clamp_min(_LEAST_EXIT)


def value_of(worth: torch.Tensor, continues: torch.Tensor) -> torch.Tensor:
    """Return V of lists (..., n), first item first: (...)."""
    value = torch.zeros_like(worth[..., 0])
    for place in reversed(range(worth.shape[-1])):
        value = worth[..., place] + continues[..., place] * value
    return value


def best_lists(worth: torch.Tensor, continues: torch.Tensor, length: int) -> Lists:
    """Return the lists of the greatest value, in O(N n) each.

    Parameters
    ----------
    worth : (B, N)
        u, of candidates; -inf = not to be shown. A list is filled even where one item less were
        worth more, as with a worth below 0.
    continues : (B, N)
        q, from 0 to 1.
    length : int
        n, from 1.
    """
    ascending = index_of(worth, continues).argsort(dim=1, stable=True)
    value = _values(worth.gather(1, ascending).T, continues.gather(1, ascending).T, length)
    filled = (worth > -torch.inf).sum(dim=1).clamp_max(length)  # (B,)
    column = _taken(value[1:] > value[:-1], ascending, filled)
    return Lists(column, value[-1].gather(0, filled.unsqueeze(0)).squeeze(0))


def _values(worth: torch.Tensor, continues: torch.Tensor, length: int) -> torch.Tensor:
    """Return the best values of 0..n items of the first 0..N candidates, (N + 1, n + 1, B).

    It is -inf where there are too few. `worth` and `continues` are (N, B), lowest index first. Each
    step writes where the next one reads, and requests lie side by side: nothing is copied.
    """
    n_candidates, n_requests = worth.shape
    value = worth.new_full((n_candidates + 1, length + 1, n_requests), -torch.inf)
    value[:, 0] = 0
    with_it = worth.new_empty(length, n_requests)
    steps = zip(worth, continues.contiguous(), value[:-1, 1:], value[:-1, :-1], value[1:, 1:])
    for u, q, without, one_less, best in steps:
        torch.mul(one_less, q, out=with_it).add_(u)
        # 0 times -inf is NaN: nothing follows, for there are too few items; fmax skips it
        torch.fmax(without, with_it, out=best)
    return value


def _taken(takes: torch.Tensor, ascending: torch.Tensor, filled: torch.Tensor) -> torch.Tensor:
    """Follow the decisions (N, n + 1, B) back from the highest index; return the columns (B, n)."""
    n_candidates, n_places, n_requests = takes.shape
    step = torch.arange(1, n_candidates + 1, dtype=torch.int32, device=takes.device)
    # of the first s candidates the last one that is taken as one of k, counted from 1; 0 = none
    last = (takes * step.view(-1, 1, 1)).cummax(dim=0).values
    column = ascending.new_full((n_requests, n_places - 1), -1)
    row = torch.arange(n_requests, device=takes.device)
    before = torch.full_like(filled, n_candidates)
    for place in range(n_places - 1):
        left = (filled - place).clamp_min(0)
        taken = last[before - 1, left, row].long()
        column[:, place] = torch.where(left > 0, ascending[row, taken - 1], -1)
        before = torch.where(left > 0, taken - 1, before)
    return column


#: from the columns that stand on P lists (B, P, k) to u and q of all candidates, (B, P, N) each
Given = Callable[[torch.Tensor], Tuple[torch.Tensor, torch.Tensor]]


def beam_lists(given: Given, n_requests: int, length: int, width: int) -> Lists:
    """Return lists whose worth and continuation depend on what stands before, by beam search.

    After each place those beginnings go on whose bound is the greatest: what they have collected,
    and the probability that the user is still there times the greatest index of what is left.

    Parameters
    ----------
    given : callable
        u and q of all candidates behind each beginning; u = -inf of what may not be shown.
    n_requests : int
        B.
    length : int
        n, from 1.
    width : int
        Beginnings that are kept; with all of them the list is the best.
    """
    begun = torch.zeros(n_requests, 1, 0, dtype=torch.int64)
    collected, there = torch.zeros(n_requests, 1), torch.ones(n_requests, 1)
    for place in range(length):
        u, q = given(begun)
        u = u.scatter(2, begun.to(u.device), -torch.inf)  # each item once
        device, n_candidates = u.device, u.shape[2]
        begun, collected, there = begun.to(device), collected.to(device), there.to(device)
        gained = collected.unsqueeze(2) + there.unsqueeze(2) * u  # (B, P, N)
        stays = there.unsqueeze(2) * q
        is_last = place == length - 1
        bound = gained if is_last else gained + stays * index_of(u, q).amax(2, keepdim=True)
        bound = bound.masked_fill(u == -torch.inf, -torch.inf).flatten(1)
        best = bound.topk(min(1 if is_last else width, bound.shape[1]), dim=1).indices
        of = best // n_candidates  # which beginning
        before = begun.gather(1, of.unsqueeze(2).expand(-1, -1, place))
        begun = torch.cat([before, (best % n_candidates).unsqueeze(2)], dim=2)
        collected, there = gained.flatten(1).gather(1, best), stays.flatten(1).gather(1, best)
    return Lists(begun[:, 0], collected[:, 0])
