"""What an item graph makes of all item embeddings: a mean over steps along its edges.

The graph is a part of the model, as weights are: a checkpoint holds it, and needs no log to answer.
"""

from typing import Any, Tuple

import numpy as np
import scipy.sparse as sp
import torch
import torch.nn.functional as F
from torch import nn

#: of the matrix in compressed rows
_PARTS = ("start", "neighbour", "weight")


class ItemGraph(nn.Module):
    """``E_g = mean over k = 0..K of A^k E`` with a symmetric A; it has no weights of its own.

    The convolution of LightGCN (He et al., SIGIR 2020) over items alone.

    Parameters
    ----------
    hops : int
        K, from 0; with 0 all stays as it is.
    """

    start: torch.Tensor
    neighbour: torch.Tensor
    weight: torch.Tensor

    def __init__(self, hops: int) -> None:
        super().__init__()
        self.hops = hops
        nothing = torch.zeros(0, dtype=torch.int32)
        for name, empty in zip(_PARTS, (nothing, nothing, torch.zeros(0))):
            self.register_buffer(name, empty)

    def know(self, matrix: sp.csr_matrix) -> None:
        """Take a graph.

        Parameters
        ----------
        matrix : (n_items, n_items) csr of float32
            A, with fewer than 2^31 entries.
        """
        whole = (matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32))
        for name, values in zip(_PARTS, (*whole, matrix.data)):
            setattr(self, name, torch.from_numpy(values))

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return E_g of the embeddings of all items, (n_items, d)."""
        if not self.hops:
            return embedding
        found: torch.Tensor = _Propagated.apply(embedding, self.hops, *self._parts())
        return found

    def _parts(self) -> Tuple[torch.Tensor, ...]:
        if not len(self.start):
            raise RuntimeError("the item graph is not known; call know(), or load a checkpoint")
        return self.start, self.neighbour, self.weight

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Take the graph of a checkpoint, however many edges it has."""
        for name in _PARTS:
            saved = state_dict.get(prefix + name)
            if saved is not None:
                setattr(self, name, getattr(self, name).new_empty(saved.shape))
        super()._load_from_state_dict(state_dict, prefix, *rest)


class _Propagated(torch.autograd.Function):
    """The mean, whose gradient takes the same way back, as A is symmetric."""

    @staticmethod
    def forward(ctx: Any, embedding: torch.Tensor, hops: int, *parts: torch.Tensor) -> torch.Tensor:
        ctx.hops = hops
        ctx.save_for_backward(*parts)
        return _mean(embedding, hops, *parts)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> Any:
        mean = _mean(gradient, ctx.hops, *ctx.saved_tensors)
        return mean, None, None, None, None


def _mean(
    values: torch.Tensor,
    hops: int,
    start: torch.Tensor,
    neighbour: torch.Tensor,
    weight: torch.Tensor,
) -> torch.Tensor:
    """Return the mean over the steps of values (n_items, d) of all items."""
    total, values = values, values.contiguous()
    for _ in range(hops):
        # a bag of weighted neighbours is a row of the sparse product, and faster than torch.sparse
        values = F.embedding_bag(
            neighbour,
            values,
            start,
            mode="sum",
            per_sample_weights=weight.to(values.dtype),
            include_last_offset=True,
        )
        total = total + values
    return total / (hops + 1)
