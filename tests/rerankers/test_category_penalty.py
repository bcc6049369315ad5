"""Lists that are chosen as a whole: the rule itself, and what it must leave alone."""

from typing import Any, List

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recbole_poem.rerankers import Context, category_penalty
from recbole_poem.rerankers.category_penalty import CategoryPenalty, order_of
from recbole_poem.rerankers.chain import Chain


@st.composite
def worlds(draw: Any) -> Any:
    """Scores (B, n) without ties, some of them -inf, and categories (n, C)."""
    n = draw(st.integers(1, 9))
    rows = [draw(st.permutations(range(n))) for _ in range(draw(st.integers(1, 3)))]
    scores = torch.tensor(rows, dtype=torch.float32) / 4  # sums that a float holds exactly
    scores[torch.from_numpy(draw(hnp.arrays(bool, scores.shape)))] = -torch.inf
    category = draw(hnp.arrays(bool, (n, draw(st.integers(1, 3)))))
    return scores, torch.from_numpy(category)


def slow_list(scores: List[float], category: np.ndarray, penalty: float) -> List[int]:
    """Fill one list by the rule of the module's head, in plain Python; what is -inf is left out."""
    left = [item for item, score in enumerate(scores) if score > -np.inf]
    chosen: List[int] = []
    while left:
        worth = [
            scores[i] - penalty * sum((category[i] & category[j]).any() for j in chosen)
            for i in left
        ]
        chosen.append(left.pop(int(np.argmax(worth))))
    return chosen


def reordered(
    category: torch.Tensor, penalty: float, pool: int, scores: torch.Tensor
) -> torch.Tensor:
    """Hand out scores (B, n_items) as a chain of this one re-ranker does."""
    one = CategoryPenalty.__new__(CategoryPenalty)
    one._category, one._penalty, one._length, one.pool = category, penalty, pool, pool
    return Chain([one]).head(Context(), scores).over(scores)


@settings(max_examples=150, deadline=None)
@given(world=worlds(), penalty=st.sampled_from([0.125, 0.375, 10.0]), cells=st.sampled_from([1, 9]))
def test_lists_equal_the_rule_in_plain_python(world: Any, penalty: float, cells: int) -> None:
    scores, category = world
    scores = scores + torch.arange(scores.shape[1]) / 64  # no two items are worth the same
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(category_penalty, "_CELLS", cells)
        item = torch.arange(scores.shape[1]).expand_as(scores)
        order = order_of(category, penalty, scores.shape[1], item, scores)
    for found, row in zip(order, scores.tolist()):
        expected = slow_list(row, category.numpy(), penalty)
        assert found[: len(expected)].tolist() == expected
        assert sorted(found.tolist()) == list(range(len(row)))


@settings(max_examples=100, deadline=None)
@given(world=worlds(), pool=st.integers(1, 12))
def test_reordering_moves_the_pool_alone_and_gives_out_the_same_scores(
    world: Any, pool: int
) -> None:
    scores, category = world
    found = reordered(category, 0.375, pool, scores)
    assert torch.equal(found.sort(dim=1).values, scores.sort(dim=1).values)
    for before, after in zip(scores, found):
        beyond = before < before.topk(min(pool, len(before))).values[-1]
        assert torch.equal(before[beyond], after[beyond])


def test_two_of_a_kind_make_room_for_another_kind() -> None:
    category = torch.tensor([[True, False], [True, False], [False, True], [False, False]])
    scores = torch.tensor([[1.0, 0.9, 0.8, 0.1]])
    found = reordered(category, 0.2, 4, scores)
    assert found.argsort(dim=1, descending=True).tolist() == [[0, 2, 1, 3]]
    assert reordered(category, 0.05, 4, scores).equal(scores)
    # the third is beyond the pool
    assert reordered(category, 0.2, 2, scores).equal(scores)


@settings(max_examples=50, deadline=None)
@given(world=worlds(), length=st.integers(1, 12))
def test_a_shorter_list_is_the_head_of_a_longer_one(world: Any, length: int) -> None:
    scores, category = world
    scores, item = scores.sort(dim=1, descending=True)
    whole = order_of(category, 0.375, scores.shape[1], item, scores)
    short = order_of(category, 0.375, length, item, scores)
    assert short[:, :length].equal(whole[:, :length])
    rest = short[:, length:]
    assert rest.equal(rest.sort(dim=1).values)  # by score, as they came


def test_nobody_asks() -> None:
    none = torch.zeros(0, 3, dtype=torch.int64)
    category = torch.zeros(4, 1, dtype=torch.bool)
    assert order_of(category, 0.2, 3, none, none.float()).shape == (0, 3)
