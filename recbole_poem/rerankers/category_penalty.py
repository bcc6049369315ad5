"""A list that is chosen as a whole, so that its items do not all resemble each other.

From the items with the highest scores a list is filled place by place, each time with the item of
the greatest

    s(i) - penalty * |{j in the list : i and j share a category}|,

in the manner of maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998), but for the sum
over the list in place of its maximum. Items beyond those stay where they are.
"""

from typing import NamedTuple

import torch

_CELLS = 2**24  # categories of items that are held at once: 64 MiB


class Diversity(NamedTuple):
    """How lists are chosen.

    Attributes
    ----------
    category : (n_items, C) bool
        An item without any differs from every other.
    penalty : float
        Of each pair that shares a category, in units of the score.
    pool : int
        Items with the highest scores that change places, from 1.
    """

    category: torch.Tensor
    penalty: float
    pool: int

    def order(self, item: torch.Tensor, score: torch.Tensor) -> torch.Tensor:
        """Return in which order the best items of B requests are put on their lists.

        Parameters
        ----------
        item, score : (B, P)
            Different items, and theirs; -inf = not to be recommended, which comes last.

        Returns
        -------
        (B, P) int64
            Columns of `item`, best first.
        """
        category = self.category.to(item.device)
        step = max(1, _CELLS // (item.shape[1] * max(category.shape[1], item.shape[1])))
        parts = zip(item.split(step), score.split(step))
        orders = [_order(category[items].float(), scores, self.penalty) for items, scores in parts]
        return torch.cat(orders) if orders else torch.zeros_like(item)

    def reordered(self, scores: torch.Tensor) -> torch.Tensor:
        """Hand out the highest scores of a catalogue (B, n_items) anew, in the order of the lists.

        What is below them keeps its place, and ranks and lists follow from the scores as ever.
        """
        score, item = scores.topk(min(self.pool, scores.shape[1]), dim=1)
        return scores.scatter(1, item.gather(1, self.order(item, score)), score)


def _order(category: torch.Tensor, score: torch.Tensor, penalty: float) -> torch.Tensor:
    """Order P items with the categories (B, P, C) and the scores (B, P)."""
    similar = (category @ category.transpose(1, 2) > 0).to(score.dtype)  # (B, P, P)
    left = score.clamp_min(torch.finfo(score.dtype).min)  # -inf = has its place
    order = torch.empty_like(score, dtype=torch.int64)
    row = torch.arange(len(score), device=score.device)
    for place in range(score.shape[1]):
        best = left.argmax(dim=1)
        order[:, place] = best
        left = left - penalty * similar[row, best]
        left[row, best] = -torch.inf
    return order
