"""Directions of users' columns: like columns have like ones."""

from typing import List

import numpy as np
import pytest
import torch

from recbole_poem.rankers.column_directions import column_directions
from recbole_poem.rankers.feature_fields import Field

COLUMNS = [
    Field("group", "token", torch.tensor([0, 1, 1, 2])),
    Field("tags", "token_seq", torch.tensor([[0, 0], [1, 2], [2, 1], [3, 0]])),
    Field("size", "float", torch.tensor([0.0, 5.0, 5.0, float("nan")])),
]


def directions(columns: List[Field]) -> np.ndarray:
    return column_directions(columns, 4, 500, np.random.default_rng(0))


@pytest.mark.parametrize("used", [[0], [1], [2], [0, 1, 2]])
def test_every_kind_of_column_tells_users_apart(used: List[int]) -> None:
    found = directions([COLUMNS[column] for column in used])
    assert np.allclose(found[1], found[2])
    assert np.abs(found[1] - found[3]).mean() > 0.3


def test_what_is_not_told_is_no_direction() -> None:
    assert not directions(COLUMNS[:2])[0].any()
    assert not directions(COLUMNS[2:])[3].any()
    assert not directions([]).any()


def test_many_columns_count_as_one() -> None:
    one, many = directions(COLUMNS[:1]), directions(COLUMNS[:1] * 20)
    assert one[1].std() == pytest.approx(1, abs=0.15)
    assert many[1].std() == pytest.approx(1, abs=0.15)
