"""Products of states with many items of their own, whose embeddings are never side by side.

For 2,000 states, 256 items each and 64 dimensions these embeddings would take 131 MB, and as much
again for their gradients. Here a part of the states is done at a time, and each gradient is a sum
of rows that a few weights choose, which torch's bags of embeddings add up at once.
"""

from typing import Any, Tuple

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable

#: numbers of embeddings that are side by side: what the cache of a processor holds; on an
#: accelerator, where each part costs a start, more
_AT_ONCE, _AT_ONCE_ELSEWHERE = 1 << 18, 1 << 26


class _Products(torch.autograd.Function):
    """``out[t, p] = state[t] . table[chosen[t, p]]``, and its gradients."""

    @staticmethod
    def forward(
        ctx: Any, state: torch.Tensor, table: torch.Tensor, chosen: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(state, table, chosen)
        products = state.new_empty(chosen.shape)
        at_once = _AT_ONCE if state.device.type == "cpu" else _AT_ONCE_ELSEWHERE
        rows = max(1, at_once // max(1, chosen.shape[1] * table.shape[1]))
        parts = zip(state.split(rows), chosen.split(rows), products.split(rows))
        for states, items, out in parts:
            torch.sum(F.embedding(items, table) * states.unsqueeze(1), dim=2, out=out)
        return products

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor, None]:
        state, table, chosen = ctx.saved_tensors
        gradient = gradient.contiguous()
        of_state = F.embedding_bag(chosen, table, mode="sum", per_sample_weights=gradient)
        item, place = chosen.flatten().sort(stable=True)
        begin = torch.searchsorted(item, torch.arange(len(table), device=item.device))
        of_table = F.embedding_bag(
            place // chosen.shape[1],
            state,
            begin,
            mode="sum",
            per_sample_weights=gradient.flatten()[place],
        )
        return of_state, of_table, None


def products_of(state: torch.Tensor, table: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return the products of states with some rows of a table each.

    Parameters
    ----------
    state : (T, d)
    table : (n, d)
    chosen : (T, P) int64

    Returns
    -------
    (T, P), of the table's precision.
    """
    if not chosen.numel():
        return state.new_zeros(chosen.shape, dtype=table.dtype)
    products: torch.Tensor = _Products.apply(state.to(table.dtype), table, chosen)
    return products
