"""Lists that are filled place by place: known answers, a slow reference, and what a place costs."""

from typing import Any, List, Sequence

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from recbole_poem.rerankers.slots import Above, filled


def slow_list(
    vector: np.ndarray, category: np.ndarray, alone: Sequence[float], weights: Any, length: int
) -> List[int]:
    """Fill one list by the rule, candidate by candidate."""
    chosen: List[int] = []
    for _ in range(length):
        worth = {}
        for i in range(len(alone)):
            if i in chosen:
                continue
            similar = [vector[i] @ vector[j] for j in chosen] or [0]
            shared = [float((category[i] * category[j]).any()) for j in chosen] or [0]
            features = (max(similar), np.mean(similar), np.mean(shared))
            worth[i] = alone[i] + np.dot(weights, features)
        chosen.append(max(worth, key=lambda i: worth[i]))
    return chosen


@given(
    seed=st.integers(0, 10**6),
    size=st.integers(1, 8),
    weights=st.tuples(*[st.sampled_from([-1.5, -0.3, 0.0, 0.8])] * 3),
)
def test_lists_equal_the_rule_in_plain_python(seed: int, size: int, weights: Any) -> None:
    draws = torch.Generator().manual_seed(seed)
    vector = torch.randn(3, size, 4, generator=draws, dtype=torch.float64)
    category = (torch.rand(3, size, 3, generator=draws) < 0.4).double()
    alone = torch.randn(3, size, generator=draws, dtype=torch.float64)
    length = int(torch.randint(1, size + 1, (1,), generator=draws))
    found = filled(vector, category, alone, weights, length)
    for row in range(3):
        of = vector[row].numpy(), category[row].numpy(), alone[row].tolist()
        assert found[row].tolist() == slow_list(*of, weights, length)


def test_without_weights_a_list_is_sorted_by_score() -> None:
    score = torch.tensor([[0.1, 0.9, -torch.inf, 0.5]])
    vector = torch.ones(1, 4, 2)
    assert filled(vector, vector, score, (0, 0, 0), 4).tolist() == [[1, 3, 0, 2]]


def test_duplicates_that_cost_make_two_categories_alternate() -> None:
    category = torch.tensor([[[1.0, 0.0]] * 3 + [[0.0, 1.0]] * 3])
    for weights in ((0, -1, 0), (0, 0, -1)):
        columns = filled(category, category, torch.zeros(1, 6), weights, 6)[0]
        assert (columns >= 3).tolist() == [False, True] * 3


def test_a_penalty_of_the_likest_item_is_maximal_marginal_relevance() -> None:
    draws = torch.Generator().manual_seed(1)
    vector = torch.nn.functional.normalize(torch.randn(1, 30, 5, generator=draws), dim=2)
    relevance = torch.rand(1, 30, generator=draws)
    trade = 0.3
    chosen = [int(relevance.argmax())]
    similar = vector[0] @ vector[0].T
    while len(chosen) < 10:
        left = [i for i in range(30) if i not in chosen]
        chosen.append(
            max(
                left,
                key=lambda i: (
                    trade * relevance[0, i] - (1 - trade) * max(similar[i, j] for j in chosen)
                ),
            )
        )
    assert chosen != relevance.topk(10).indices[0].tolist()
    found = filled(vector, None, trade * relevance, (trade - 1, 0, 0), 10)
    assert found[0].tolist() == chosen


def test_a_place_costs_one_product_of_each_candidate() -> None:
    vector, alone = torch.randn(2, 40, 6), torch.randn(2, 40)
    work = []
    for length in (1, 2, 8):
        with FlopCounterMode(display=False) as counter:
            filled(vector, None, alone, (-1, 0, 0), length)
        work.append(counter.get_total_flops())
    of_place = 2 * 40 * 6 * 2  # a multiplication and an addition for each number of a candidate
    assert work == [0, of_place, 7 * of_place]


def test_the_likest_may_be_opposite() -> None:
    above = Above(torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), None)
    above.place(torch.tensor([[-1.0, 0.0]]), None)
    assert above.features().max_similarity.tolist() == [[-1.0, 0.0]]
    above.place(torch.tensor([[0.0, 0.5]]), None)
    assert above.features().max_similarity.tolist() == [[0.0, 0.5]]
    assert above.features().mean_similarity.tolist() == [[-0.5, 0.25]]
