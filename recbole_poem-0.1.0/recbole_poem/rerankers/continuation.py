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
    n_requests, n_candidates = worth.shape
    ascending = index_of(worth, continues).argsort(dim=1, stable=True)
    u, q = worth.gather(1, ascending), continues.gather(1, ascending)
    value = worth.new_full((n_requests, length + 1), -torch.inf)
    value[:, 0] = 0
    takes = torch.zeros(n_candidates, n_requests, length, dtype=torch.bool, device=worth.device)
    for step in range(n_candidates):
        with_it = u[:, step, None] + q[:, step, None] * value[:, :-1]
        # 0 times -inf: nothing follows, for there are too few items
        with_it = with_it.masked_fill(value[:, :-1] == -torch.inf, -torch.inf)
        takes[step] = with_it > value[:, 1:]
        value[:, 1:] = torch.where(takes[step], with_it, value[:, 1:])
    filled = (worth > -torch.inf).sum(dim=1).clamp_max(length)  # (B,)
    column = _taken(takes, ascending, filled, length)
    return Lists(column, value.gather(1, filled.unsqueeze(1)).squeeze(1))


def _taken(
    takes: torch.Tensor, ascending: torch.Tensor, filled: torch.Tensor, length: int
) -> torch.Tensor:
    """Follow the decisions (N, B, n) back from the highest index; return the columns (B, n)."""
    n_candidates, n_requests, _ = takes.shape
    # the last column takes what belongs to no list
    column = ascending.new_full((n_requests, length + 1), -1)
    row, left = torch.arange(n_requests, device=takes.device), filled
    for step in reversed(range(n_candidates)):
        taken = (left > 0) & takes[step, row, left.clamp_min(1) - 1]
        place = torch.where(taken, filled - left, length)
        column[row, place] = ascending[:, step]
        left = left - taken.long()
    return column[:, :length]


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
