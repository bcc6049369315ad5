"""Co-occurrences against the equation as written, and what may not move them."""

from collections import defaultdict
from typing import Any, Dict, List, Tuple

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from recbole_poem.graph.co_occurrence import co_occurrences, with_loops

N_ITEMS = 7
Events = List[Tuple[int, int, float]]  # user, item, time

#: few times, so that ties are common
events = st.lists(
    st.tuples(st.integers(1, 4), st.integers(1, N_ITEMS - 1), st.sampled_from([0.0, 1, 2, 5, 9])),
    max_size=40,
)


def counted(log: Events, **how: Any) -> sp.csr_matrix:
    """Count a log that is in blocks of users, in the order of time."""
    columns = np.array(log, dtype=np.float64).reshape(-1, 3).T
    user, item = columns[:2].astype(np.int64)
    return co_occurrences(user, item, columns[2], N_ITEMS, **how)


def slow(log: Events, window: int, decay: float, cap: int, top_k: int) -> np.ndarray:
    """Loop over users and their pairs of places; then over items and their neighbours."""
    rows: Dict[int, Events] = defaultdict(list)
    for event in log:
        rows[event[0]].append(event)
    total = np.zeros((N_ITEMS, N_ITEMS))
    for of_user in rows.values():
        terms = defaultdict(list)
        for p, (_, i, before) in enumerate(of_user):
            for _, j, after in of_user[p + 1 : p + 1 + window]:
                if i != j:
                    terms[min(i, j), max(i, j)].append(np.exp(-abs(after - before) / decay))
        for (i, j), weights in terms.items():
            total[i, j] += sum(sorted(weights)[-cap:])
    total += total.T
    kept = np.zeros(total.shape, dtype=bool)
    for i, row in enumerate(total):
        best = sorted(range(N_ITEMS), key=lambda j: (-np.float64(row[j]), j))[:top_k]
        kept[i, best] = True
    return np.where(kept | kept.T, total, 0)


@settings(max_examples=80)
@given(log=events, window=st.integers(1, 5), cap=st.integers(1, 3))
def test_equals_the_equation(log: Events, window: int, cap: int) -> None:
    log = sorted(log, key=lambda event: (event[0], event[2]))
    found = counted(log, window=window, decay=2.0, cap=cap, top_k=N_ITEMS)
    expected = slow(log, window, 2.0, cap, N_ITEMS)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-6)


def drawn(seed: int) -> Events:
    """Draw gaps of which no two are alike, so that no two pairs weigh the same."""
    rng = np.random.default_rng(seed)
    return [
        (user, int(item), float(time))
        for user in range(1, 30)
        for item, time in zip(rng.integers(1, N_ITEMS, 8), np.sort(rng.uniform(0, 9, 8)))
    ]


@pytest.mark.parametrize("top_k", [1, 2, 3])
def test_an_edge_stays_if_one_of_its_items_keeps_it(top_k: int) -> None:
    log = drawn(1)
    found = counted(log, window=4, decay=1.0, cap=2, top_k=top_k).toarray()
    np.testing.assert_allclose(found, slow(log, 4, 1.0, 2, top_k), rtol=1e-6)
    edges = (found > 0).sum(axis=1)[1:]
    assert edges.min() >= top_k
    assert top_k * (N_ITEMS - 1) <= edges.sum() < (N_ITEMS - 1) * (N_ITEMS - 2)


def test_it_is_symmetric_without_a_diagonal_and_no_order_of_the_users_moves_a_bit() -> None:
    log, rng = drawn(2), np.random.default_rng(0)
    found = counted(log, cap=2, top_k=2, decay=1.0)
    assert found.nnz > 10
    assert (found != found.T).nnz == 0
    assert not found.diagonal().any()
    for _ in range(5):
        order = rng.permutation(30)
        shuffled = sorted(log, key=lambda event: order[event[0]])
        again = counted(shuffled, cap=2, top_k=2, decay=1.0)
        assert np.array_equal(found.toarray(), again.toarray())


@pytest.mark.parametrize("cap", [1, 3])
def test_a_user_who_repeats_a_pair_moves_an_edge_by_the_cap_at_most(cap: int) -> None:
    log = drawn(3)
    more = [(99, 1 + place % 2, float(place) / 1000) for place in range(2000)]
    before, after = (counted(each, cap=cap, top_k=N_ITEMS) for each in (log, log + more))
    moved = (after - before).toarray()
    assert cap * 0.99 < moved[1, 2] <= cap + 1e-5
    moved[[1, 2], [2, 1]] = 0
    assert not moved.any()


def test_the_weight_falls_by_the_gap_and_rows_beyond_the_window_or_of_others_do_not_count() -> None:
    log = [(1, 1, 0.0), (1, 2, 3.0), (1, 3, 3.0), (2, 4, 3.0)]
    found = counted(log, window=1, decay=3.0).toarray()
    np.testing.assert_allclose(found[1, 2], np.exp(-1), rtol=1e-6)
    assert found[2, 3] == 1
    assert (found > 0).sum() == 4
    far = counted([(1, 1, 0.0), (1, 2, 1e9)], decay=1.0)
    assert far.nnz == 0  # nothing is left of it


def test_with_loops_each_row_is_normalised_on_both_sides() -> None:
    graph = counted(drawn(4), decay=1.0, top_k=2)
    looped = graph.toarray() + np.eye(N_ITEMS)
    degree = looped.sum(axis=1)
    found = with_loops(graph).toarray()
    np.testing.assert_allclose(found, looped / np.sqrt(np.outer(degree, degree)), rtol=1e-6)
    assert np.abs(np.linalg.eigvalsh(found)).max() == pytest.approx(1, abs=1e-6)
    assert found[0].tolist() == [1, *[0] * (N_ITEMS - 1)]  # padding keeps itself
