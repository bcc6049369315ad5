"""The rank of a target among all items, counted shard by shard, and block by block in a shard.

A rank is 1 + the items with a higher score, summed over the shards; of equal scores the lower id is
ahead. No process ever has the scores of all items, or of its own shard, side by side.
"""

from typing import Any, List, NamedTuple, Optional, Tuple

import torch
import torch.distributed

from recbole_poem.encoders.tables.sharded import Sharded
from recbole_poem.logits.scoring import Interest, all_logits, logits_of

#: rows of a batch and items of them, (E,) each, that are ranked last
Masked = Tuple[torch.Tensor, torch.Tensor]


class Found(NamedTuple):
    """What the shards say of B prediction rows.

    Attributes
    ----------
    rank : (B,) int64
        Of the target, from 1.
    score : (B,)
        Of the target; NaN has no rank, whatever `rank` says.
    top : (B, k) int64 or None
        The k best items, the best first.
    """

    rank: torch.Tensor
    score: torch.Tensor
    top: Optional[torch.Tensor]


class Asked(NamedTuple):
    """The prediction rows of all processes.

    Attributes
    ----------
    interest : Interest
        Of T of them.
    target : (T,) int64
    masked : Masked
    own : slice
        Those of this process.
    """

    interest: Interest
    target: torch.Tensor
    masked: Masked
    own: slice


