"""History encoders: what makes states of a history, and says what they are scored with."""

from typing import Protocol

import torch

from recbole_poem.encoders.positions import Rows


class HistoryEncoder(Protocol):
    """A component of the stage ``history_encoder``: a torch module.

    It is made of its settings, the model's `Sizes`, and the row features by their names.

    Attributes
    ----------
    n_interests : int
        K, states of a history; an item is scored by the one that has the largest product with it.
    """

    n_interests: int

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
