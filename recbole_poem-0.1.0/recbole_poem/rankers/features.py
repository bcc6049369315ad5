"""What a multi-task ranker is fed: the user, the candidate, the user's recent items, and the time.

Users and items are rows of two tables of fields. The recent items are pooled by their mean,
weighted by the candidate as in DIN (Zhou et al., KDD 2018), or by what the user did with them
(`recbole_poem.rankers.action_history`). The products of the candidate with the user and with the
interest are given beside them, since an MLP learns a dot product poorly (Rendle et al., RecSys
2020).
"""

from types import MappingProxyType
from typing import Dict, List, Mapping, Sequence, Tuple, Type, cast

import torch
from torch import nn

from recbole_poem.core.errors import InputError
from recbole_poem.rankers.action_history import ActionHistory
from recbole_poem.rankers.feature_fields import (
    INITIAL_SCALE,
    Field,
    TableEncoder,
    masked_average,
    masked_softmax,
)
from recbole_poem.rankers.inputs import RankerInput, States
from recbole_poem.rankers.ranking_requests import RankingRequests

#: Gap slots: 0 = no earlier request, else 1 + floor(log2(1 + seconds)); the last is 34 years.
N_GAP_SLOTS = 32
_HOUR, _DAY = 3600, 86400
_NO_INPUTS: Mapping[str, RankerInput] = MappingProxyType({})


