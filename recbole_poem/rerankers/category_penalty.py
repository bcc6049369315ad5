"""A list that is chosen as a whole, so that its items do not all resemble each other.

From the items with the highest scores a list is filled place by place, each time with the item of
the greatest

    s(i) - penalty * |{j in the list : i and j share a category}|,

in the manner of maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), but for the sum
over the list in place of its maximum. Items beyond those follow by their scores.
"""

from dataclasses import dataclass
from typing import Any

import torch
from recbole.data.dataset import Dataset

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import FROM_0, at_least, setting
from recbole_poem.core.stages import RERANKERS
from recbole_poem.data.categories import read_categories
from recbole_poem.rerankers import Context, Placed

_CELLS = 2**24  # categories of items that are held at once: 64 MiB


@RERANKERS.register("category_penalty")
class CategoryPenalty:
    """Fills the list place by place, less a penalty for each item of a category on it.

    Parameters
    ----------
    settings : Settings
    config : Config
    dataset : Dataset
        Whose items have the categories of the key ``category_field``.

    Raises
    ------
    InputError
        If there are no categories to go by.
    """

    reads_states = False

    @dataclass(frozen=True)
    class Settings:
        """How much a resemblance costs, and among how many items."""

        penalty: float = setting(
            0.02, FROM_0, "of each pair that shares a category, in units of the score"
        )
        length: int = setting(50, at_least(1), "places that are filled so")
        pool: int = setting(50, at_least(1), "items with the highest scores that change places")

    def __init__(self, settings: Settings, config: Any, dataset: Dataset) -> None:
        category = read_categories(config, dataset)
        if category is None:
            raise InputError(
                "rerankers.category_penalty: the items have no categories; name their column of "
                ".item as category_field"
            )
        self._category = torch.from_numpy(category).to(config["device"])
        self._penalty, self._length, self.pool = settings.penalty, settings.length, settings.pool

    def rerank(self, context: Context, item: torch.Tensor, score: torch.Tensor) -> Placed:
        """Place the items; the scores are handed out anew, in the order of the list."""
        return Placed(order_of(self._category, self._penalty, self._length, item, score), score)


def order_of(
    category: torch.Tensor, penalty: float, length: int, item: torch.Tensor, score: torch.Tensor
) -> torch.Tensor:
    """Return in which order items of B requests are put on their lists.

    Parameters
    ----------
    category : (n_items, C) bool
        An item without any differs from every other.
    penalty : float
        Of each pair that shares a category, in units of the score, from 0.
    length : int
        Places that are filled so, from 1; behind them items keep their order.
    item, score : (B, P)
        Different items, and theirs; -inf = not to be recommended, which comes last.

    Returns
    -------
    (B, P) int64
        Columns of `item`, best first.
    """
    category = category.to(item.device)
    step = max(1, _CELLS // (item.shape[1] * max(category.shape[1], 1)))
    parts = zip(item.split(step), score.split(step))
    orders = [_order(category[items].float(), scores, penalty, length) for items, scores in parts]
    return torch.cat(orders) if orders else torch.zeros_like(item)


def _order(
    category: torch.Tensor, score: torch.Tensor, penalty: float, length: int
) -> torch.Tensor:
    """Order P items with the categories (B, P, C) and the scores (B, P)."""
    left = score.clamp_min(torch.finfo(score.dtype).min)  # -inf = has its place
    row = torch.arange(len(score), device=score.device)
    # places from behind: a filled one counts more than all that are left, the first the most
    place = torch.zeros_like(score, dtype=torch.int64)
    for number in range(min(length, score.shape[1])):
        best = left.argmax(dim=1)
        place[row, best] = length - number
        shared = (category @ category[row, best].unsqueeze(2)).squeeze(2) > 0
        left = left - penalty * shared
        left[row, best] = -torch.inf
    return place.sort(dim=1, descending=True, stable=True).indices
