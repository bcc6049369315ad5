"""A list that weighs what an item is worth against whether the user goes on after it (STCRank).

STCRank (arXiv 2601.10027) multiplies value by continuation, and its equations are not public. Our
reading: an item's worth is its share in the softmax of the scores; the continuation is the share of
the item's training rows that another row of the user followed within a session. The list of the
greatest value, in the sense of `recbole_poem.rerankers.continuation`, is found exactly. With
`fatigue` a category that is on the list already lets users leave sooner, and a beam searches.

A log of a part of the items is a sieve of the real sessions: another row that follows there is not
the next exposure.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Tuple

import numpy as np
import torch
from recbole.data.dataset import Dataset

from recbole_poem.core.errors import InputError
from recbole_poem.core.settings import ABOVE_0, SHARE, at_least, setting
from recbole_poem.core.stages import RERANKERS
from recbole_poem.core.times import PER_SECOND
from recbole_poem.data.categories import read_categories
from recbole_poem.log.requests import RequestLog
from recbole_poem.rerankers import Context, Placed
from recbole_poem.rerankers.continuation import Lists, beam_lists, best_lists


@RERANKERS.register("lookahead")
class Lookahead:
    """Fills the list so that it is worth most to a user who may leave after every item.

    Parameters
    ----------
    settings : Settings
    config : Config
    dataset : Dataset
        Whose log tells how often users go on; with `fatigue` its items have the categories of the
        key ``category_field``.

    Raises
    ------
    InputError
        If the items have no categories to be tired of.
    """

    reads_states = False

    @dataclass(frozen=True)
    class Settings:
        """Length of the list, and how users go on."""

        length: int = setting(10, at_least(1), "n, places of the list")
        pool: int = setting(50, at_least(1), "items with the highest scores that change places")
        temperature: float = setting(1.0, ABOVE_0, "of the softmax that makes worth of scores")
        session_minutes: float = setting(
            30.0, ABOVE_0, "a user who has another row within them has gone on"
        )
        prior: float = setting(20.0, ABOVE_0, "rows of the usual item that are added to each item")
        fatigue: float = setting(
            0.0, SHARE, "share of q that each item of the category before it takes away"
        )
        beam: int = setting(8, at_least(1), "with fatigue: beginnings of lists that are kept")

    def __init__(self, settings: Settings, config: Any, dataset: Dataset) -> None:
        self._settings, self.pool = settings, settings.pool
        # its log is there when the data are split, and this is made before as well
        self._dataset = dataset
        self._session = settings.session_minutes * 60 * PER_SECOND[config["time_unit"]]
        device = config["device"]
        self._category: torch.Tensor = torch.zeros(0)
        if settings.fatigue > 0:
            category = read_categories(config, dataset)
            if category is None:
                raise InputError(
                    "rerankers.lookahead.fatigue: the items have no categories; name their column "
                    "of .item as category_field"
                )
            self._category = torch.from_numpy(category).to(device, torch.float32)

    @cached_property
    def _continues(self) -> torch.Tensor:
        rate = continuation_rates(self._dataset.log, self._session, self._settings.prior)
        return torch.from_numpy(rate).float()

    def rerank(self, context: Context, item: torch.Tensor, score: torch.Tensor) -> Placed:
        """Place the items; the scores are handed out anew, in the order of the list."""
        worth = (score / self._settings.temperature).softmax(dim=1).nan_to_num(0)
        worth = worth.masked_fill(score == -torch.inf, -torch.inf)
        length = min(self._settings.length, item.shape[1])
        column = self._lists(item, worth, length).column
        # what is not on the list keeps its order behind it
        n_items = item.shape[1]
        place = torch.arange(n_items, n_items * 2, device=item.device).repeat(len(item), 1)
        spare = torch.cat([place, place[:, :1]], dim=1)  # the last column takes what is no item
        of_list = torch.arange(length, device=item.device).expand_as(column)
        where = torch.where(column >= 0, column, n_items)
        order = spare.scatter(1, where, of_list)[:, :n_items].argsort(dim=1)
        return Placed(order, score)

    def _lists(self, item: torch.Tensor, worth: torch.Tensor, length: int) -> Lists:
        if self._settings.fatigue == 0:
            return best_lists(worth, self._continues.to(item.device)[item], length)
        filled = (worth > -torch.inf).sum(dim=1).clamp_max(length)
        column, value = item.new_full((len(item), length), -1), worth.new_zeros(len(item))
        for size in filled[filled > 0].unique().tolist():  # a list is as long as its items allow
            rows = (filled == size).nonzero().squeeze(1)
            found = self._tired_lists(item[rows], worth[rows], size)
            column[rows, :size], value[rows] = found.column, found.value
        return Lists(column, value)

    def _tired_lists(self, item: torch.Tensor, worth: torch.Tensor, length: int) -> Lists:
        """Return the lists of users who tire of categories; so many items each at least."""
        continues = self._continues.to(item.device)[item]
        category = self._category.to(item.device)[item]  # (B, N, C)
        same = (category @ category.transpose(1, 2) > 0).to(worth.dtype)

        def given(begun: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
            row = torch.arange(len(item), device=item.device).view(-1, 1, 1)
            before = same[row, begun.to(item.device)].sum(dim=2)  # (B, P, N)
            tired = continues.unsqueeze(1) * (1 - self._settings.fatigue) ** before
            return worth.unsqueeze(1).expand_as(tired), tired

        return beam_lists(given, len(item), length, self._settings.beam)


def continuation_rates(log: RequestLog, session: float, prior: float) -> np.ndarray:
    """Return how often users went on after each item, by the training rows, (n_items,) float64.

    The last training row of a user counts where its session is over before the last training row of
    the log. Else nobody knows, and neither where a row was held out before that moment, as
    leave-one-out does: whether it was of the session is not told.

    Parameters
    ----------
    log : RequestLog
    session : float
        In the unit of the log's times.
    prior : float
        Rows of the usual item that are added to each item, above 0.
    """
    rows = np.flatnonzero(log.training)
    if len(rows) == 0:
        return np.zeros(log.n_items)
    user, time = log.user[rows], log.time[rows]
    has_next = np.append(user[1:] == user[:-1], False)
    gap = np.where(has_next, np.append(time[1:], np.nan) - time, np.inf)
    behind = np.minimum(rows + 1, len(log) - 1)
    held_out = (log.user[behind] == user) & ~log.training[behind] & (log.time[behind] <= time.max())
    known = has_next | (~held_out & (time + session <= time.max()))
    goes_on = (gap <= session)[known]
    item = log.item[rows][known]
    number = np.bincount(item, minlength=log.n_items)
    stays = np.bincount(item, weights=goes_on, minlength=log.n_items)
    usual = goes_on.mean() if len(goes_on) else 0.0
    rate: np.ndarray = (stays + prior * usual) / (number + prior)
    return rate
