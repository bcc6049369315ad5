"""Counts of items before moments: planted ones, a slow reference, a future that says nothing."""

from typing import Any, List, Sequence, Tuple

import numpy as np
import torch

from recbole_poem.rankers.item_counts import Counts, ItemCounts

Row = Tuple[int, int, float, float]  # item, second, two answers
N_ITEMS, WINDOWS = 8, (10.0, 40.0)
NAN = float("nan")


def counter(rows: Sequence[Row], windows: Sequence[float] = WINDOWS) -> ItemCounts:
    columns = np.array(rows, dtype=float).reshape(-1, 4)
    item, seconds = (columns[:, place].astype(np.int64) for place in (0, 1))
    return ItemCounts(item, seconds, columns[:, 2:], windows)


def ask(of: ItemCounts, items: Sequence[int], time: int) -> Counts:
    """Count some items before one moment; the first dimension is gone."""
    found = of(torch.tensor([list(items)]), torch.tensor([time]))
    return Counts(*(each[0] for each in found))


def random_rows(seed: int, n: int = 200) -> List[Row]:
    rng = np.random.default_rng(seed)
    answers = rng.choice([0, 1, NAN], (n, 2), p=[0.5, 0.3, 0.2])
    columns = rng.integers(1, N_ITEMS, n), 1000 + rng.integers(0, 100, n), answers
    return [(int(i), int(s), *a) for i, s, a in zip(columns[0], columns[1], answers.tolist())]


def slowly(rows: Sequence[Row], item: int, time: int, windows: Sequence[float]) -> Any:
    """Count by going through all rows."""
    before = [row for row in rows if row[1] < time]
    last = max((row[1] for row in before), default=0)
    own = [row for row in before if item in (0, row[0])]
    found = []
    for window in (*windows, float("inf")):
        inside = [row for row in own if row[1] > last - window]
        told = [[row[2 + t] for row in inside if not np.isnan(row[2 + t])] for t in (0, 1)]
        found.append((len(inside), [len(t) for t in told], [sum(t) for t in told]))
    return found, time - min(row[1] for row in own) if own else -1


def test_planted_rows_are_counted() -> None:
    rows = [
        (3, 100, 1, 0), (3, 130, 0, 0), (3, 135, 1, NAN), (5, 136, 1, 1), (3, 140, 1, 1),
    ]  # fmt: skip
    found = ask(counter(rows), [3, 5, 7, 0], time=140)  # the row at 140 is not known yet
    # windows end with the row at 136: 10 seconds reach back to 127, 40 to 97
    assert found.shown.tolist() == [[2, 3, 3], [1, 1, 1], [0, 0, 0], [3, 4, 4]]
    assert found.answered[0].tolist() == [[2, 1], [3, 2], [3, 2]]
    assert found.yes[0].tolist() == [[1, 0], [2, 0], [2, 0]]
    assert found.yes[1].tolist() == [[1, 1], [1, 1], [1, 1]]
    assert found.since_first.tolist() == [40, 4, -1, 40]
    assert ask(counter(rows), [3], time=141).shown.tolist() == [[2, 3, 4]]


def test_it_counts_as_a_slow_search_does() -> None:
    for seed in range(3):
        rows = random_rows(seed)
        of = counter(rows)
        for time in (990, 1000, 1001, 1037, 1099, 1100, 5000):
            found = ask(of, range(N_ITEMS), time)
            for item in range(N_ITEMS):
                counts, since_first = slowly(rows, item, time, WINDOWS)
                assert found.shown[item].tolist() == [count[0] for count in counts]
                assert found.answered[item].tolist() == [count[1] for count in counts]
                assert found.yes[item].tolist() == [count[2] for count in counts]
                assert found.since_first[item] == since_first


def test_the_future_has_no_say() -> None:
    rows = random_rows(4)
    before = [row for row in rows if row[1] < 1060]
    rng = np.random.default_rng(5)
    others = [(int(rng.integers(1, N_ITEMS)), row[1], 1, 0) for row in rows if row[1] >= 1060]
    assert 50 < len(before) < 150
    expected = ask(counter(rows), range(N_ITEMS), 1060)
    for changed in (before, [*before, *others], [*before, (2, 1060, 1, 1), (2, 9000, 1, 1)]):
        for one, other in zip(expected, ask(counter(changed), range(N_ITEMS), 1060)):
            assert torch.equal(one, other)
    assert not torch.equal(expected.shown, ask(counter(before[:-9]), range(N_ITEMS), 1060).shown)


def test_many_moments_are_asked_at_once() -> None:
    of, rng = counter(random_rows(6)), np.random.default_rng(7)
    items = torch.from_numpy(rng.integers(0, N_ITEMS, (20, 5)))
    time = torch.from_numpy(rng.integers(990, 1120, 20))
    for together, alone in zip(of(items, time), zip(*map(lambda i, t: ask(of, i, t), items, time))):
        assert torch.equal(together, torch.stack(alone))


def test_a_log_without_rows_counts_nothing() -> None:
    found = ask(counter([]), [0, 3], 1000)
    assert not any(each.any() for each in (found.shown, found.answered, found.yes))
    assert found.since_first.tolist() == [-1, -1]
