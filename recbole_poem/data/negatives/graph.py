"""Hard negatives from the item graph: close to the target, and not wanted (POEM).

DGL and the compiled loops of Swing take seconds to load, and are where a graph is built.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
import torch
from scipy import sparse

from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.core.settings import ABOVE_0, SHARE, at_least, or_nothing, setting
from recbole_poem.core.stages import NEGATIVES
from recbole_poem.core.workers import Map
from recbole_poem.data.negatives import TrainingData
from recbole_poem.data.negatives.lots import asks, consumed_keys, contains
from recbole_poem.log.requests import RequestLog

if TYPE_CHECKING:
    import dgl


@NEGATIVES.register("graph")
class GraphNegatives:
    """Swing neighbours of the target that the user did not want (POEM's hard negatives).

    Parameters
    ----------
    settings : Settings
    data : TrainingData
    """

    @dataclass(frozen=True)
    class Settings:
        """Of the draw, and of the graph."""

        number: int = setting(4, at_least(1), "n, negatives of a request")
        share: float = setting(1.0, SHARE, "of the requests that get negatives")
        n_recent: int = setting(
            5, at_least(1), "latest items of the user whose closeness weighs the draw"
        )
        epsilon: float = setting(
            0.01, ABOVE_0, "added to that closeness; a large one switches it off"
        )
        hops: int = setting(1, at_least(1), "steps in the graph from the target")
        alpha: float = setting(1.0, ABOVE_0, "smoothing of Swing")
        neighbours: int = setting(50, at_least(1), "neighbours kept per item")
        max_users_per_item: Optional[int] = setting(
            None, or_nothing(at_least(2), "for all"), "users sampled per item for Swing"
        )
        max_items_per_user: Optional[int] = setting(
            None, or_nothing(at_least(2), "for all"), "items sampled per user for Swing"
        )

    def __init__(self, settings: Any, data: TrainingData) -> None:
        from recbole_poem.graph.neighbours import HardNegativeSampler

        graph = swing_graph(settings, data.config, data.log, data.parallel_map)
        self._sampler = HardNegativeSampler(graph, hops=settings.hops, epsilon=settings.epsilon)
        self._log, self._seed = data.log, data.config["seed"]
        self._number, self._share = settings.number, settings.share
        self._n_recent = settings.n_recent
        self._consumed = consumed_keys(data.log)

    def draw(
        self, requests: torch.Tensor, draws: torch.Tensor, preferred: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Draw hard negatives; see `recbole_poem.data.negatives.NegativeSource.draw`."""
        negative = torch.zeros(*requests.shape, self._number, dtype=torch.int64)
        asked = asks(requests, draws, self._share, self._seed)
        row = requests[asked].numpy()
        if not len(row):
            return negative
        log = self._log
        user = torch.from_numpy(log.user[row])
        recent = row[:, None] - 1 - np.arange(self._n_recent)
        known = recent >= log.first[row][:, None]
        recent_item = np.where(known, log.item[np.maximum(recent, 0)], 0)
        top = preferred[asked] if preferred is not None else None

        def unwanted(query: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
            excluded = contains(self._consumed, user[query] * log.n_items + item)
            if top is not None:
                excluded |= (top[query] == item.unsqueeze(1)).any(1)
            return excluded

        def noise(query: torch.Tensor, item: torch.Tensor) -> torch.Tensor:
            return uniform(self._seed, Purpose.HARD_NEGATIVE, draws[asked][query], item)

        target = torch.from_numpy(log.item[row])
        negative[asked] = self._sampler.sample(
            target, torch.from_numpy(recent_item), unwanted, self._number, noise
        )
        return negative


def swing_graph(
    settings: Any, config: Any, log: RequestLog, parallel_map: Map = map
) -> "dgl.DGLGraph":
    """Build the item graph of a log's training rows.

    Parameters
    ----------
    settings : GraphNegatives.Settings
    config : Config
        For ``seed`` and ``show_progress``.
    log : RequestLog
    parallel_map : Map
    """
    from recbole_poem.graph.swing import item_graph, swing

    rows = log.training.nonzero()[0]
    interactions = sparse.csr_matrix(
        (np.ones(len(rows)), (log.user[rows], log.item[rows])), (log.n_users, log.n_items)
    )
    similarity = swing(
        interactions,
        alpha=settings.alpha,
        max_users_per_item=settings.max_users_per_item,
        max_items_per_user=settings.max_items_per_user,
        seed=config["seed"],
        top_k=settings.neighbours,
        show_progress=config["show_progress"],
        parallel_map=parallel_map,
    )
    return item_graph(similarity, settings.neighbours)
