"""RAR (Recall-Augmented Ranking, arXiv 2404.09578): look-alike users and recalled items as inputs.

The paper selects two sets for a request, look-alike users and items of the recall stage, by the
signs of random projections. Attention from set to set between the user's history with the
candidate, the look-alikes and the items makes features of them, for any ranker. It supervises the
items as well. Its equations were not known to us; these are our reading::

    A   = the latest items of the user, and the candidate c
    B   = the k nearest look-alikes before the request      (`recbole_poem.rankers.look_alikes`)
    C   = the latest n items that each of them liked before the request
    z_a = sum_b softmax_b(<a, W b> / sqrt(d)) b             what a member of A reads in B
    y_b = sum_a softmax_a(<a, V b> / sqrt(d)) a             and back
    features = [z_c + mean_h z_h; z_c * c; mean_b y_b]      h: the latest items; the same for C

W and V stand for queries times keys, and are the identity at first: what is alike is read. What a
set lacks adds 0, and two empty sets leave the ranker what it is without them. The order of
a set says nothing.

C is what users alike recall, not a list of the request cache. A ranker that fills that cache
(``time_blocks``) comes before it, and one that is trained alone has none. The supervision of the
recalled items is left out, since the labels that it takes are not known to us.

A user likes a row that came to something for the first target: a yes, or a label above 0 where it
has no yes.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from recbole_poem.core.number_types import is_whole_number
from recbole_poem.core.settings import Range, at_least, setting
from recbole_poem.core.stages import RANKER_INPUTS
from recbole_poem.rankers.feature_fields import masked_average, masked_softmax
from recbole_poem.rankers.inputs import Found, Known, States
from recbole_poem.rankers.look_alikes import LikedRows, LookAlikes
from recbole_poem.rankers.ranking_requests import RankingRequests

_DIVISOR = Range(lambda v: is_whole_number(v) and v in (4, 8, 16), "4, 8 or 16")


@RANKER_INPUTS.register("rar")
class RecallAugmented(nn.Module):
    """Reads look-alike users and what they liked (arXiv 2404.09578).

    Parameters
    ----------
    settings : RecallAugmented.Settings
    known : Known
    hidden_size : int
        d, of the states of users and items.
    """

    @dataclass(frozen=True)
    class Settings:
        """How many users and items are read, and how they are looked up."""

        users: int = setting(8, at_least(1), "k, look-alikes of a request")
        items: int = setting(2, at_least(1), "latest items that each of them liked")
        tables: int = setting(
            8, _DIVISOR, "tables of look-alikes, of 2 to the power 64 / tables buckets each"
        )
        depth: int = setting(8, at_least(1), "entries of each table that a request looks up")

    def __init__(
        self, settings: "RecallAugmented.Settings", known: Known, hidden_size: int
    ) -> None:
        super().__init__()
        self._n_users, self._n_items = settings.users, settings.items
        self.look_alikes = LookAlikes(
            liked_rows(known),
            known.log.n_users,
            known.log.n_items,
            known.user_columns,
            settings.tables,
            settings.depth,
            known.seed,
        )
        self.with_users = SetToSet(hidden_size)
        self.with_items = SetToSet(hidden_size)
        self.output_size = 6 * hidden_size

    def find(self, requests: RankingRequests) -> Found:
        """Find the look-alikes of the users at the time, (R, k), and their items (R, k n)."""
        states = self.look_alikes(requests.user, requests.time, self._n_users)
        items = self.look_alikes.latest_items(states, self._n_items)
        return Found(self.look_alikes.users_of(states), items.flatten(1))

    def forward(self, requests: RankingRequests, states: States) -> torch.Tensor:
        """Make features of both sets, (R, N, 6 d)."""
        own = (states.candidates, states.history, states.in_history)
        users = self.with_users(*own, states.users, states.found.users > 0)
        items = self.with_items(*own, states.items, states.found.items > 0)
        return torch.cat([users, items], dim=-1)


def liked_rows(known: Known) -> LikedRows:
    """Return the training rows that came to something for the first target."""
    rows = known.log.training & known.liked
    return LikedRows(known.log.user[rows], known.log.item[rows], known.seconds[rows])


class SetToSet(nn.Module):
    """Attention between the latest items with a candidate and another set, both ways.

    Parameters
    ----------
    size : int
        d.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.read = nn.Linear(size, size, bias=False)
        self.read_back = nn.Linear(size, size, bias=False)
        for layer in (self.read, self.read_back):
            nn.init.eye_(layer.weight)

    def forward(
        self,
        candidates: torch.Tensor,
        history: torch.Tensor,
        in_history: torch.Tensor,
        others: torch.Tensor,
        present: torch.Tensor,
    ) -> torch.Tensor:
        """Make features of the set beside each candidate.

        Parameters
        ----------
        candidates : (R, N, d)
        history : (R, H, d)
        in_history : (R, H) bool
        others : (R, K, d)
        present : (R, K) bool

        Returns
        -------
        (R, N, 3 d); 0 where nobody of the others is present.
        """
        own = torch.cat([history, candidates], dim=1)  # (R, H + N, d)
        read = self._read(own, in_history, others, present)
        back = self._read_back(own, in_history, others, present)
        of_history, of_candidate = read[:, :1], read[:, 1:]
        return torch.cat([of_candidate + of_history, of_candidate * candidates, back], dim=-1)

    def _read(
        self,
        own: torch.Tensor,
        in_history: torch.Tensor,
        others: torch.Tensor,
        present: torch.Tensor,
    ) -> torch.Tensor:
        """Return what the latest items read on average, and each candidate: (R, 1 + N, d)."""
        n_history = in_history.shape[1]
        key = self.read(others) * others.shape[-1] ** -0.5
        weights = masked_softmax(own @ key.transpose(1, 2), present.unsqueeze(1))  # (R, H + N, K)
        of_history = masked_average(weights[:, :n_history], in_history).unsqueeze(1)
        return torch.cat([of_history, weights[:, n_history:]], dim=1) @ others

    def _read_back(
        self,
        own: torch.Tensor,
        in_history: torch.Tensor,
        others: torch.Tensor,
        present: torch.Tensor,
    ) -> torch.Tensor:
        """Average what the others read in the latest items and the candidate, (R, N, d).

        The latest items are read once, whatever the number of candidates: a softmax over both is
        one over them, and a share for the candidate.
        """
        sizes = [in_history.shape[1], own.shape[1] - in_history.shape[1]]
        query = self.read_back(others) * others.shape[-1] ** -0.5
        logits, of_candidate = (query @ own.transpose(1, 2)).split(sizes, dim=2)  # (R, K, H or N)
        history, candidates = own.split(sizes, dim=1)
        there = in_history.unsqueeze(1)
        of_history = masked_softmax(logits, there) @ history  # (R, K, d)
        lowest = torch.finfo(logits.dtype).min
        total = logits.masked_fill(~there, lowest).logsumexp(dim=-1, keepdim=True)  # (R, K, 1)
        share = torch.sigmoid(of_candidate - total).transpose(1, 2)  # (R, N, K)
        weight = F.normalize(present.to(share.dtype), p=1, dim=-1).unsqueeze(1)  # (R, 1, K)
        own_part = (weight * share).sum(dim=-1, keepdim=True) * candidates
        return (weight * (1 - share)) @ of_history + own_part
