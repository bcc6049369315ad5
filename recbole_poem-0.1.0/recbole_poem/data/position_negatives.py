"""Negatives of the targets at all positions of training windows, not at the requests alone.

Each draw is keyed by its row and epoch, as the requests' are: so it is the same in whatever batch,
process or worker the row is.
"""

import numpy as np
import torch
from recbole.data.interaction import Interaction

from recbole_poem.core.errors import InputError
from recbole_poem.core.fields import REQUEST_ID, REQUEST_POSITION, SYSTEM_POSITIVE, TARGET_ID
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.data.negatives import NegativeSource, TrainingData


def draws_of_positions(draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
    """Return the draw ids of all positions.

    Parameters
    ----------
    draws : (B, R) int64
        Those of the requests that the windows carry.
    batch : Interaction

    Returns
    -------
    (B, W) int64
        Meaningless where there is no target.
    """
    first = draws[:, :1] - batch[REQUEST_POSITION][:, :1]
    return first + torch.arange(batch[TARGET_ID].shape[1])


class UniformOthers:
    """Items drawn uniformly, with replacement, from all but the target.

    What the user consumed at other times may be among them, as in gSASRec.

    Parameters
    ----------
    data : TrainingData
    number : int
        Negatives a target.
    where : str
        The term that asks, for the words of errors.

    Raises
    ------
    InputError
        If the catalogue has no other item.
    """

    def __init__(self, data: TrainingData, number: int, where: str) -> None:
        self._n_others = data.log.n_items - 2  # less padding and the target
        if self._n_others < 1:
            raise InputError(f"{where}: the data set has one item, so nothing can be a negative")
        self._number, self._seed = number, data.config["seed"]

    def draw(self, draws: torch.Tensor, batch: Interaction) -> torch.Tensor:
        """Draw for the targets of a batch, (B, W, n) int64; 0 where there is no target."""
        target = batch[TARGET_ID]
        there = target > 0
        which = torch.arange(self._number)
        key = draws_of_positions(draws, batch)[there].unsqueeze(1)
        noise = uniform(self._seed, Purpose.POSITION_NEGATIVE, key, which)
        item = (noise * self._n_others).long() + 1
        item += item >= target[there].unsqueeze(1)
        negative = target.new_zeros(*target.shape, self._number)
        negative[there] = item
        return negative


def drawn_at_positions(
    source: NegativeSource, draws: torch.Tensor, batch: Interaction, n_rows: int
) -> torch.Tensor:
    """Let a component of the stage ``negatives`` draw for every target of a batch.

    Parameters
    ----------
    source : NegativeSource
    draws : (B, R) int64
    batch : Interaction
        System positives that its requests carry are no negatives of theirs.
    n_rows : int
        Of the log.

    Returns
    -------
    (B, W, n) int64
        0 = none.
    """
    target = batch[TARGET_ID]
    at_positions = draws_of_positions(draws, batch)
    row = torch.where(target > 0, at_positions % n_rows, -1)
    preferred = batch.interaction.get(SYSTEM_POSITIVE)
    if preferred is not None:
        preferred = preferred * (batch[REQUEST_ID] >= 0).unsqueeze(-1)
        place = batch[REQUEST_POSITION].unsqueeze(-1).expand_as(preferred)
        nothing = target.new_zeros(*target.shape, preferred.shape[2])
        preferred = nothing.scatter(1, place, preferred)
    return source.draw(row, at_positions, preferred)


def target_shares(data: TrainingData) -> torch.Tensor:
    """Return the share of each item in the targets of the training rows, (n_items,) float32."""
    rows = data.dataset.inter_feat[REQUEST_ID].numpy()
    counts = np.bincount(data.log.item[rows], minlength=data.log.n_items)
    return torch.from_numpy(counts / counts.sum()).float()
