r"""ReLoop2: a memory of recent errors corrects the model that is served (Zhu et al., KDD 2023).

A pair of a user state u and an item i is the vector ``[u / |u|, e_i / |e_i|]``. In each of K arrays
the signs of L random projections say in which of ``2^L`` buckets it lies. Like pairs share buckets:
of two at the angle a, a share ``(1 - a / pi)^L`` of the arrays has both in one. A bucket keeps how
many pairs were written to it, and the sums of what came of them, y, and of what was predicted, p.

Each array answers a pair with the means of its bucket, as one neighbour, and its error is

    err_k = gamma (mean y - p) + (1 - gamma) (mean y - mean p),    0 for an empty bucket;

the mean over all arrays corrects the prediction: ``min(max(p + weight * err, 0), 1)``.

The sketch and these equations are the paper's. Our reading: an empty bucket counts as an error of
0, so that a pair is corrected as far as its neighbours are like it. And p is the share of an item
in the softmax over the request's pool, as a model of retrieval predicts no clicks; what lies beyond
the pool is predicted with 0. An item that is taken has y = 1, one that is shown and not taken 0.
"""

from dataclasses import dataclass
from typing import Any, Iterator, NamedTuple, Optional, Tuple

import torch
import torch.nn.functional as F
from recbole.data.dataset import Dataset

from recbole_poem.core.number_types import is_whole_number
from recbole_poem.core.settings import ABOVE_0, SHARE, Range, at_least, setting
from recbole_poem.core.stages import RERANKERS
from recbole_poem.rerankers import Context, Feedback, Placed

_TO_20 = Range(lambda v: is_whole_number(v) and 1 <= v <= 20, "a whole number from 1 to 20")
_CELLS = 2**21  # projections that are held at once: 8 MiB, which caches hold
_LEAST = 1e-12  # of a corrected prediction, so that its logarithm is finite


@RERANKERS.register("reloop2")
class ReLoop2:
    """Corrects scores by the errors of like requests and items (Zhu et al., KDD 2023).

    Parameters
    ----------
    settings : Settings
    config : Config
        Whose ``seed`` draws the projections.
    dataset : Dataset
    """

    reads_states = True

    @dataclass(frozen=True)
    class Settings:
        """The memory, and what is made of it."""

        weight: float = setting(0.4, SHARE, "share of an error that is corrected: lambda")
        gamma: float = setting(1.0, SHARE, "1 = the error of the pair; 0 = that of its neighbours")
        n_arrays: int = setting(70, at_least(1), "arrays of buckets: neighbours of a pair")
        n_bits: int = setting(16, _TO_20, "projections of an array, of 2 to this power buckets")
        pool: int = setting(50, at_least(1), "items with the highest scores that change places")
        n_shown: int = setting(10, at_least(1), "places of a list that count as shown")
        slot_hours: float = setting(1.0, ABOVE_0, "hours until an evaluation tells what came of it")

    def __init__(self, settings: Settings, config: Any, dataset: Dataset) -> None:
        self._weight, self._gamma = settings.weight, settings.gamma
        self.pool, self.n_shown = settings.pool, settings.n_shown
        self.slot_hours = settings.slot_hours
        self._memory = Memory(settings.n_arrays, settings.n_bits, int(config["seed"]))

    def rerank(self, context: Context, item: torch.Tensor, score: torch.Tensor) -> Placed:
        """Place the items by their corrected scores; without neighbours a score stays as it is."""
        if self._memory.is_empty:
            return Placed(torch.arange(item.shape[1], device=item.device).expand_as(item), score)
        prediction = _predicted(score)
        error = self._memory.error(context, item, prediction, self._gamma)
        corrected = (prediction + self._weight * error).clamp(0, 1)
        total = score.logsumexp(dim=1, keepdim=True)
        changed = (error != 0) & score.isfinite()
        new = torch.where(changed, corrected.clamp_min(_LEAST).log() + total, score)
        new, order = new.sort(dim=1, descending=True, stable=True)
        return Placed(order, new)

    def observe(self, feedback: Feedback) -> None:
        """Remember what was shown and what was taken, beside what was predicted; each item once."""
        shown, taken = _each_once(feedback.shown), _each_once(feedback.taken)
        same = (shown.unsqueeze(2) == taken.unsqueeze(1)) & (shown > 0).unsqueeze(2)  # (B, S, T)
        beside = taken * ~same.any(dim=1)
        item = torch.cat([shown, beside], dim=1)
        label = torch.cat([same.any(dim=2), beside > 0], dim=1).to(feedback.score.dtype)
        at = item.unsqueeze(2) == feedback.item.unsqueeze(1)  # (B, S + T, P)
        prediction = (at * _predicted(feedback.score).unsqueeze(1)).sum(dim=2)
        self._memory.write(feedback.context, item, label, prediction)

    def forget(self) -> None:
        """Empty the memory."""
        self._memory.clear()


def _each_once(item: torch.Tensor) -> torch.Tensor:
    """Return items (B, N) with 0 in place of those that stand before in their row."""
    before = (item.unsqueeze(2) == item.unsqueeze(1)).tril(-1).any(dim=2)
    return item.masked_fill(before, 0)


