"""Rows that move seldom: Adam against torch's own, the average against the one of each step."""

from typing import List, Tuple

import pytest
import torch

from recbole_poem.encoders.tables.lazy import LazyAdam, LazyAverage
from recbole_poem.training.weight_average import WeightAverage


def steps(number: int, n_rows: int = 9, size: int = 4) -> List[Tuple[torch.Tensor, torch.Tensor]]:
    """Draw the touched rows of some steps, and their gradients; row 0 is touched once."""
    generator = torch.Generator().manual_seed(3)
    drawn = [torch.randperm(n_rows - 1, generator=generator)[:3].sort().values + 1]
    drawn += [torch.randperm(n_rows - 1, generator=generator)[:3] + 1 for _ in range(number - 1)]
    drawn[0][0] = 0
    return [(touched, torch.randn(3, size, generator=generator)) for touched in drawn]


def test_rows_move_as_torchs_sparse_adam_moves_them() -> None:
    begin = torch.randn(9, 4, generator=torch.Generator().manual_seed(1))
    theirs = torch.nn.Embedding(9, 4, sparse=True)
    theirs.weight.data.copy_(begin)
    optimizer = torch.optim.SparseAdam(theirs.parameters(), lr=0.01)
    rows, adam = begin.clone(), LazyAdam(begin)
    for touched, gradient in steps(40):
        optimizer.zero_grad()
        (theirs(touched) * gradient).sum().backward()
        optimizer.step()
        rows[touched] = adam.moved(rows[touched], touched, gradient, 0.01)
    torch.testing.assert_close(rows, theirs.weight.detach(), rtol=1e-5, atol=1e-7)


def test_dense_adam_moves_rows_that_lazy_adam_leaves() -> None:
    """That is the difference between the two tables, and the saving."""
    (touched, gradient), (others, of_others) = steps(2)
    once = next(row for row in touched.tolist() if row not in others.tolist())
    rows = torch.zeros(9, 4)
    weight = torch.nn.Parameter(rows.clone())
    dense, adam = torch.optim.Adam([weight], lr=0.01), LazyAdam(rows)
    after = []
    for where, value in ((touched, gradient), (others, of_others)):
        weight.grad = torch.zeros(9, 4).index_copy_(0, where, value)
        dense.step()
        rows[where] = adam.moved(rows[where], where, value, 0.01)
        after.append((weight.detach()[once].clone(), rows[once].clone()))
    torch.testing.assert_close(after[0][0], after[0][1])
    assert torch.equal(after[0][1], after[1][1])
    assert (after[0][0] != after[1][0]).all()


@pytest.mark.parametrize("decay", [0.05, 0.5, 0.9, 0.998])
@pytest.mark.parametrize("number", [1, 7, 120])
def test_the_lazy_average_is_that_of_each_step(decay: float, number: int) -> None:
    model = torch.nn.Linear(4, 9, bias=False)
    rows = model.weight.detach().clone()
    eager, lazy = WeightAverage(model, decay), LazyAverage(rows, decay)
    for touched, change in steps(number):
        with torch.no_grad():
            model.weight[touched] += change
        eager._update()
        lazy.follow(touched, rows[touched], rows[touched] + change)
        rows[touched] += change
    lazy.settle(rows)
    expected = eager.state_dict()["averages"]["weight"]
    torch.testing.assert_close(lazy.average, expected, rtol=1e-4, atol=1e-5)
    assert lazy.since.tolist() == [number] * 9


def test_the_average_of_a_row_that_never_moved_is_the_row() -> None:
    rows = torch.randn(5, 3)
    lazy = LazyAverage(rows, 0.9)
    for _ in range(4):
        lazy.follow(torch.tensor([2]), rows[2:3], rows[2:3] + 1)
        rows[2] += 1
    lazy.settle(rows)
    others = torch.tensor([0, 1, 3, 4])
    assert torch.equal(lazy.average[others], rows[others])
    assert not torch.equal(lazy.average[2], rows[2])


def test_to_settle_twice_changes_nothing() -> None:
    rows = torch.randn(5, 3)
    lazy = LazyAverage(rows, 0.9)
    lazy.follow(torch.tensor([2]), rows[2:3], rows[2:3] + 1)
    rows[2] += 1
    lazy.follow(torch.tensor([1]), rows[1:2], rows[1:2])
    lazy.settle(rows)
    once = lazy.average.clone()
    lazy.settle(rows)
    assert torch.equal(lazy.average, once)
