"""Lists for a user who may leave: the best list is that of brute force."""

from itertools import permutations
from typing import List, Tuple

import pytest
import torch

from recbole_poem.rerankers.continuation import (
    beam_lists,
    best_lists,
    index_of,
    value_of,
)


def brute_force(u: torch.Tensor, q: torch.Tensor, length: int) -> Tuple[List[int], float]:
    def value(order: Tuple[int, ...]) -> float:
        there, total = 1.0, 0.0
        for item in order:
            total += there * float(u[item])
            there *= float(q[item])
        return total

    best = max(permutations(range(len(u)), length), key=value)
    return list(best), value(best)


def drawn(n_requests: int, n_candidates: int, seed: int) -> Tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (n_requests, n_candidates)
    worth = torch.rand(shape, generator=generator, dtype=torch.float64)
    return worth, torch.rand(shape, generator=generator, dtype=torch.float64)


def test_what_keeps_the_user_comes_first() -> None:
    u, q = torch.tensor([[1.0, 0.9]]), torch.tensor([[0.1, 0.95]])
    found = best_lists(u, q, 2)
    assert found.column.tolist() == [[1, 0]]
    assert float(found.value) == pytest.approx(1.85)
    assert float(value_of(u, q)) == pytest.approx(1.09)  # by worth alone


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_the_best_list_is_that_of_brute_force(length: int) -> None:
    u, q = drawn(60, 5, seed=length)
    found = best_lists(u, q, length)
    for row in range(60):
        order, value = brute_force(u[row], q[row], length)
        assert found.column[row].tolist() == order
        assert float(found.value[row]) == pytest.approx(value)


def test_the_best_of_an_index_is_not_the_best_list() -> None:
    u, q = drawn(300, 6, seed=7)
    cut = index_of(u, q).topk(3, dim=1).indices
    by_index = value_of(u.gather(1, cut), q.gather(1, cut))
    best = best_lists(u, q, 3).value
    assert bool((best >= by_index - 1e-12).all())
    assert int((best > by_index + 1e-9).sum()) > 60


def test_a_user_who_leaves_at_once_gets_the_best_item_first() -> None:
    u, q = drawn(40, 8, seed=1)
    found = best_lists(u, torch.zeros_like(q), 3)
    assert torch.equal(found.column[:, 0], u.argmax(dim=1))
    assert torch.equal(found.value, u.amax(dim=1))


def test_a_user_who_never_leaves_gets_the_best_items() -> None:
    u, q = drawn(40, 8, seed=2)
    found = best_lists(u, torch.ones_like(q), 3)
    assert torch.equal(found.column.sort().values, u.topk(3).indices.sort().values)
    torch.testing.assert_close(found.value, u.topk(3).values.sum(dim=1))


def test_what_may_not_be_shown_is_not() -> None:
    u, q = drawn(40, 6, seed=3)
    u[:, 2] = -torch.inf
    found = best_lists(u, q, 5)
    assert not bool((found.column == 2).any())
    assert bool(found.value.isfinite().all())


def test_a_request_with_few_items_has_a_short_list() -> None:
    u, q = drawn(2, 4, seed=6)
    u[0, [0, 2]] = -torch.inf
    u[1] = -torch.inf
    found = best_lists(u, q, 3)
    order, value = brute_force(u[0, [1, 3]], q[0, [1, 3]], 2)
    assert found.column.tolist() == [[[1, 3][order[0]], [1, 3][order[1]], -1], [-1, -1, -1]]
    assert found.value.tolist() == pytest.approx([value, 0])


def test_the_order_of_candidates_does_not_matter() -> None:
    u, q = drawn(40, 9, seed=4)
    mixed = torch.randperm(9)
    found, other = best_lists(u, q, 4), best_lists(u[:, mixed], q[:, mixed], 4)
    assert torch.equal(found.column, mixed[other.column])


def one_by_one(u: torch.Tensor, q: torch.Tensor, length: int) -> Tuple[List[int], float]:
    """Take or skip each item of one request, from the lowest index up, with lists of Python."""
    best: List[Tuple[float, List[int]]] = [(0.0, [])] + [(-float("inf"), [])] * length
    for item in index_of(u, q).argsort(stable=True).tolist():
        for k in range(length, 0, -1):
            value, behind = best[k - 1]
            with_it = float(u[item]) + (float(q[item]) * value if len(behind) == k - 1 else 0.0)
            if len(behind) == k - 1 and with_it > best[k][0]:
                best[k] = (with_it, [item, *behind])
    value, order = next(each for each in reversed(best) if each[0] > -float("inf"))
    return order, value


def test_many_candidates_are_taken_as_one_by_one() -> None:
    u, q = drawn(12, 150, seed=8)
    u[:4], q[:4] = (u[:4] * 5).round() / 5, (q[:4] * 5).round() / 5  # many are worth the same
    u[2, 4:] = -torch.inf
    u[5] -= 0.5
    found = best_lists(u, q, 10)
    for row in range(12):
        order, value = one_by_one(u[row], q[row], 10)
        assert found.column[row].tolist() == order + [-1] * (10 - len(order))
        assert float(found.value[row]) == value


def test_a_wide_beam_finds_the_best_list() -> None:
    u, q = drawn(30, 5, seed=5)

    def alone(begun: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        return tuple(  # type: ignore[return-value]
            of.float().unsqueeze(1).expand(-1, begun.shape[1], -1) for of in (u, q)
        )

    found, best = beam_lists(alone, 30, 3, width=60), best_lists(u, q, 3)
    assert torch.equal(found.column, best.column)
    torch.testing.assert_close(found.value, best.value.float())


def test_a_beam_reads_what_stands_before() -> None:
    kind = torch.tensor([0, 0, 1, 1])
    worth = torch.tensor([1.0, 0.9, 0.8, 0.7])

    def tiring(begun: torch.Tensor) -> Tuple[torch.Tensor, torch.Tensor]:
        same = (kind[begun].unsqueeze(-1) == kind).sum(dim=2)  # (B, P, N)
        return worth * 0.1**same, torch.full(same.shape, 0.9)

    found = beam_lists(tiring, 1, 2, width=2)
    assert found.column.tolist() == [[0, 2]]
    assert float(found.value) == pytest.approx(1.0 + 0.9 * 0.8)
