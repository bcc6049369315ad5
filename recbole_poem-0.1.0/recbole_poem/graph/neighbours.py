"""Neighbours in the item graph: the top-k of an item, and context-aware hard negatives.

A hard negative is an item close to the positive in the Swing graph, yet not the answer. POEM
(arXiv:2606.29946) draws it with an eye on the user's context: among the neighbours of the
positive, those close to what the user consumed lately are the harder ones.

The caller brings the random numbers, one for each query and candidate. DGL's samplers would draw
from a state of their own, one stream per thread, and give other numbers on a machine with other
cores; the same distribution comes from an exponential race.
"""

import math
from typing import Callable, Tuple

import dgl
import torch
from torch import Tensor

Excluded = Callable[[Tensor, Tensor], Tensor]
Noise = Callable[[Tensor, Tensor], Tensor]
Candidates = Tuple[Tensor, Tensor, Tensor]  # query (E,), item (E,), weight (E,)


def similar_items(graph: "dgl.DGLGraph", items: Tensor, k: int) -> Tuple[Tensor, Tensor]:
    """Look up the `k` most similar in-neighbours of each item, best first.

    Parameters
    ----------
    graph : dgl.DGLGraph
        From :func:`recbole_poem.graph.swing.item_graph`.
    items : LongTensor
        Shape (Q,), ids in [0, n_items); repetitions are welcome.
    k : int
        At least 1.

    Returns
    -------
    ids : LongTensor
        Shape (Q, k), 0 where the item has fewer neighbours.
    similarity : FloatTensor
        Shape (Q, k), 0 at the same places.

    Raises
    ------
    ValueError
        If `k` is below 1 or an item lies outside the graph.
    """
    _check_at_least_one(k=k)
    _check_items(graph, items=items)
    nodes, which = items.unique(return_inverse=True)
    best = dgl.sampling.select_topk(graph, k, "similarity", nodes=nodes)
    source, target = best.edges()
    similarity = best.edata["similarity"]
    order = similarity.argsort(descending=True, stable=True)
    row, regroup = torch.searchsorted(nodes, target[order]).sort(stable=True)
    order = order[regroup]
    ids = _fill_rows(row, source[order], len(nodes), k)
    values = _fill_rows(row, similarity[order], len(nodes), k)
    return ids[which], values[which]


