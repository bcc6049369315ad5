"""Ranks that shards count together: those of all scores side by side."""

from typing import Any, Dict, List, Tuple

import pytest
import torch
from toy_processes import on_processes

from recbole_poem.benchmark.evaluation import rank_last, rank_targets
from recbole_poem.core.stages import ITEM_TABLES
from recbole_poem.encoders.sizes import Sizes
from recbole_poem.logits.scoring import Calendar, Interest, Items, all_logits
from recbole_poem.training.shard_ranks import ranked

N_ITEMS, N_STEPS = 53, 3


class Scored:
    """As much of a model as scores items: embeddings, and a trend by the step of time."""

    def __init__(self, n_processes: int, scores_at_once: int) -> None:
        block = {"name": "sharded", "scores_at_once": scores_at_once}
        sizes = Sizes(4, 6, 1, 1, 8, 0.0, 0.0, seed=7)
        table = ITEM_TABLES.choose(block, "item_table").make(N_ITEMS, sizes, n_processes)
        table.begin(0.5)
        self.item_embedding = table
        trend = torch.rand(2, N_STEPS + 1, N_ITEMS, generator=torch.Generator().manual_seed(5))
        self.calendar = Calendar(trend, torch.tensor([0.6, -0.3]), 1)

    def scoring_items(self, weight: torch.Tensor, ids: torch.Tensor) -> Items:
        return Items(weight, (self.calendar.of(ids),))


def asked(n_rows: int, n_named: int, seed: int) -> Tuple[Interest, torch.Tensor, Any]:
    """Draw what some rows ask: two interests, named items, targets, and what is masked."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(n: int, *shape: int) -> torch.Tensor:
        return torch.randint(0, n, shape, generator=generator)

    state = torch.randn(n_rows, 2, 4, generator=generator)
    logit = torch.randn(n_rows, n_named, generator=generator)
    named = drawn(N_ITEMS, n_rows, n_named)
    named[: n_rows // 2, 0] = target = drawn(N_ITEMS - 1, n_rows)[: n_rows // 2] + 1
    target = torch.cat([target, drawn(N_ITEMS - 1, n_rows - len(target)) + 1])
    interest = Interest(state, 1 + drawn(N_STEPS, n_rows, 1), named, logit)
    row, item = drawn(n_rows, 3 * n_rows), drawn(N_ITEMS - 1, 3 * n_rows) + 1
    kept = item != target[row]
    return interest, target, (row[kept], item[kept])


def expected(model: Scored, part: Any, k: int) -> Tuple[torch.Tensor, torch.Tensor]:
    """Rank with all scores side by side; masked items, which are asked, are last."""
    interest, target, masked = part
    items = model.scoring_items(model.item_embedding.rows, torch.arange(N_ITEMS))
    scores = all_logits(interest, items)
    scores[:, 0] = -torch.inf
    if masked is not None:
        rank_last(scores, masked, torch.arange(len(target)), target)
    return rank_targets(scores, target), scores.topk(k).indices


def found(rank: int, n_processes: int, parts: List[Any], k: int) -> Dict[str, torch.Tensor]:
    model = Scored(n_processes, scores_at_once=40)
    answer = ranked(model, *parts[rank], k)
    return {"rank": answer.rank, "top": answer.top}


@pytest.mark.parametrize("scores_at_once", [1, 40, 10**6])
@pytest.mark.parametrize("is_masked", [False, True])
def test_blocks_of_one_shard_rank_as_all_scores_do(scores_at_once: int, is_masked: bool) -> None:
    model, part = Scored(1, scores_at_once), asked(9, 5, seed=1)
    part = part if is_masked else (*part[:2], None)
    answer = ranked(model, *part, 7)
    rank, top = expected(model, part, 7)
    assert torch.equal(answer.rank, rank)
    assert torch.equal(answer.top, top)
    assert len(rank.unique()) > 4


@pytest.mark.parametrize("n_processes", [2, 4])
def test_ranks_of_all_shards_are_those_of_all_scores(n_processes: int) -> None:
    """Processes ask for other numbers of rows, named items and masked ones."""
    parts = [asked(9 - rank, 3 + rank, seed=rank) for rank in range(n_processes)]
    one = Scored(1, 10**6)
    for part, answer in zip(parts, on_processes(n_processes, found, parts, 7)):
        rank, top = expected(one, part, 7)
        assert torch.equal(answer["rank"], rank)
        assert torch.equal(answer["top"], top)


def test_without_lists_none_is_made() -> None:
    assert ranked(Scored(1, 40), *asked(9, 5, seed=1), 0).top is None


def test_a_target_that_is_not_a_number_is_told_by_its_score() -> None:
    """Nothing is ahead of it, so its rank alone would be the first."""
    model, part = Scored(1, 40), asked(9, 5, seed=1)
    model.item_embedding.rows[part[1][3]] = float("nan")
    is_broken = part[1] == part[1][3]
    assert torch.equal(ranked(model, *part, 0).score.isnan(), is_broken)


def test_of_equal_scores_the_lower_id_is_ahead() -> None:
    model = Scored(1, 40)
    model.item_embedding.rows[:] = 1.0
    model.calendar = model.calendar._replace(weight=torch.zeros(2))
    nothing = torch.zeros(1, 0)
    interest = Interest(torch.ones(1, 1, 4), torch.ones(1, 1).long(), nothing.long(), nothing)
    for target in (1, 30, N_ITEMS - 1):
        assert ranked(model, interest, torch.tensor([target]), None, 0).rank.tolist() == [target]