@torch.no_grad()
def ranked(
    model: Any, interest: Interest, target: torch.Tensor, masked: Optional[Masked], k: int
) -> Found:
    """Rank the targets of a batch; all processes do so together, each with a batch of its own.

    Parameters
    ----------
    model : POEM
        With a sharded table.
    interest : Interest
        Of the B rows of this process.
    target : (B,) int64
    masked : Masked or None
        Of these rows; a target is never among them.
    k : int
        Length of the lists; 0 = none.
    """
    table: Sharded = model.item_embedding
    nothing = target.new_zeros(0)
    asked = _of_all(interest, target, masked or (nothing, nothing), table)
    score = _scores_of_targets(model, table, asked)
    ahead, best = torch.zeros_like(asked.target), _Best(k, asked.target)
    n_rows = max(1, table.scores_at_once // max(1, len(asked.target)))
    for begin in range(0, len(table.rows), n_rows):
        place = torch.arange(begin, min(begin + n_rows, len(table.rows)), device=target.device)
        scores = _scores(model, table, asked, place)
        ids, wanted = table.ids_of(place), asked.target.unsqueeze(1)
        best.see(scores, ids)
        higher = (scores > score) | ((scores == score) & (ids < wanted))
        ahead += (higher & (ids != wanted)).sum(dim=1)
    if table.n_processes > 1:
        torch.distributed.all_reduce(ahead)
    of_own, score = asked.own, score.squeeze(1)
    return Found(1 + ahead[of_own], score[of_own], best.merged(table.n_processes, of_own))


def _scores(model: Any, table: Sharded, asked: Asked, place: torch.Tensor) -> torch.Tensor:
    """Score the rows `place` (n,), one behind the other, for all that is asked, (T, n)."""
    items = model.scoring_items(table.rows[place], table.ids_of(place))
    named = asked.interest.item
    here, column = _placed(table, named, place)
    interest = asked.interest._replace(
        item=torch.where(here, column, 0), logit=torch.where(here, asked.interest.logit, 0)
    )
    scores = all_logits(interest, items)
    row, item = asked.masked
    here, column = _placed(table, item, place)
    scores[row[here], column[here]] = -torch.inf
    if table.rank == 0 and place[0] == 0:
        scores[:, 0] = -torch.inf  # padding
    return scores


def _placed(
    table: Sharded, items: torch.Tensor, place: torch.Tensor
) -> Tuple[torch.Tensor, torch.Tensor]:
    """Tell which items are of the rows `place` (n,), and in which column of these they stand."""
    column = items // table.n_processes - place[0]
    own = items % table.n_processes == table.rank
    return own & (column >= 0) & (column < len(place)), column


def _scores_of_targets(model: Any, table: Sharded, asked: Asked) -> torch.Tensor:
    """Return the score of each target, (T, 1), which its owner knows."""
    interest, target = asked.interest, asked.target
    own = (target % table.n_processes == table.rank).nonzero().squeeze(1)
    items = model.scoring_items(table.rows[target[own] // table.n_processes], target[own])
    number = torch.arange(len(own), device=own.device).unsqueeze(1)
    is_target = interest.item[own] == target[own].unsqueeze(1)
    of_own = Interest(
        interest.state[own],
        interest.step[own],
        torch.where(is_target, number, len(own)),  # behind all of them: of no item that is asked
        interest.logit[own],
    )
    scores = interest.state.new_zeros(len(target), 1)
    scores[own] = logits_of(of_own, items, number).to(scores.dtype)
    if table.n_processes > 1:
        torch.distributed.all_reduce(scores)
    return scores


class _Best:
    """The best items of what was seen so far.

    Parameters
    ----------
    k : int
        0 = none are wanted.
    like : (T,) int64
        The targets.
    """

    def __init__(self, k: int, like: torch.Tensor) -> None:
        self.k = k
        self.score = torch.zeros(len(like), 0, device=like.device)
        self.item = like.new_zeros(len(like), 0)

    def see(self, scores: torch.Tensor, ids: torch.Tensor) -> None:
        """Look at the scores (T, n) of further items (n,)."""
        if self.k:
            self._keep(scores, ids.expand(len(scores), -1))

    def _keep(self, scores: torch.Tensor, ids: torch.Tensor) -> None:
        score, item = torch.cat([self.score, scores], 1), torch.cat([self.item, ids], 1)
        self.score, place = score.topk(min(self.k, score.shape[1]), dim=1)
        self.item = item.gather(1, place)

    def merged(self, n_processes: int, own: slice) -> Optional[torch.Tensor]:
        """Return the best items of all shards for the rows `own`, (B, k)."""
        if not self.k:
            return None
        if n_processes > 1:
            scores, items = _gathered(self.score.T), _gathered(self.item.T)
            self.score, self.item = self.score[:, :0], self.item[:, :0]
            self._keep(torch.cat(scores).T, torch.cat(items).T)
        return self.item[own]


# -- what all processes ask --------------------------------------------------------------------


def _of_all(interest: Interest, target: torch.Tensor, masked: Masked, table: Sharded) -> Asked:
    """Bring together what the processes ask."""
    if table.n_processes == 1:
        return Asked(interest, target, masked, slice(None))
    parts = [_gathered(part) for part in interest]
    width = max(part.shape[1] for part in parts[2])
    for which in (2, 3):  # a process may name more items than another
        parts[which] = [_wide(part, width) for part in parts[which]]
    targets, items = _gathered(target), _gathered(masked[1])
    sizes = [len(each) for each in targets]
    first = [sum(sizes[:rank]) for rank in range(len(sizes))]
    rows = [row + before for row, before in zip(_gathered(masked[0]), first)]
    own = slice(first[table.rank], first[table.rank] + sizes[table.rank])
    together = Interest(*(torch.cat(part) for part in parts))
    return Asked(together, torch.cat(targets), (torch.cat(rows), torch.cat(items)), own)


def _wide(values: torch.Tensor, width: int) -> torch.Tensor:
    return torch.nn.functional.pad(values, (0, width - values.shape[1]))


def _gathered(values: torch.Tensor) -> List[torch.Tensor]:
    """Return what each process gives, whose first two sizes may differ; all have as many sizes."""
    shape = torch.tensor(values.shape, device=values.device)
    shapes = [torch.empty_like(shape) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(shapes, shape)
    most = torch.stack(shapes).amax(dim=0).tolist()
    padded = values.new_zeros(most)
    padded[tuple(slice(size) for size in values.shape)] = values
    found = [torch.empty_like(padded) for _ in shapes]
    torch.distributed.all_gather(found, padded)
    return [part[tuple(map(slice, of.tolist()))] for part, of in zip(found, shapes)]