class MeanPooling(nn.Module):
    """The mean of the recent items, the same for every candidate.

    Parameters
    ----------
    hidden_size : int
        d.
    actions : sequence of int
        The targets that are yes/no answers: columns of the labels.
    """

    def __init__(self, hidden_size: int, actions: Sequence[int]) -> None:
        super().__init__()

    def forward(
        self,
        history: torch.Tensor,
        present: torch.Tensor,
        candidates: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """Pool as `CandidateAttention` does."""
        return masked_average(history, present).unsqueeze(1).expand_as(candidates)


class CandidateAttention(nn.Module):
    """Weights from a small network on (item, candidate, their product), a softmax over the items.

    DIN leaves the weights unnormalised; the softmax keeps the interest in one range whatever the
    number of recent items.

    Parameters
    ----------
    hidden_size : int
        d.
    actions : sequence of int
        The targets that are yes/no answers: columns of the labels.
    """

    def __init__(self, hidden_size: int, actions: Sequence[int]) -> None:
        super().__init__()
        self.item = nn.Linear(hidden_size, hidden_size)
        self.candidate = nn.Linear(hidden_size, hidden_size, bias=False)
        self.product = nn.Linear(hidden_size, hidden_size, bias=False)
        self.weight = nn.Linear(hidden_size, 1, bias=False)

    def forward(
        self,
        history: torch.Tensor,
        present: torch.Tensor,
        candidates: torch.Tensor,
        labels: torch.Tensor,
    ) -> torch.Tensor:
        """Pool the recent items for each candidate.

        Parameters
        ----------
        history : (R, H, d)
        present : (R, H) bool
        candidates : (R, N, d)
        labels : (R, H, M)
            As in `RankingRequests`.

        Returns
        -------
        (R, N, d); zero where no recent item is present.
        """
        products = candidates.unsqueeze(2) * history.unsqueeze(1)  # (R, N, H, d)
        hidden = self.product(products) + self.item(history).unsqueeze(1)
        hidden = torch.relu(hidden + self.candidate(candidates).unsqueeze(2))
        logits = self.weight(hidden).squeeze(-1)  # (R, N, H)
        return masked_softmax(logits, present.unsqueeze(1)) @ history


#: How the recent items are pooled, by the name that a configuration uses.
POOLINGS: Dict[str, Type[nn.Module]] = {
    "mean": MeanPooling,
    "attention": CandidateAttention,
    "actions": ActionHistory,
}


class RankingFeatures(nn.Module):
    """The features of each candidate of each request.

    Parameters
    ----------
    user_fields, item_fields : sequence of Field
        The two tables. Row 0 of the items is padding. The values are no part of the state that is
        saved; the embeddings are.
    embedding_size : int
        Of a field.
    hidden_size : int
        d, of a user, an item, an interest.
    pooling : str
        A key of `POOLINGS`.
    utc_offset : int
        Seconds that the users' clocks are ahead of UTC (28,800 in China).
    actions : sequence of int
        The targets that are yes/no answers: columns of the labels.
    inputs : mapping from names to RankerInput
        Whose features stand behind the others, in their order.

    Attributes
    ----------
    output_size : int
        F, the width of the features.

    Raises
    ------
    InputError
        If the pooling is not known, or as `TableEncoder`.
    """

    def __init__(
        self,
        user_fields: Sequence[Field],
        item_fields: Sequence[Field],
        embedding_size: int,
        hidden_size: int,
        pooling: str,
        utc_offset: int,
        actions: Sequence[int],
        inputs: Mapping[str, RankerInput] = _NO_INPUTS,
    ) -> None:
        super().__init__()
        if pooling not in POOLINGS:
            raise InputError(f"pooling: unknown '{pooling}'; known: {', '.join(POOLINGS)}")
        self.users = TableEncoder(user_fields, embedding_size, hidden_size)
        self.items = TableEncoder(item_fields, embedding_size, hidden_size)
        self.pooling = POOLINGS[pooling](hidden_size, actions)
        self.time = TimeEncoder(embedding_size, utc_offset)
        self.inputs = nn.ModuleDict(inputs)  # type: ignore[arg-type]
        own_size = 5 * hidden_size + self.time.output_size
        self.output_size = own_size + sum(each.output_size for each in inputs.values())

    def forward(self, requests: RankingRequests) -> torch.Tensor:
        """Compute the features (R, N, F) of `requests`."""
        inputs = cast(Sequence[RankerInput], self.inputs.values())
        found = [each.find(requests) for each in inputs]
        own = [requests.user.unsqueeze(1)], [requests.candidates, requests.history]
        user, *users = _encoded(self.users, own[0] + [of.users for of in found])
        candidates, history, *items = _encoded(self.items, own[1] + [of.items for of in found])
        in_history = requests.history > 0
        interest = self.pooling(history, in_history, candidates, requests.history_labels)
        user = user.expand_as(candidates)
        time = self.time(requests.time, requests.gap).unsqueeze(1)
        features = [user, candidates, interest, user * candidates, interest * candidates]
        features.append(time.expand(-1, candidates.shape[1], -1))
        for each, of_users, of_items, of in zip(inputs, users, items, found):
            states = States(candidates, history, in_history, of_users, of_items, of)
            features.append(each(requests, states))
        return torch.cat(features, dim=-1)


def _encoded(table: TableEncoder, rows: List[torch.Tensor]) -> Tuple[torch.Tensor, ...]:
    """Encode several rows a request, (R, k) each, at once: (R, k, d) each."""
    return table(torch.cat(rows, dim=1)).split([each.shape[1] for each in rows], dim=1)


class TimeEncoder(nn.Module):
    """Embeddings of the hour of the day, the day of the week and the gap, side by side."""

    def __init__(self, embedding_size: int, utc_offset: int) -> None:
        super().__init__()
        self.utc_offset = utc_offset
        embeddings = [nn.Embedding(n_slots, embedding_size) for n_slots in (24, 7, N_GAP_SLOTS)]
        for embedding in embeddings:
            nn.init.normal_(embedding.weight, std=INITIAL_SCALE)
        self.embeddings = nn.ModuleList(embeddings)
        self.output_size = 3 * embedding_size

    def forward(self, time: torch.Tensor, gap: torch.Tensor) -> torch.Tensor:
        """Encode times (R,) and gaps (R,), int64 seconds, as (R, 3 e)."""
        slots = time_slots(time, gap, self.utc_offset).unbind(-1)
        return torch.cat(
            [embedding(slot) for embedding, slot in zip(self.embeddings, slots)], dim=-1
        )


def time_slots(time: torch.Tensor, gap: torch.Tensor, utc_offset: int) -> torch.Tensor:
    """Hour of the day (0 to 23), day of the week (Monday = 0) and gap slot: (R, 3) int64.

    Parameters
    ----------
    time, gap : (R,) int64
        As in `RankingRequests`.
    utc_offset : int
        Seconds.

    Raises
    ------
    TypeError
        If the times are not int64: float32 rounds today's times to two minutes.
    """
    if time.dtype != torch.int64 or gap.dtype != torch.int64:
        raise TypeError(f"time and gap must be int64 seconds, not {time.dtype} and {gap.dtype}")
    local = time + utc_offset
    hour = local.remainder(_DAY).div(_HOUR, rounding_mode="floor")
    day = (local.div(_DAY, rounding_mode="floor") + 3).remainder(7)  # 1970-01-01 was a Thursday
    gap_slot = 1 + gap.clamp(min=0).add(1).double().log2().floor().long()
    gap_slot = gap_slot.clamp(max=N_GAP_SLOTS - 1).masked_fill(gap < 0, 0)
    return torch.stack([hour, day, gap_slot], dim=-1)
