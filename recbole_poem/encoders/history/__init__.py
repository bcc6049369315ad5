"""History encoders: what makes states of a history, and says what they are scored with."""

from typing import Any, ClassVar, Optional, Protocol, Tuple, runtime_checkable

import torch
from scipy import sparse

from recbole_poem.encoders.positions import Rows
from recbole_poem.log.clock import Clock
from recbole_poem.log.requests import RequestLog


class HistoryEncoder(Protocol):
    """A component of the stage ``history_encoder``: a torch module.

    It is made of its settings, the model's `Sizes`, and the row features by their names.

    Attributes
    ----------
    n_interests : int
        K, states of a history; an item is scored by the one that has the largest product with it.
    unread_keys : tuple of str
        Of the class: the keys of sizes, such as ``n_layers``, that it has no use for.
    """

    n_interests: int
    unread_keys: ClassVar[Tuple[str, ...]]

    def __call__(self, items: torch.Tensor, rows: Rows) -> torch.Tensor:
        """Encode histories: the states at a place know the rows up to it.

        Parameters
        ----------
        items : (B, W, d)
            Item embeddings, W <= the maximal length; windows are padded on the right.
        rows : Rows

        Returns
        -------
        (B, W, K, d)
        """

    def at(self, items: torch.Tensor, rows: Rows, place: torch.Tensor) -> torch.Tensor:
        """Return the states at one place (B,) of each window alone, (B, K, d)."""

    def scoring(self, items: torch.Tensor) -> torch.Tensor:
        """Return what the states are multiplied with, of item embeddings (n, d)."""

    def reset_parameters(self, std: float) -> None:
        """Begin with weights of this standard deviation."""


@runtime_checkable
class KnowsItemGraph(Protocol):
    """A history encoder that knows all items by a graph beside.

    The graph is a part of its state, so that a checkpoint holds it.
    """

    @staticmethod
    def graph_of(settings: Any, log: RequestLog, clock: Clock) -> Optional[sparse.csr_matrix]:
        """Return a graph (n_items, n_items) of a log's training rows, by the settings.

        It may not depend on other rows. None where none is read.
        """

    def know(self, graph: sparse.csr_matrix) -> None:
        """Take the graph; without it, that of a checkpoint is loaded."""

    def table(self, embedding: torch.Tensor) -> torch.Tensor:
        """Return what rows hold of items, of the embeddings of all of them; both (n_items, d).

        The rows of histories and of rankings are read from it. `scoring` is given the embeddings.
        Nothing in it is drawn at random.
        """
