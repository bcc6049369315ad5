"""The chances of a world are those of training, compiled."""

import numpy as np
import torch

from recbole_poem.core.noise import Purpose, uniform
from recbole_poem.world.chance import Chance, Draw


def test_the_numbers_are_those_of_training() -> None:
    user, item = np.arange(5)[:, None], np.arange(-1, 6)[None, :]
    for seed in (0, 1, 2026):
        found = Chance(seed).uniform(Draw.WATCH, user, 3, item)
        expected = uniform(
            seed, Purpose.WORLD, int(Draw.WATCH), torch.tensor(user), 3, torch.tensor(item)
        )
        assert found.tobytes() == expected.numpy().tobytes()


def test_normal_numbers_are_normal_and_finite() -> None:
    found = Chance(0).normal(Draw.CONTEXT, np.arange(100_000))
    assert np.isfinite(found).all()
    assert abs(found.mean()) < 0.01 and abs(found.std() - 1) < 0.01


def test_draws_of_different_kinds_and_keys_have_nothing_in_common() -> None:
    chance, keys = Chance(0), np.arange(10_000)
    one = chance.uniform(Draw.WATCH, keys, 1)
    for other in (chance.uniform(Draw.SKIP, keys, 1), chance.uniform(Draw.WATCH, keys, 2)):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.03