class HardNegativeSampler:
    """Draws hard negatives near a positive in the item graph; holds the graph and nothing else.

    A candidate c of a query with positive p and recent items r_1..r_R weighs

        weight(c) = sim(p, c) · (ε + Σ_j sim(r_j, c)),

    where sim(p, c) beyond one hop is the product along the best path, and sim(r, c) is that of
    an edge between the two in either direction (0 without one).

    Parameters
    ----------
    graph : dgl.DGLGraph
        From :func:`recbole_poem.graph.swing.item_graph`, on CPU.
    hops : int
        Steps from the positive, at least 1; nearer items stay candidates.
    epsilon : float
        ε > 0: the share of a candidate without any tie to the recent items. Large values switch
        the context off.

    Raises
    ------
    ValueError
        On hops below 1, epsilon <= 0, or a graph that `item_graph` cannot have made.
    """

    def __init__(self, graph: "dgl.DGLGraph", hops: int = 1, epsilon: float = 0.01) -> None:
        _check_at_least_one(hops=hops)
        if not epsilon > 0:
            raise ValueError(f"epsilon must be above 0, not {epsilon}")
        if "similarity" not in graph.edata or not (graph.edata["similarity"] > 0).all():
            raise ValueError('the item graph must have edata["similarity"] > 0 on every edge')
        if graph.is_multigraph:
            raise ValueError("the item graph must not have two edges from one item to another")
        self.graph, self.hops, self.epsilon = graph, hops, epsilon
        self._pair, self._pair_similarity = _sorted_pairs(graph)

    def sample(
        self, positives: Tensor, recent: Tensor, excluded: Excluded, num: int, noise: Noise
    ) -> Tensor:
        """Draw up to `num` different hard negatives per query, in proportion to their weight.

        Parameters
        ----------
        positives : LongTensor
            Shape (Q,); the padding item 0 has no neighbours and yields a row of zeros.
        recent : LongTensor
            Shape (Q, R), the user's latest items, 0 = padding. R may be 0.
        excluded : callable
            ``excluded(query_index (E,), item (E,)) -> BoolTensor (E,)``, True where the item may
            not be drawn for that query: history, positives, system positives. Called once, on all
            candidates. The positive itself is never drawn, whatever it says.
        num : int
            Draws per query, at least 1, without replacement.
        noise : callable
            ``noise(query_index (E,), item (E,)) -> (E,)`` in [0, 1): independent uniform numbers,
            the source of all randomness. Called once.

        Returns
        -------
        LongTensor
            Shape (Q, num), in the order drawn; 0 where fewer candidates exist, at the end
            of the row. The caller masks the zeros.

        Raises
        ------
        ValueError
            On shapes or ids that do not fit, or if `excluded` returns anything but (E,) booleans.
        """
        _check_at_least_one(num=num)
        if positives.dim() != 1 or recent.dim() != 2 or len(recent) != len(positives):
            raise ValueError(
                "positives must be (Q,) and recent (Q, R), not "
                f"{tuple(positives.shape)} and {tuple(recent.shape)}"
            )
        _check_items(self.graph, positives=positives, recent=recent)

        query, item, closeness = self._candidates(positives)
        drop = excluded(query, item)
        if drop.dtype != torch.bool or drop.shape != item.shape:
            raise ValueError(
                f"excluded must return booleans of shape {tuple(item.shape)}, "
                f"not {drop.dtype} of shape {tuple(drop.shape)}"
            )
        query, item, closeness = query[~drop], item[~drop], closeness[~drop]
        context = self._similarity(recent[query], item.unsqueeze(1)).sum(dim=1)  # (E,)
        weight = closeness * (self.epsilon + context)
        key = _race(weight, noise(query, item))
        race = _fill_rows(query, key, len(positives), num, empty=-math.inf)
        winners = race.topk(num, dim=1).indices  # (Q, num), best first, so empty places last
        return _fill_rows(query, item, len(positives), num).gather(1, winners)

    def _candidates(self, positives: Tensor) -> Candidates:
        """All items within `hops` steps, each once per query, with its best path's weight."""
        frontier: Candidates = (
            torch.arange(len(positives)),
            positives,
            torch.ones(len(positives)),
        )
        reached = []
        for _ in range(self.hops):
            query, item, weight = self._step(frontier)
            away = item != positives[query]
            frontier = self._best_path((query[away], item[away], weight[away]))
            reached.append(frontier)
        query, item, weight = (torch.cat(part) for part in zip(*reached))
        return self._best_path((query, item, weight))

    def _step(self, frontier: Candidates) -> Candidates:
        """Replace every entry of the frontier by the in-neighbours of its item."""
        query, item, weight = frontier
        nodes, which = item.unique(return_inverse=True)
        near = dgl.in_subgraph(self.graph, nodes)
        source, target = near.edges()
        target = torch.searchsorted(nodes, target)
        # By source within a target, because ordered look-ups of similarities are twice as fast.
        order = (target * self.graph.num_nodes() + source).argsort()
        source, target = source[order], target[order]
        similarity = near.edata["similarity"][order]

        degree = torch.bincount(target, minlength=len(nodes))
        first = degree.cumsum(0) - degree
        width = degree[which]
        entry = torch.arange(len(item)).repeat_interleave(width)  # (E,)
        within = torch.arange(len(entry)) - (width.cumsum(0) - width)[entry]
        edge = first[which][entry] + within
        return query[entry], source[edge], weight[entry] * similarity[edge]

    def _best_path(self, walks: Candidates) -> Candidates:
        """Merge the walks of a query that end at one item into the heaviest of them."""
        if self.hops == 1:
            return walks  # without parallel edges, one step reaches no item twice
        query, item, weight = walks
        n_items = self.graph.num_nodes()
        key, which = (query * n_items + item).unique(return_inverse=True)
        best = torch.zeros(len(key)).scatter_reduce(0, which, weight, "amax")
        return key // n_items, key % n_items, best

    def _similarity(self, left: Tensor, right: Tensor) -> Tensor:
        """Similarity of pairs of items, in the broadcast shape; 0 where no edge joins them."""
        if len(self._pair) == 0:
            return torch.zeros(torch.broadcast_shapes(left.shape, right.shape))
        key = left * self.graph.num_nodes() + right
        at = torch.searchsorted(self._pair, key).clamp_(max=len(self._pair) - 1)
        return self._pair_similarity[at].masked_fill_(self._pair[at] != key, 0.0)


def _race(weight: Tensor, noise: Tensor) -> Tensor:
    """Random keys whose n largest are a draw without replacement in proportion to `weight`.

    Exponential clocks of rate `weight`: the first n to ring. Logarithms keep tiny weights apart.
    """
    weight = weight.clamp(min=torch.finfo(weight.dtype).tiny)  # log(0) would read as "missing"
    return weight.log() - (-torch.log1p(-noise)).log()


def _sorted_pairs(graph: "dgl.DGLGraph") -> Tuple[Tensor, Tensor]:
    """Every joined pair of items in both orders, as ascending keys a · n_items + b."""
    source, target = graph.edges()
    n_items = graph.num_nodes()
    key = torch.cat([target * n_items + source, source * n_items + target])
    pair, which = key.unique(return_inverse=True)
    twice = graph.edata["similarity"].repeat(2)
    return pair, torch.zeros(len(pair)).scatter_reduce(0, which, twice, "amax")


def _fill_rows(row: Tensor, value: Tensor, n_rows: int, width: int, empty: float = 0) -> Tensor:
    """Lay out values, given by ascending row, as (n_rows, at least `width`), `empty` behind."""
    count = torch.bincount(row, minlength=n_rows)
    column = torch.arange(len(row)) - (count.cumsum(0) - count)[row]
    widest = int(count.max()) if n_rows else 0
    table = value.new_full((n_rows, max(width, widest)), empty)
    table[row, column] = value
    return table


def _check_at_least_one(**numbers: int) -> None:
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"{name} must be at least 1, not {number}")


def _check_items(graph: "dgl.DGLGraph", **tensors: Tensor) -> None:
    n_items = graph.num_nodes()
    for name, items in tensors.items():
        if items.numel() and not 0 <= int(items.min()) <= int(items.max()) < n_items:
            raise ValueError(f"{name} must hold item ids in [0, {n_items}), as the graph does")
