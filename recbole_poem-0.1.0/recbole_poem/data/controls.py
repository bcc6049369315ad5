"""Controls: rankings of the request cache that were tampered with, to see where a gain comes from.

Neither is for use. A shuffled cache (key ``shuffle_rankings``) has rankings like the real ones that
say nothing of the reader. Without the target (key ``hide_target``) the ranking of an evaluated row
no longer says where it put what is to be predicted.
"""

from dataclasses import dataclass, fields

import numpy as np
import torch

from recbole_poem.cache.rankings import Rankings
from recbole_poem.cache.request_cache import RequestCache
from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.log.requests import RequestLog


def donors(training: np.ndarray, seed: int) -> np.ndarray:
    """Draw a permutation of the requests in which none keeps its place.

    Training rows change places with training rows and the others with the others, so that no
    held-out row moves anything that training reads.

    Parameters
    ----------
    training : (R,) bool
        The training part of the log.
    seed : int

    Returns
    -------
    (R,) int64
        Whose ranking stands in the place of each; a part of one row alone keeps its own.
    """
    donor = np.arange(len(training))
    for part in (training, ~training):
        rows = np.flatnonzero(part)
        noise = uniform(seed, Purpose.SHUFFLE, torch.from_numpy(rows)).numpy()
        circle = rows[np.argsort(noise, kind="stable")]
        donor[circle] = np.roll(circle, 1)
    return donor


@dataclass(frozen=True)
class ShuffledCache(RequestCache):
    """A request cache in which every request finds the ranking of another one.

    Attributes
    ----------
    donor : (R,) int64
        Whose ranking it is; see `donors`.
    """

    donor: np.ndarray

    @classmethod
    def of(cls, cache: RequestCache, log: RequestLog, seed: int) -> "ShuffledCache":
        """Shuffle `cache`, whose files stay as they are."""
        held = {each.name: getattr(cache, each.name) for each in fields(cache)}
        return cls(**held, donor=donors(log.training, seed))

    def numbers_of(self, requests: np.ndarray) -> np.ndarray:
        """Return the rankings in the place of log rows (...); -1 is none."""
        return super().numbers_of(np.where(requests >= 0, self.donor[requests], -1))


def without_history(rankings: Rankings, log: RequestLog, requests: np.ndarray) -> Rankings:
    """Drop what the readers consumed before their requests from rankings that are not their own.

    The item-to-item source never offers an item that the user has consumed, so that its rankings,
    less what was consumed since, hold none; a ranking of another user may. (A logged ranking may
    offer consumed items: where it is shuffled, these are dropped as well.)

    Parameters
    ----------
    rankings : Rankings
    requests : (...,) int64
        Request ids of the readers; -1 = no request, whose ranking is left as it is.
    """
    reader = requests.ravel()
    known = np.flatnonzero(reader >= 0)
    index, row = log.rows_before(reader[known])
    consumed = known[index] * log.n_items + log.item[row]
    offered = np.arange(len(reader)).reshape(*requests.shape, 1) * log.n_items + rankings.items
    return rankings.kept(~np.isin(offered, consumed))


def without_target(rankings: Rankings, log: RequestLog, requests: np.ndarray) -> Rankings:
    """Drop the item of its own row from every ranking: an oracle control.

    What is left still tells something that only an oracle knows: none of the candidates is the
    target. A model that trained on such rankings would rank the candidates low, and be far better
    than without a cache. Hence this is for evaluation alone: there, what remains of a gain is not
    from the target's own rank.

    Parameters
    ----------
    rankings : Rankings
    requests : (...,) int64
        Request ids; -1 = no request, whose ranking is left as it is.
    """
    target = np.where(requests >= 0, log.item[requests], -1)
    return rankings.kept(rankings.items != target[..., None])