def _predicted(score: torch.Tensor) -> torch.Tensor:
    """Return the share of each item (B, P) in the softmax over the pool; 0 of an empty one."""
    return score.softmax(dim=1).nan_to_num(0)


def _mean_error(of_cell: torch.Tensor, prediction: torch.Tensor, gamma: float) -> torch.Tensor:
    """Return the mean error of K arrays: what their buckets hold (B, P, K, 3), p (B, P)."""
    number, y, p = of_cell.unbind(dim=3)
    n = number.clamp_min(1)
    error = y / n - gamma * prediction.unsqueeze(2) - (1 - gamma) * p / n
    return (error * (number > 0)).mean(dim=2)


class _Sketch(NamedTuple):
    """What is made when the first pair comes.

    Attributes
    ----------
    of_state, of_item : (d, K L)
        The random projections of both halves of a pair.
    cell : (K 2^L, 3)
        Number of pairs, sum of y, sum of p of each bucket.
    """

    of_state: torch.Tensor
    of_item: torch.Tensor
    cell: torch.Tensor


class Memory:
    """K arrays of 2^L buckets; a pair is read and written in K of them, whatever is in them.

    Parameters
    ----------
    n_arrays : int
        K.
    n_bits : int
        L.
    seed : int
        Of the projections.
    """

    def __init__(self, n_arrays: int, n_bits: int, seed: int) -> None:
        self._n_arrays, self._n_bits, self._seed = n_arrays, n_bits, seed
        self._sketch: Optional[_Sketch] = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was written."""
        return self._sketch is None

    def clear(self) -> None:
        """Forget what was written."""
        self._sketch = None

    def error(
        self, context: Context, item: torch.Tensor, prediction: torch.Tensor, gamma: float
    ) -> torch.Tensor:
        """Return the mean error of the arrays for the pairs (B, P) and their predictions (B, P)."""
        if self._sketch is None:
            return torch.zeros_like(prediction)
        return torch.cat(
            [
                _mean_error(self._sketch.cell[buckets], prediction[rows], gamma)
                for rows, buckets in self._parts(context, item)
            ]
        )

    def write(
        self, context: Context, item: torch.Tensor, label: torch.Tensor, prediction: torch.Tensor
    ) -> None:
        """Add the pairs of B requests and their items (B, N), 0 = none: y and p, both (B, N)."""
        pairs = torch.stack([torch.ones_like(label), label, prediction], dim=2)
        cell = self._made(context).cell
        for rows, buckets in self._parts(context, item):
            kept = item[rows] > 0
            added = pairs[rows][kept].unsqueeze(1).expand(-1, self._n_arrays, -1)
            cell.index_add_(0, buckets[kept].flatten(), added.flatten(0, 1))

    def buckets(self, context: Context, item: torch.Tensor) -> torch.Tensor:
        """Return the bucket of the pairs (B, P) in each array, (B, P, K) int64."""
        return torch.cat([buckets for _, buckets in self._parts(context, item)])

    def _parts(self, context: Context, item: torch.Tensor) -> Iterator[Tuple[slice, torch.Tensor]]:
        """Yield the buckets of as many requests as may be held at once."""
        sketch = self._made(context)
        assert context.state is not None and context.embedding is not None
        step = max(1, _CELLS // (item.shape[1] * sketch.of_item.shape[1]))
        for begin in range(0, max(1, len(item)), step):
            rows = slice(begin, begin + step)
            yield rows, self._buckets(sketch, context.state[rows], context.embedding[item[rows]])

    def _buckets(
        self, sketch: _Sketch, state: torch.Tensor, embedding: torch.Tensor
    ) -> torch.Tensor:
        """Return the buckets of pairs with states (B, I, d) and items' vectors (B, P, d).

        Of several states of a user an item goes with the one that it has the largest product with.
        """
        best = torch.einsum("bid,bpd->bpi", state, embedding).argmax(dim=2)
        of_state = F.normalize(state, dim=2) @ sketch.of_state  # (B, I, K L)
        chosen = of_state.gather(1, best.unsqueeze(2).expand(-1, -1, of_state.shape[2]))
        signs = chosen + F.normalize(embedding, dim=2) @ sketch.of_item > 0
        bits = signs.unflatten(2, (self._n_arrays, self._n_bits)).to(of_state.dtype)
        place = bits @ (2.0 ** torch.arange(self._n_bits, device=bits.device)).to(bits.dtype)
        first = torch.arange(self._n_arrays, device=bits.device) << self._n_bits
        return place.long() + first

    def _made(self, context: Context) -> _Sketch:
        """Return what is kept; make it for vectors of this size and on this device."""
        if self._sketch is None:
            assert context.embedding is not None
            like = context.embedding
            n_signs = self._n_arrays * self._n_bits
            draws = torch.Generator().manual_seed(self._seed)
            planes = torch.randn(2, like.shape[1], n_signs, generator=draws).to(like)
            cell = like.new_zeros(self._n_arrays << self._n_bits, 3)
            self._sketch = _Sketch(planes[0], planes[1], cell)
        return self._sketch
