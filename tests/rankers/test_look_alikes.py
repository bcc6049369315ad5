"""Look-alikes against a slow search, and on planted users: twins, later ones, newcomers."""

from typing import Any, Dict, List, Sequence, Tuple

import numpy as np
import pytest
import torch

from recbole_poem.rankers.feature_fields import Field
from recbole_poem.rankers.look_alikes import LikedRows, LookAlikes, n_bits_set

Row = Tuple[int, int, int]  # user, item, time
N_USERS, N_ITEMS = 40, 30


def index(rows: Sequence[Row], columns: Sequence[Field] = (), **changed: Any) -> LookAlikes:
    ordered = sorted(rows, key=lambda row: (row[0], row[2]))
    user, item, time = np.array(ordered, dtype=np.int64).reshape(-1, 3).T
    sizes = {"n_tables": 8, "depth": 1000, "seed": 3, **changed}
    return LookAlikes(LikedRows(user, item, time), N_USERS, N_ITEMS, columns, **sizes)


def found(index: LookAlikes, user: int, time: int, n: int = 8) -> List[int]:
    states = index(torch.tensor([user]), torch.tensor([time]), n)
    return [u for u in index.users_of(states)[0].tolist() if u]


def random_rows(seed: int, n: int = 300, users: Sequence[int] = range(1, 21)) -> List[Row]:
    rng = np.random.default_rng(seed)
    columns = (rng.choice(users, n), rng.integers(1, N_ITEMS, n), rng.integers(0, 100, n))
    return sorted(zip(*(column.tolist() for column in columns)), key=lambda row: row[2])


def token(values: Sequence[int]) -> Field:
    return Field("group", "token", torch.tensor(values))


# -- known answers ---------------------------------------------------------------------------------


def test_the_twin_is_the_nearest() -> None:
    likes = [3, 5, 8, 11, 14, 20, 21]
    twins = [
        (user, item, 10 * place + user) for user in (30, 31) for place, item in enumerate(likes)
    ]
    both = index(random_rows(0) + twins, depth=8)
    assert found(both, 30, 101)[0] == 31
    assert found(both, 31, 101)[0] == 30
    # and what he liked last is recalled, the last first
    states = both(torch.tensor([30]), torch.tensor([101]), 1)
    assert both.latest_items(states, 3).tolist() == [[[21, 20, 14]]]


def test_a_twin_of_the_future_is_never_chosen() -> None:
    likes = [3, 5, 8, 11]
    mine = [(30, item, 50 + place) for place, item in enumerate(likes)]
    twin = [(31, item, 90 + place) for place, item in enumerate(likes)]
    both = index(random_rows(0) + mine + twin)
    for time in (60, 89, 90):  # at the moment of his first row he is not known either
        assert 31 not in found(both, 30, time, N_USERS)
    assert found(both, 30, 94)[0] == 31
    # his rows are told up to the moment
    (state,) = both(torch.tensor([30]), torch.tensor([92]), N_USERS).unbind(0)
    of_twin = state[both.users_of(state[None])[0] == 31]
    assert both.latest_items(of_twin[None], 4).tolist() == [[[5, 3, 0, 0]]]


def test_a_user_without_rows_meets_those_who_began_like_him() -> None:
    groups = [0, *(1 + user % 3 for user in range(1, N_USERS))]
    rows = random_rows(1, users=range(1, 31))
    columns = [token(groups), Field("size", "float", torch.ones(N_USERS))]
    alike = index(rows, columns, depth=4)
    for newcomer in (35, 36, 37):
        users = found(alike, newcomer, 100, 4)
        assert len(users) == 4
        assert {groups[user] for user in users} == {groups[newcomer]}


def test_without_columns_he_meets_those_who_began_last() -> None:
    rows = [(user, 1 + user, 10 * user) for user in range(1, 10)]
    rows += [(1, 25, 95)]  # who began long ago is not new by another row
    newest = index(rows, depth=4)
    assert found(newest, 35, 100) == [9, 8, 7, 6]
    assert found(newest, 35, 75) == [7, 6, 5, 4]
    assert found(newest, 35, 10) == []


def test_without_rows_there_is_nobody() -> None:
    nobody = index([])
    states = nobody(torch.tensor([1, 2]), torch.tensor([0, 5]), 3)
    assert states.tolist() == [[-1] * 3] * 2
    assert nobody.users_of(states).tolist() == [[0] * 3] * 2
    assert nobody.latest_items(states, 2).tolist() == [[[0, 0]] * 3] * 2


