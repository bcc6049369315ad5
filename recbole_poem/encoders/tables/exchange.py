"""Rows that go from their owners to who reads them, and gradients that go back.

Row i belongs to process ``i mod P``. Ids are given in the order in which items appear in a file, so
young and old items, and with them what is popular, are spread evenly. Ranges of ids would not be.
"""

from typing import List, NamedTuple, Optional, Tuple

import torch
import torch.distributed
from recbole.data.interaction import Interaction

from recbole_poem.core.fields import ITEM_IDS


class Route(NamedTuple):
    """Who asks whom for which rows.

    Attributes
    ----------
    order : (U,) int64 or None
        The rows that are asked for, owner by owner; None = all are this process's own.
    asked : list of int
        How many of each owner.
    wanted : (V,) int64
        Places of own rows that are wanted here or elsewhere, process by process.
    given : list of int
        How many by each process.
    """

    order: Optional[torch.Tensor]
    asked: List[int]
    wanted: torch.Tensor
    given: List[int]


def route(ids: torch.Tensor, n_processes: int) -> Route:
    """Tell the owners which rows (U,) int64 this process asks for; all processes call it."""
    if n_processes == 1:
        return Route(None, [len(ids)], ids, [len(ids)])
    owner = ids % n_processes
    order = owner.argsort(stable=True)
    asked = torch.bincount(owner, minlength=n_processes)
    given = torch.empty_like(asked)
    torch.distributed.all_to_all_single(given, asked)
    numbers = asked.tolist(), given.tolist()
    wanted = _exchanged(ids[order] // n_processes, *numbers)
    return Route(order, numbers[0], wanted, numbers[1])


def fetched(way: Route, rows: torch.Tensor) -> torch.Tensor:
    """Return the rows that were asked for, (U, d), of each process's own `rows` (n, d)."""
    if way.order is None:
        return rows[way.wanted]
    received = _exchanged(rows[way.wanted], way.given, way.asked)
    return torch.empty_like(received).index_copy_(0, way.order, received)


def returned(way: Route, gradient: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
    """Return the touched own rows (n,) int64, each once, and the means of their gradients (n, d).

    Parameters
    ----------
    way : Route
    gradient : (U, d)
        Of the rows that were asked for. Processes' gradients are averaged, as those of weights are.
    """
    if way.order is None:
        return way.wanted, gradient
    received = _exchanged(gradient[way.order], way.asked, way.given)
    touched, place = way.wanted.unique(return_inverse=True)
    summed = received.new_zeros(len(touched), received.shape[1]).index_add_(0, place, received)
    return touched, summed / len(way.given)


def _exchanged(values: torch.Tensor, sent: List[int], received: List[int]) -> torch.Tensor:
    """Send so many values to each process, in their order, and return what they send."""
    found = values.new_empty(sum(received), *values.shape[1:])
    torch.distributed.all_to_all_single(found, values.contiguous(), received, sent)
    return found


def renumbered(batch: Interaction, fields: List[str]) -> Tuple[Interaction, torch.Tensor]:
    """Give the items of a batch other numbers, in the order of their ids, with padding still 0.

    Parameters
    ----------
    batch : Interaction
    fields : list of str
        That hold items.

    Returns
    -------
    batch : Interaction
        The same, with other numbers, and the ids as its field ``item_ids``.
    ids : (U,) int64
        What the numbers stand for.
    """
    parts = [batch[name] for name in fields]
    padding = parts[0].new_zeros(1)
    ids, place = torch.cat([padding, *(part.flatten() for part in parts)]).unique(
        return_inverse=True
    )
    places = place[1:].split([part.numel() for part in parts])
    anew = {name: new.view_as(old) for name, new, old in zip(fields, places, parts)}
    return Interaction({**batch.interaction, **anew, ITEM_IDS: ids}), ids
