"""Windows: gathered from the flat log, and cut so that the targets are a partition."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from recbole_poem.data.windows import cut_into_windows, gather_windows, next_rows


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4)), min_size=1, max_size=6),
)
def test_gathered_windows_equal_slices(depth: int, spans: "list[tuple[int, int]]") -> None:
    values = torch.arange(1, 1 + 10 * depth).view(10, depth)
    spans = [(start, min(length, 10 - start)) for start, length in spans]
    start, length = (torch.tensor(part) for part in zip(*spans))
    windows = gather_windows(values, start, length, width=4)
    for window, (begin, size) in zip(windows, spans):
        assert torch.equal(window[:size], values[begin : begin + size])
        assert (window[size:] == 0).all()


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 9), st.integers(0, 99))
def test_targets_of_the_windows_partition_the_rows(
    n_targets: "list[int]", width: int, seed: int
) -> None:
    n_targets = np.array(n_targets)
    first = np.cumsum(n_targets + 1) - (n_targets + 1)
    start, length = cut_into_windows(first, n_targets, width, np.random.default_rng(seed))
    assert len(start) == np.ceil(n_targets / width).sum()
    assert ((length >= 1) & (length <= width)).all()
    targets = np.concatenate([np.arange(s + 1, s + n + 1) for s, n in zip(start, length)] or [[]])
    wanted = [np.arange(f + 1, f + n + 1) for f, n in zip(first, n_targets)]
    assert sorted(targets) == list(np.concatenate(wanted))


def test_cuts_move_from_draw_to_draw() -> None:
    draws = {
        tuple(cut_into_windows(np.array([0]), np.array([13]), 5, np.random.default_rng(s))[1])
        for s in range(40)
    }
    assert draws == {(5, 5, 3), (4, 5, 4), (3, 5, 5)}


def test_the_row_behind_each_position_is_the_next_one() -> None:
    rows = next_rows(torch.tensor([3, 10, 0]), torch.tensor([2, 4, 0]), width=4)
    assert rows.tolist() == [[4, 5, -1, -1], [11, 12, 13, 14], [-1, -1, -1, -1]]
