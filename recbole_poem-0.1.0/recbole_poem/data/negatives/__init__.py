"""Negative sources: items per request that are no positives of it."""

from typing import Any, NamedTuple, Optional, Protocol

import torch

from recbole_poem.core.workers import Map
from recbole_poem.log.requests import RequestLog


class TrainingData(NamedTuple):
    """What the training part offers to those who make the fields of its batches.

    Attributes
    ----------
    config : Config
    dataset : POEMDataset
        The training split, with the request cache where one is read.
    log : RequestLog
        Its training rows may be counted.
    parallel_map : Map
        Where long computations are done; see `recbole_poem.core.workers`.
    """

    config: Any
    dataset: Any
    log: RequestLog
    parallel_map: Map


class NegativeSource(Protocol):
    """A component of the stage ``negatives``, made of its settings and `TrainingData`."""

    def draw(
        self, requests: torch.Tensor, draws: torch.Tensor, preferred: Optional[torch.Tensor]
    ) -> torch.Tensor:
        """Draw negatives for the requests of a batch.

        Parameters
        ----------
        requests : (B, R) int64
            Request ids, -1 = none.
        draws : (B, R) int64
            Draw ids, the keys of the randomness.
        preferred : (B, R, k) int64, optional
            System positives, 0 = none.

        Returns
        -------
        (B, R, n) int64
            0 where there is none. Never an item of the user's training rows, a system positive of
            the request or padding.
        """