def test_a_share_of_the_bits_agrees_as_the_angle_says() -> None:
    """Two users who share one of two items are at 60 degrees: a third of the bits differs."""
    pairs = [(3 * n + 1, 3 * n + 2, 3 * n + 3) for n in range(9)]
    rows = []
    for n, (shared, one, other) in enumerate(pairs):
        rows += [(2 * n + 1, item, 1) for item in (shared, one)]
        rows += [(2 * n + 2, item, 1) for item in (shared, other)]
    shares = []
    for seed in range(20):
        codes = index(rows, seed=seed).codes.reshape(-1, 2, 3)[:, :, 2]  # begin, one row, both
        shares.append(n_bits_set(codes[:, 0] ^ codes[:, 1]).float().mean() / 64)
    assert np.mean(shares) == pytest.approx(1 / 3, abs=0.02)


def test_bits_are_counted() -> None:
    codes = torch.tensor([0, 1, -1, 2**62 + 6, -(2**63), -(2**63) + 255, -6])
    expected = [bin(code % 2**64).count("1") for code in codes.tolist()]
    assert n_bits_set(codes).tolist() == expected


# -- invariances, and a slow search ----------------------------------------------------------------


@pytest.mark.parametrize("n_tables", [4, 8, 16])
@pytest.mark.parametrize("depth", [2, 1000])
def test_it_finds_what_a_slow_search_finds(n_tables: int, depth: int) -> None:
    rows = random_rows(5)
    fast, states = index(rows, n_tables=n_tables, depth=depth), slow_states(rows)
    for user in (1, 7, 20, 33):
        for time in (0, 20, 50, 100):
            near = slow_search(states, user, time, 64 // n_tables, depth)
            users = found(fast, user, time, 5)
            assert len(set(users)) == len(users) == min(5, len(near))
            assert [near[other] for other in users] == sorted(near.values())[:5]


def slow_states(rows: Sequence[Row]) -> Dict[int, List[Tuple[int, List[bool]]]]:
    """List when each user came to each of his codes."""
    directions = np.rint(np.random.default_rng(3).normal(size=(N_ITEMS, 64)) * 2**16)
    states: Dict[int, List[Tuple[int, List[bool]]]] = {}
    for user in {user for user, _, _ in rows}:
        mine = [row for row in rows if row[0] == user]
        totals = np.cumsum([directions[item] for _, item, _ in mine], axis=0)
        states[user] = [(mine[0][2], [False] * 64)]
        states[user] += [(row[2], (total > 0).tolist()) for row, total in zip(mine, totals)]
    return states


def slow_search(
    states: Dict[int, List[Tuple[int, List[bool]]]], user: int, time: int, size: int, depth: int
) -> Dict[int, Tuple[int, int]]:
    """Return how far those are whom the tables show: bits that differ, and age of the entry."""
    mine = [code for when, code in states.get(user, []) if when < time]
    code, near = mine[-1] if mine else [False] * 64, {}
    for begin in range(0, 64, size):
        part, came = slice(begin, begin + size), []
        for other, of_other in sorted(states.items()):
            before = [[], *(bits[part] for _, bits in of_other)]
            came += [
                (when, len(came) + place, other, bits)
                for place, ((when, bits), last) in enumerate(zip(of_other, before))
                if bits[part] != last and bits[part] == code[part] and when < time
            ]
        for when, _, other, bits in sorted(came)[-depth:]:
            far = (sum(a != b for a, b in zip(bits, code)), time - when)
            if other != user:
                near[other] = min(far, near.get(other, far))
    return near


def test_later_rows_change_nothing() -> None:
    rows, time = random_rows(6), 60
    groups = token([0, *(1 + user % 3 for user in range(1, N_USERS))])
    past = [row for row in rows if row[2] < time]
    users = torch.arange(1, N_USERS)
    answers = []
    for later in ([], random_rows(7, 200, range(1, 40)), [(1, 2, 3 * time)]):
        moved = [(user, item, time + when) for user, item, when in later]
        alike = index(past + moved, [groups], depth=4)
        states = alike(users, torch.full_like(users, time), 5)
        answers.append((alike.users_of(states), alike.latest_items(states, 3)))
    assert (answers[0][0] > 0).any(dim=1).all()
    for answer in answers[1:]:
        assert all(torch.equal(one, other) for one, other in zip(answer, answers[0]))


def test_the_order_of_past_likes_is_no_part_of_the_code() -> None:
    items = [3, 9, 4, 17, 25]
    codes = [
        index([(2, item, when) for when, item in enumerate(order)]).codes[-1]
        for order in (items, items[::-1])
    ]
    assert codes[0] == codes[1] != 0


def test_an_answer_does_not_depend_on_who_else_is_asked() -> None:
    alike = index(random_rows(8), depth=3)
    users, times = torch.randint(1, N_USERS, (50,)), torch.randint(0, 120, (50,))
    together = alike(users, times, 4)
    alone = [alike(user[None], time[None], 4) for user, time in zip(users, times)]
    assert torch.equal(together, torch.cat(alone))
